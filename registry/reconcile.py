"""Compare MLflow with what Placet decided: aliases that nobody approved, versions that moved, bytes that changed.

Three passes, each by itself: what is live is looked at first and quickly (``watch_aliases``), its bytes on a schedule
(``check_live_bytes``), and only then new versions are fetched (``mirror_registry``). Within a pass each model stands
for itself: what one of them does to us becomes a finding and never hides the others.
"""

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from django.core.cache import cache

from governance.common import clock
from governance.inventory.models import AISystem
from registry import grandfathered, live, locks, mlflow, selectors
from registry.errors import MlflowDown
from registry.findings import report
from registry.mirror import in_words, mirror_versions, model_row
from registry.models import AliasHistory

log = logging.getLogger(__name__)
PATIENCE_S = 300


@dataclass
class Report:
    """What one pass saw."""

    models: int = 0
    findings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    @contextmanager
    def contained(self, name: str, what: str, system: AISystem | None = None) -> Iterator[None]:
        """Turn what goes wrong with one model into a finding, so that the pass goes on to the next.

        Raises:
            MlflowDown: the whole server does not answer; there is no next.
        """
        try:
            yield
        except Exception as error:
            if isinstance(error, MlflowDown) and not mlflow.is_up():
                raise
            log.exception("%s: %s", name, what)
            self.findings += report(
                code="unchecked", title=f"{name}: {what}: {in_words(error)}", severity="high", system=system
            )


Pass = Callable[[mlflow.Client, Report], None]


def reconcile() -> Report:
    """Do all three passes, one after the other."""
    done = Report()
    for name, work in PASSES.items():
        one = run_pass(name, work)
        done.models = max(done.models, one.models)
        done.findings += one.findings
        done.problems += one.problems
    return done


def run_pass(name: str, work: Pass) -> Report:
    """Do one pass; while another worker is at the same one, do nothing.

    A pass that breaks down is a finding at once; while MLflow does not answer, after five minutes, since nobody is
    told of an unapproved alias meanwhile.
    """
    done = Report()
    with locks.held(f"reconcile {name}") as mine:
        if not mine:
            return done
        try:
            with mlflow.Client() as client:
                work(client, done)
        except MlflowDown as down:
            log.warning("%s: %s", name, down.detail)
            done.findings += _while_down(name, down)
        except Exception as error:
            log.exception("the pass over %s broke down", name)
            done.findings += report(
                code="reconciler-failed",
                title=f"The reconciler's pass over {name} broke down: {in_words(error)}",
                severity="critical",
            )
        else:
            cache.delete(f"placet:reconciler-down:{name}")
    return done


def _while_down(name: str, down: MlflowDown) -> list[str]:
    now = clock.now().timestamp()
    since = cache.get_or_set(f"placet:reconciler-down:{name}", now, timeout=None)
    if now - float(since or now) < PATIENCE_S:
        return []
    return report(
        code="reconciler-failed",
        title=f"The reconciler's pass over {name} has failed for more than {PATIENCE_S // 60} minutes: {down.detail}",
        severity="high",
    )


def watch_aliases(client: mlflow.Client, done: Report) -> None:
    """Check every protected alias and stage, and that each live version is still the one that was approved."""
    found = {model.name: model for model in client.models()}
    spans = _live_by_model()
    for name in sorted({*found, *spans}):
        done.models += 1
        held = spans.get(name, [])
        system = held[0].version.model.system if held else None
        with done.contained(name, "its aliases can't be checked", system):
            row = model_row(name)
            done.findings += live.check_model(client, found.get(name), row, held)
    done.findings += grandfathered.settle()


def check_live_bytes(client: mlflow.Client, done: Report) -> None:
    """Digest again what is live and due, and report bytes that are not the approved ones.

    Whether what one would go back to is still in the store is noted for the pages.
    """
    for span in selectors.all_live():
        with done.contained(str(span.version), "its bytes can't be checked", span.version.model.system):
            done.findings += live.check_bytes(client, span)
            live.look_for(client, span.version)
            if back := selectors.rollback_target(span.version, span.alias):
                live.look_for(client, back.version)


def mirror_registry(client: mlflow.Client, done: Report) -> None:
    """Mirror every registered model and its new versions."""
    for found in client.models():
        with done.contained(found.name, "its versions can't be mirrored"):
            done.problems += mirror_versions(client, model_row(found.name))


def _live_by_model() -> dict[str, list[AliasHistory]]:
    found: dict[str, list[AliasHistory]] = {}
    for span in selectors.all_live():
        found.setdefault(span.version.model.name, []).append(span)
    return found


PASSES: dict[str, Pass] = {
    "aliases": watch_aliases,
    "live-bytes": check_live_bytes,
    "new-versions": mirror_registry,
}
