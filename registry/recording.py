"""Record a version that no MLflow holds: of a vendor's product, a language model, a spreadsheet.

From there it goes the way of every version: it is assigned to an AI system, validated, requested and decided.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from django.db import connection, transaction
from django.db.models import QuerySet

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.audit.governed import Governed
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.evidence import storage
from governance.inventory.assignments import propose_assignment
from governance.inventory.models import AISystem
from placet.uris import OUTSIDE
from registry import bases, descriptions, selectors
from registry.errors import AlreadyRecorded
from registry.models import ModelVersion, RegisteredModel

RECORDERS = (Role.ENGINEER, Role.OWNER)


def recorded_for(reader: User) -> QuerySet[ModelVersion]:
    """Return the recorded versions that a person may read: of systems in reach, and what they recorded for none yet."""
    rows = ModelVersion.objects.filter(origin=ModelVersion.Origin.RECORDED).select_related("model__system")
    return rows.filter(model__in=selectors.models_for(reader).order_by())


def check_may_record(person: User, ai_system: AISystem) -> None:
    """Check that somebody may record versions for an AI system. Pages ask it too.

    Raises:
        Forbidden: no engineer or owner of the system.
    """
    if not has_role(person, *RECORDERS, system_id=ai_system.pk):
        raise Forbidden(f"An engineer or the owner of {ai_system.name} records what it uses.")


@transaction.atomic
def record_version(
    *,
    recorder: User,
    ai_system: AISystem,
    name: str,
    kind: str,
    runs: str,
    pins: Sequence[Mapping[str, str]] = (),
    **texts: str,
) -> ModelVersion:
    """Record a version that no MLflow holds; Placet gives it its number.

    A model that is recorded for the first time serves no AI system yet. Where the recorder may propose that it serves
    this one, that is proposed with it; a second person signs, as for every model.

    Args:
        name: what the model is called in Placet: ``outside_mlflow:<name>``.
        kind, runs, pins, texts: see :func:`registry.descriptions.description`.

    Raises:
        Forbidden: the recorder is no engineer or owner of the system.
        InvalidInput: something is missing, or the name is taken by a model of another system.
        AlreadyRecorded: a version says all of this already.
    """
    check_may_record(recorder, ai_system)
    try:
        described = descriptions.description(name=name, system=ai_system.slug, kind=kind, runs=runs, pins=pins, **texts)
    except ValueError as wrong:
        raise InvalidInput(str(wrong)) from None
    with connection.cursor() as cursor:  # two people who record the same name at once get one model
        cursor.execute("SELECT pg_advisory_xact_lock(hashtextextended('placet recording', 0))")
    model = RegisteredModel.objects.select_related("system").filter(workspace=OUTSIDE, name=name).first()
    if model is None:
        made = RegisteredModel(workspace=OUTSIDE, name=name, mirrored_at=clock.now())
        version = _version(made, described, recorder, also=[made], ai_system=ai_system)
        if recorder.pk == ai_system.owner_id or has_role(recorder, Role.ADMINISTRATOR):
            propose_assignment(model=str(made), ai_system=ai_system, by=recorder)
        return version
    if _serves(model) != ai_system.slug:
        raise InvalidInput(f"The name {name} is taken; choose another one.")
    return _version(model, described, recorder, ai_system=ai_system)


def _serves(model: RegisteredModel) -> str:
    """Return the slug of the system that a model serves; until one is signed, of that which it was recorded for."""
    if model.system:
        return model.system.slug
    newest = model.versions.order_by("-number").first()
    return str((newest.described or {}).get("system", "")) if newest else ""


def _version(
    model: RegisteredModel,
    described: dict[str, Any],
    recorder: User,
    *,
    ai_system: AISystem,
    also: Sequence[Governed] = (),
) -> ModelVersion:
    before = list(model.versions.order_by("-number")) if not also else []
    digest = storage.put(descriptions.content(described))
    if same := next((row for row in before if row.artifact_digest == digest), None):
        raise AlreadyRecorded(f"{same} says all of this already; record what changed, such as the supplier's version.")
    now = clock.now()
    version = ModelVersion(
        origin=ModelVersion.Origin.RECORDED,
        described=described,
        model=model,
        number=before[0].number + 1 if before else 1,
        mlflow_created_at_ms=int(now.timestamp() * 1000),
        artifact_digest=digest,
        manifest_digest=digest,
        registered_by=recorder,
        mirrored_at=now,
    )
    audit.append(
        event=Event.VERSION_RECORDED,
        actor=recorder,
        subjects=[*also, version],
        data={
            "model": str(model),
            "version": version.number,
            "system": ai_system.slug,
            "kind": described["kind"],
            "digest": digest,
        },
    )
    if before:
        bases.on_new_version(version, before=before)
    return version
