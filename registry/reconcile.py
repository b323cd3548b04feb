"""Compare MLflow with what Placet decided: aliases that nobody approved, versions that moved, bytes that changed.

Three passes, each by itself: what is live is looked at first and quickly (``watch_aliases``), its bytes on a schedule
(``check_live_bytes``), and only then new versions are fetched (``mirror_registry``). Within a pass each model stands
for itself: what one of them does to us becomes a finding and never hides the others.
"""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import Any, TypeVar

from django.core.cache import cache

from governance.common import clock
from governance.inventory.models import AISystem
from placet.mlflow_plugin.protection import fold, is_protected_alias, is_protected_stage
from placet.uris import DEFAULT_WORKSPACE, OUTSIDE, qualified, split_workspace
from registry import deviations, grandfathered, live, locks, mlflow, selectors, watches, webhooks
from registry.errors import MlflowDown, UnknownModel
from registry.findings import report
from registry.mirror import in_words, mirror_page, model_rows
from registry.models import AliasHistory, RegisteredModel, WatchSpan
from registry.protected import in_force as protection_in_force

R = TypeVar("R")
log = logging.getLogger(__name__)
UNCHECKED = "its aliases can't be checked"
PATIENCE_S = 300
ABSENT_AFTER = timedelta(minutes=1)
EXPECTED_EVERY_S, SLOW_S = {"aliases": 10.0}, 60.0
"""How often each pass is done; one that fetches files takes its time."""


@dataclass
class Report:
    """What one pass saw.

    Attributes:
        unsure: models that it could not check.
        read: workspaces that it read to the end.
        unread: workspaces that it could not read, or not to the end.
    """

    models: int = 0
    findings: list[str] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    unsure: set[str] = field(default_factory=set)
    read: set[str] = field(default_factory=set)
    unread: set[str] = field(default_factory=set)

    def is_unsure(self, model: str) -> bool:
        """Return whether a model could not be checked, by itself or with its whole workspace."""
        return model in self.unsure or split_workspace(model)[0] in self.unread

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
            self.unsure.add(name)
            own = RegisteredModel.objects.filter(**selectors.called(name)).select_related("system")
            if system is None and (row := own.first()):
                system = row.system
            self.findings += report(
                code="unchecked", title=f"{name}: {what}: {in_words(error)}", severity="high", system=system
            )

    def each(self, client: mlflow.Client, work: Callable[[mlflow.Client], None]) -> None:
        """Do some work in each workspace. One that can't be read is a finding, and hides none of the others.

        Asked for are those that MLflow lists and those that models were mirrored from: one may be hidden by now. A
        workspace that is gone has nothing to read; what was live in it is missed by itself.

        Raises:
            MlflowDown: the whole server does not answer.
            Exception: what went wrong in a workspace that is the only one.
        """
        mirrored = RegisteredModel.objects.exclude(workspace=OUTSIDE)
        known = mirrored.order_by().values_list("workspace", flat=True).distinct()
        listed = client.workspaces()
        names = sorted({*listed, *known})
        for name in names:
            there = client.within(name)
            try:
                if name not in listed:
                    there.check_workspace()
                work(there)
            except UnknownModel:
                log.info("MLflow has no workspace %s any more.", name)
            except Exception as error:
                if len(names) == 1 or (isinstance(error, MlflowDown) and not mlflow.is_up()):
                    raise
                log.exception("the workspace %s can't be read", name)
                self.unread.add(name)
                title = f"MLflow's workspace {name} can't be read: {in_words(error)}"
                self.findings += report(code="workspace-unread", title=title, severity="high")
            else:
                self.read.add(name)


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
            if done.read or not done.unread:  # where nothing could be read, nobody watched
                _beat(name, done.read)
    return done


def _beat(name: str, read: Collection[str]) -> None:
    """Say that a pass was done, and in which workspaces: where one comes or can't be read, another span begins."""
    protection = protection_in_force()
    details = {"configuration": protection.number, "protected_aliases": list(protection.protected_aliases)}
    workspaces = {"workspaces": sorted(read)} if read and set(read) != {DEFAULT_WORKSPACE} else {}
    watches.beat(
        source=f"reconciler:{name}",
        details=details | workspaces,
        expected_every_s=EXPECTED_EVERY_S.get(name, SLOW_S),
    )


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
    sweep = _Sweep(
        done, {(str(row.version.model), row.alias): row for row in selectors.all_live_in_mlflow().iterator()}
    )
    done.each(client, sweep.over)
    for key, span in sweep.spans.items():
        with done.contained(key[0], UNCHECKED, span.version.model.system):
            if key not in sweep.shown and span.version.model.workspace not in done.unread:
                sweep.look_for(client, span)
            done.findings += deviations.of_approval(span)
    sweep.found += map(deviations.of_stage, grandfathered.unapproved(sweep.staged, is_unsure=done.is_unsure))
    for deviation, known in deviations.against_rows(sweep.found, is_unsure=done.is_unsure):
        with done.contained(deviation.model, UNCHECKED):
            done.findings += deviations.announce(deviation, known=known)
    done.findings += grandfathered.settle()
    done.findings += plugin_absent()
    watches.end_silent()


def plugin_absent() -> list[str]:
    """Report that no governed MLflow server has checked in for a minute, where one did before or is said to run.

    While Placet itself was down nobody could check in; so this looks at nothing until it has watched for a minute.
    """
    now = clock.now()
    own = WatchSpan.objects.filter(source=deviations.SOURCE, ended_at__isnull=True).first()
    if own is None or now - own.started_at < ABSENT_AFTER:
        return []
    last = watches.last_beat("plugin:")
    if last is None and not protection_in_force().is_governed:
        return []
    if last and now - last < ABSENT_AFTER:
        return []
    since = f"since {clock.rfc3339(last)[:19]}Z" if last else "yet"
    return report(
        code="plugin-absent",
        title=f"No governed MLflow server has checked in {since}: nothing is refused there, only detected",
        severity="critical",
    )


