"""What a version is built on: state it, withdraw it, read it both ways, and tell who builds on what changed.

What is known of a base is shown at what builds on it, with its source. It counts there only where the policy says so of
a document or an evaluation (``inherit: true``), and the base is approved on it: what a language model does on somebody
else's task says little of yours.
"""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import count

from django.db import connection, transaction
from django.db.models import QuerySet

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals import inherited
from governance.approvals import services as approvals
from governance.approvals.findings import open_finding
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from registry import selectors
from registry.errors import BaseStated, BuildsOnItself
from registry.models import AliasHistory, BuildsOn, ModelVersion

BASES = System("bases")
STATERS = (Role.ENGINEER, Role.OWNER)


@dataclass(frozen=True)
class Below:
    """One version below another. ``depth``: 1 where it is built on it at once; ``word`` says so."""

    word: BuildsOn
    depth: int

    @property
    def base(self) -> ModelVersion:
        return self.word.base


def check_may_state(person: User, version: ModelVersion) -> None:
    """Check that somebody may say what a version is built on. Pages ask it too.

    Raises:
        Forbidden: no engineer or owner of its AI system.
    """
    if not has_role(person, *STATERS, system_id=version.model.system_id):
        raise Forbidden("An engineer or the owner of the AI system says what its versions are built on.")


@transaction.atomic
def state_base(*, model: str, version: int, base_model: str, base_version: int, kind: str, person: User) -> BuildsOn:
    """State that a version is built on another one.

    Raises:
        UnknownModel, UnknownVersion: one of the two is not there, or out of the person's reach.
        Forbidden: the person is no engineer or owner of the version's AI system.
        InvalidInput: there is no such kind.
        BuildsOnItself: the base builds on the version.
        BaseStated: that is stated already.
    """
    above = selectors.version(selectors.model_for(person, model), version)
    check_may_state(person, above)
    base = selectors.version(selectors.model_for(person, base_model), base_version)
    if kind not in BuildsOn.Kind.values:
        raise InvalidInput(f"The kind is one of {', '.join(BuildsOn.Kind.values)}.")
    with connection.cursor() as cursor:  # one at a time, so that no two build a ring from its parts
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('placet bases', 0))")
    if base.pk == above.pk or any(row.base.pk == above.pk for row in below(base)):
        raise BuildsOnItself(f"{base} is, or builds on, {above}.")
    if BuildsOn.objects.filter(version=above, base=base, withdrawn_at__isnull=True).exists():
        raise BaseStated(f"It is stated already that {above} builds on {base}.")
    word = BuildsOn(version=above, base=base, kind=kind, stated_by=person, stated_at=clock.now())
    audit.append(event=Event.BASE_STATED, actor=person, subjects=[word], data=_said(word))
    return word


@transaction.atomic
def withdraw_base(*, word_id: uuid.UUID, person: User) -> BuildsOn:
    """Withdraw a word that was wrong; it stays readable in the log.

    Raises:
        Unknown: there is none, or none that the person may read.
        Forbidden: the person is no engineer or owner of the version's AI system.
        BaseStated: it was withdrawn before.
    """
    word_for(person, word_id)
    rows = BuildsOn.objects.select_for_update(of=("self",)).select_related("version__model", "base__model")
    word = rows.get(pk=word_id)
    check_may_state(person, word.version)
    if word.withdrawn_at:
        raise BaseStated("It was withdrawn before.")
    word.withdrawn_at, word.withdrawn_by = clock.now(), person
    audit.append(event=Event.BASE_WITHDRAWN, actor=person, subjects=[word], data=_said(word))
    return word


def words_for(person: User) -> QuerySet[BuildsOn]:
    """Return what a person may read of what is built on what: of the models that they may read, withdrawn or not."""
    rows = BuildsOn.objects.select_related("version__model", "base__model")
    return rows.filter(version__model__in=selectors.models_for(person).order_by())


def word_for(person: User, word_id: uuid.UUID) -> BuildsOn:
    """Return one word as a person asks for it.

    Raises:
        Unknown: there is none, or none that the person may read.
    """
    found = words_for(person).filter(pk=word_id).first()
    if found is None:
        raise Unknown(f"Nothing is stated under {word_id}.")
    return found


def below(version: ModelVersion) -> list[Below]:
    """Return what a version is built on, and what that is built on, each once, the nearest first; a query a level."""
    return below_each([version])[version.pk]