@dataclass
class _Sweep:
    """What one watch over the aliases holds against what: the live spans by model and alias, and what deviates."""

    done: Report
    spans: dict[tuple[str, str], AliasHistory]
    shown: set[tuple[str, str]] = field(default_factory=set)
    found: list[deviations.Deviation] = field(default_factory=list)
    staged: list[mlflow.Version] = field(default_factory=list)

    def over(self, client: mlflow.Client) -> None:
        """Look at all of one workspace.

        Two sweeps over MLflow's lists, one call a page: first where the aliases point, then what the versions behind
        them are. Of the first only the protected aliases are kept, of the second nothing; what neither showed is asked
        for by itself. Prompts are looked at like models: whoever can write to the database can call a model one.
        """
        pointers = _pointers(client, self.done)
        self.shown |= {
            (qualified(client.workspace, name), fold(alias))
            for (name, _), aliases in pointers.items()
            for alias in aliases
        }
        for row in _rows(chain(client.version_pages(), client.prompt_version_pages())):
            with self.done.contained(_model_of(client, row), UNCHECKED):
                version = client.read_version(row)
                if is_protected_stage(version.stage):
                    self.staged.append(version)
                self.look(version, pointers.pop((version.name, version.number), ()))
        for (name, number), aliases in pointers.items():
            with self.done.contained(qualified(client.workspace, name), UNCHECKED):
                self.look(client.version(name, number), aliases)

    def look(self, version: mlflow.Version, aliases: Sequence[str]) -> None:
        """Hold the aliases of one version, as written in MLflow, against the spans."""
        for alias in aliases:
            span = self.spans.get((version.model, fold(alias)))
            if deviation := deviations.of_pointer(version, alias, span):
                self.found.append(deviation)
            elif span and deviations.is_same(span, version):
                self.done.findings += live.check_source(span, version)

    def look_for(self, client: mlflow.Client, span: AliasHistory) -> None:
        """Ask for an alias that no page showed."""
        if deviation := deviations.of_missing(client, span):
            self.found.append(deviation)


def _pointers(client: mlflow.Client, done: Report) -> dict[tuple[str, int], list[str]]:
    """Return a workspace's protected aliases, as written in MLflow, by the name and number that they point to."""
    protected = protection_in_force().protected_aliases
    found: dict[tuple[str, int], list[str]] = {}
    for row in _rows(chain(client.model_pages(), client.prompt_pages())):
        done.models += 1
        with done.contained(_model_of(client, row), UNCHECKED):
            model = client.read_model(row)
            for alias, number in model.aliases.items():
                if is_protected_alias(alias, protected):
                    found.setdefault((model.name, number), []).append(alias)
    return found


def check_live_bytes(client: mlflow.Client, done: Report) -> None:
    """Digest again what is live and due, and report bytes or places that are not the approved ones.

    Whether what one would go back to is still in the store is noted for the pages.
    """
    for span in selectors.all_live_in_mlflow():
        model = span.version.model
        with done.contained(str(span.version), "its bytes can't be checked", model.system):
            there = client.within(model.workspace)
            try:
                done.findings += live.check_place(there, span)
            except UnknownModel:
                continue  # gone from MLflow, which is the watch's finding; there is nothing that anybody would load
            done.findings += live.check_bytes(there, span)
            live.look_for(there, span.version)
            if back := selectors.rollback_target(span.version, span.alias):
                live.look_for(there, back.version)


def too_old(client: mlflow.Client) -> list[str]:
    """Report an MLflow that has no aliases yet: everything would look as if nothing were in production."""
    release = client.release()
    found = mlflow.RELEASE.match(release)
    if not found or tuple(map(int, found.groups())) >= mlflow.OLDEST:
        return []
    oldest = ".".join(map(str, mlflow.OLDEST))
    return report(
        code="mlflow-too-old",
        title=f"MLflow {release} has no aliases, which came with {oldest}: in production only stages are seen",
        severity="critical",
    )


def mirror_registry(client: mlflow.Client, done: Report) -> None:
    """Mirror every registered model of every workspace and its new versions, a page at a time."""
    done.findings += too_old(client)

    def mirror(there: mlflow.Client) -> None:
        for page in there.model_pages():
            done.models += len(page)
            model_rows(there.workspace, [model.name for model in _read(there, page, there.read_model, done)])
        for page in there.version_pages():
            done.problems += mirror_page(there, _read(there, page, there.read_version, done))

    with done.contained("webhook", "MLflow's webhooks can't be read"):
        done.findings += webhooks.check(client)
    done.each(client, mirror)


def _rows(pages: Iterator[mlflow.Page]) -> Iterator[dict[str, Any]]:
    for page in pages:
        yield from page


def _model_of(client: mlflow.Client, row: Mapping[str, Any]) -> str:
    """Return what the model of a row is called, where that can be told."""
    return qualified(client.workspace, str(row.get("name")))


def _read(client: mlflow.Client, page: mlflow.Page, read: Callable[[dict[str, Any]], R], done: Report) -> list[R]:
    """Return what can be read of a page; a row that can't is a finding."""
    found = []
    for row in page:
        with done.contained(_model_of(client, row), "its versions can't be mirrored"):
            found.append(read(row))
    return found


PASSES: dict[str, Pass] = {
    "aliases": watch_aliases,
    "live-bytes": check_live_bytes,
    "new-versions": mirror_registry,
}