def below_each(versions: Iterable[ModelVersion]) -> dict[uuid.UUID, list[Below]]:
    """Return the same of many versions, by their ids; a query a level for all of them together."""
    found: dict[uuid.UUID, list[Below]] = {row.pk: [] for row in versions}
    words = _words_below(found)
    for pk, rows in found.items():
        seen, level = {pk}, [pk]
        for depth in count(1):
            under = [word for one in level for word in words.get(one, ())]
            level = []
            for word in sorted(under, key=lambda word: (word.stated_at, word.pk)):
                if word.base_id not in seen:
                    rows.append(Below(word, depth))
                    level.append(word.base_id)
                    seen.add(word.base_id)
            if not level:
                break
    return found


def _words_below(versions: Iterable[uuid.UUID]) -> Mapping[uuid.UUID, list[BuildsOn]]:
    """Return all words on what lies below some versions, by the upper version."""
    words: dict[uuid.UUID, list[BuildsOn]] = {}
    level = set(versions)
    while level:
        rows = BuildsOn.objects.filter(version__in=level, withdrawn_at__isnull=True)
        words |= {pk: [] for pk in level}
        for row in rows.select_related("base__model__system", "version__model", "stated_by"):
            words[row.version_id].append(row)
        level = {row.base_id for pk in level for row in words[pk]} - words.keys()
    return words


def above(versions: Iterable[ModelVersion]) -> list[BuildsOn]:
    """Return who says that something is built on one of these versions, at once."""
    rows = BuildsOn.objects.filter(base__in=list(versions), withdrawn_at__isnull=True)
    return list(rows.select_related("version__model__system__owner", "base__model").order_by("stated_at", "pk"))


def on_new_version(version: ModelVersion, *, before: Sequence[ModelVersion] = ()) -> None:
    """Tell whose live version is built on an older one that a new one is there, in the open transaction."""
    older = before or version.model.versions.filter(number__lt=version.number)
    for upper, base in _live_above(older):
        _tell(upper, "base-new-version", f"{upper} builds on {base}, and {version} is there", "low")


def inheritable(version: ModelVersion) -> list[dict[str, str]]:
    """Return what a version is built on at once and is approved, as a request keeps it: see ``approvals.inherited``."""
    words = BuildsOn.objects.filter(version=version, withdrawn_at__isnull=True, base__model__system__isnull=False)
    rows = [
        {
            "id": str(word.base_id),
            "digest": word.base.artifact_digest,
            "name": str(word.base),
            "system": str(word.base.model.system_id),
            "stated_by": str(word.stated_by_id),
        }
        for word in words.select_related("base__model").order_by("stated_at", "pk")
    ]
    return [row for row in rows if row["digest"] and inherited.granted(row).exists()]


def on_trouble(version: ModelVersion, what: str) -> None:
    """Tell whose live version is built on one whose approval has lost its force, in the open transaction.

    An approval that rests on evidence about it, and on which it has no other approval, is suspended with it.
    """
    for approval in inherited.resting_on(version.pk):
        reason = f"It rests on evidence of {version}, on which it builds and whose approval is {what}."
        approvals.suspend(request_id=approval.pk, reason=reason, actor=BASES)
    for upper, _ in _live_above([version]):
        _tell(upper, "base-trouble", f"{upper} builds on {version}, whose approval is {what}", "high")


def _live_above(versions: Iterable[ModelVersion]) -> list[tuple[ModelVersion, ModelVersion]]:
    """Return what is in use and built on one of these, at once or by way of others, with which of them.

    Of what is not in use, its own request shows what is below.
    """
    found: dict[tuple[uuid.UUID, uuid.UUID], tuple[ModelVersion, ModelVersion]] = {}
    level = [(version, version) for version in versions]
    while level:
        roots: dict[uuid.UUID, list[ModelVersion]] = {}
        for upper, root in level:
            roots.setdefault(upper.pk, []).append(root)
        pairs = [(row.version, root) for row in above(upper for upper, _ in level) for root in roots[row.base_id]]
        level = [pair for pair in pairs if (pair[0].pk, pair[1].pk) not in found]
        found |= {(upper.pk, root.pk): (upper, root) for upper, root in level}
    used = AliasHistory.objects.filter(version__in={pk for pk, _ in found}, during__endswith__isnull=True)
    live = set(used.values_list("version_id", flat=True))
    return [pair for (pk, _), pair in found.items() if pk in live]


def _tell(upper: ModelVersion, code: str, title: str, severity: str) -> None:
    system = upper.model.system
    if system:
        open_finding(system=system, code=code, title=title[:300], severity=severity, source="registry", actor=BASES)


def _said(word: BuildsOn) -> dict[str, object]:
    return {
        "model": str(word.version.model),
        "version": word.version.number,
        "digest": word.version.artifact_digest,
        "base_model": str(word.base.model),
        "base_version": word.base.number,
        "base_digest": word.base.artifact_digest,
        "kind": word.kind,
    }
