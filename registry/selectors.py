"""Read the registry: models, versions, promotions, permits, and what serves now or served then."""

import re
import uuid
from typing import Any

from django.db.models import Prefetch, Q, QuerySet

from governance.accounts.access import may_read, readable
from governance.accounts.models import User
from governance.approvals.models import ApprovalRequest
from governance.common.errors import Unknown
from governance.evidence import storage
from placet.uris import OUTSIDE, split_workspace
from registry.errors import UnknownModel, UnknownVersion
from registry.models import (
    AliasChange,
    AliasHistory,
    DatasetSnapshot,
    ModelVersion,
    Permit,
    PromotionRequest,
    RegisteredModel,
)

OF_A_CHANGE = (
    "model__system__owner",
    "version__model",
    "replaces__model",
    "promotion__approval__system",
    "promotion__version__model",
    "asked_by",
)


def models_for(user: User) -> QuerySet[RegisteredModel]:
    """Return the models that a person may read: those of the systems in reach, and what they recorded for none yet."""
    rows = RegisteredModel.objects.select_related("system").order_by("name")
    return readable(rows, user, system="system", own=_recorded_by(user))


def _recorded_by(user: User) -> Q:
    """Return which models a person recorded that serve no AI system yet."""
    mine = ModelVersion.objects.filter(origin=ModelVersion.Origin.RECORDED, registered_by=user)
    return Q(system__isnull=True, pk__in=mine.values("model"))


def model_for(user: User, name: str) -> RegisteredModel:
    """Return one registered model by what it is called, as a person asks for it.

    Raises:
        UnknownModel: Placet has not seen it in MLflow, or the person may not read it.
    """
    found = model(name)
    if not may_read(user, found.system_id) and not models_for(user).filter(pk=found.pk).exists():
        raise UnknownModel(no_model(name))
    return found


def model(name: str) -> RegisteredModel:
    """Return one registered model by what it is called: its name, ``team-a:credit-risk`` in another workspace.

    Raises:
        UnknownModel: Placet has not seen it in MLflow.
    """
    row = RegisteredModel.objects.select_related("system").filter(**called(name)).first()
    if row is None:
        raise UnknownModel(no_model(name))
    return row


def called(name: str, where: str = "") -> dict[str, str]:
    """Return the conditions that pick the model of a name; ``where`` leads to it, as in ``version__model__``."""
    workspace, own = split_workspace(name)
    return {f"{where}workspace": workspace, f"{where}name": own}


def no_model(name: str) -> str:
    """Return the one sentence for a model that is not there and for one that the reader may not see."""
    if split_workspace(name)[0] == OUTSIDE:
        return f"No model is recorded as {name!r}. Check the spelling, or record a version of it."
    return (
        f"MLflow has no registered model {name!r} that Placet has seen. Check the spelling; a model "
        "registered just now appears within ten seconds."
    )


def version(registered: RegisteredModel, number: int) -> ModelVersion:
    """Return the newest version with that number (MLflow uses numbers again after a delete).

    Raises:
        UnknownVersion: Placet has not seen it in MLflow.
    """
    row = (
        registered.versions.select_related("model", "evaluation_dataset")
        .filter(number=number)
        .order_by("-mlflow_created_at_ms")
        .first()
    )
    if row is None:
        numbers = ", ".join(str(n) for n in registered.versions.order_by("number").values_list("number", flat=True))
        raise UnknownVersion(
            f"{registered} has no version {number} that Placet has seen; it knows {numbers or 'none'}."
            + ("" if registered.is_recorded else " A version registered just now appears within ten seconds.")
        )
    return row


def version_by_id(pk: uuid.UUID | None, digest: str) -> ModelVersion:
    """Return the version that a job names. Bytes alone name none: two versions can have the same.

    Raises:
        UnknownVersion: there is none, or its digest is another.
    """
    row = (
        ModelVersion.objects.select_related("model__system", "evaluation_dataset")
        .filter(pk__in=[pk] if pk else [])
        .first()
    )
    if row is None or row.artifact_digest != digest:
        raise UnknownVersion(f"No mirrored version {pk} has the digest {digest}.")
    return row


def promotion_for(user: User, name: uuid.UUID | str) -> PromotionRequest:
    """Return one promotion by id or number, as a person asks for it.

    Raises:
        Unknown: there is none of that name, or none that the person may read.
    """
    found = promotion(name)
    if found.approval.requester_id != user.pk and not may_read(user, found.approval.system_id):
        raise Unknown(_no_promotion(name))
    return found


def promotion(name: uuid.UUID | str) -> PromotionRequest:
    """Return one promotion with its version and approval, by id or by what people call it: ``PR-12``.

    Raises:
        Unknown: there is none of that name.
    """
    rows = PromotionRequest.objects.select_related(
        "version__model__system__owner", "approval__policy_version", "requester"
    )
    found = rows.filter(**_named(str(name))).first()
    if found is None:
        raise Unknown(_no_promotion(name))
    return found


def _no_promotion(name: uuid.UUID | str) -> str:
    return (
        f"There is no promotion request {str(name)[:80]}. Give its id or its number, such as PR-12; "
        "the pages and GET /api/v1/promotion-requests list them."
    )


def _named(name: str) -> dict[str, Any]:
    """Return the condition that picks a promotion by its name; a name that can be none picks nothing."""
    if number := re.fullmatch(r"pr-([0-9]{1,18})", name, re.IGNORECASE | re.ASCII):
        return {"number": int(number[1])}
    try:
        return {"pk": uuid.UUID(name)}
    except ValueError:
        return {"pk__in": ()}


def promotions_for(user: User) -> QuerySet[PromotionRequest]:
    """Return the promotions that a person may read, with what a list shows; decisions and permits in one query each."""
    related = ("version__model", "approval__policy_version", "approval__system")
    rows = PromotionRequest.objects.select_related(*related).prefetch_related(
        "approval__decisions", Prefetch("approval__permits", Permit.objects.defer("envelope"))
    )
    return readable(rows, user, system="approval__system", own=Q(approval__requester=user))


def promotion_of(approval: ApprovalRequest) -> PromotionRequest:
    """Return the promotion that an approval is about."""
    return PromotionRequest.objects.select_related("version__model__system__owner", "version__evaluation_dataset").get(
        approval=approval
    )


def promotion_about(request_id: uuid.UUID) -> PromotionRequest:
    """Return the promotion that an approval request is about, with what it rests on."""
    rows = PromotionRequest.objects.select_related("version__model__system__owner", "approval__policy_version")
    return rows.get(approval=request_id)


def alias_change(pk: uuid.UUID) -> AliasChange:
    """Return one write of a protected alias.

    Raises:
        Unknown: there is none of that id.
    """
    found = AliasChange.objects.select_related(*OF_A_CHANGE).filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no alias change {pk}.")
    return found


def alias_changes_for(user: User) -> QuerySet[AliasChange]:
    """Return the writes of protected aliases that a person may read."""
    return readable(AliasChange.objects.select_related(*OF_A_CHANGE), user, system="model__system")


def alias_change_for(user: User, name: str) -> AliasChange:
    """Return one write by what people call it, ``AC-7``, as a person asks for it.

    Raises:
        Unknown: there is none of that name, or none that the person may read.
    """
    number = re.fullmatch(r"ac-([0-9]{1,18})", name, re.IGNORECASE | re.ASCII)
    found = alias_changes_for(user).filter(number=int(number[1])).first() if number else None
    if found is None:
        raise Unknown(f"There is no alias change {name[:80]}. Give its number, such as AC-7.")
    return found


def live(registered: RegisteredModel, alias: str) -> AliasHistory | None:
    """Return what Placet put behind an alias and never took away."""
    return (
        AliasHistory.objects.select_related("version__model", "promotion__approval", "adoption")
        .filter(model=registered, alias=alias, during__endswith__isnull=True)
        .first()
    )


def all_live() -> QuerySet[AliasHistory]:
    """Return everything that is live by Placet's own acts."""
    return AliasHistory.objects.filter(during__endswith__isnull=True).select_related(
        "version__model__system__owner", "promotion__approval"
    )


def all_live_in_mlflow() -> QuerySet[AliasHistory]:
    """Return what of it an MLflow holds, so that it can be looked at and marked there."""
    return all_live().exclude(model__workspace=OUTSIDE)


def has_served(version: ModelVersion) -> bool:
    """Return whether a version was ever behind a protected alias, by Placet's own acts."""
    return AliasHistory.objects.filter(version=version).exists()


def live_approvals() -> set[uuid.UUID]:
    """Return the approvals on which what is live now rests."""
    rows = AliasHistory.objects.filter(during__endswith__isnull=True, promotion__isnull=False)
    return set(rows.values_list("promotion__approval", flat=True))


def rollback_target(version: ModelVersion, alias: str) -> AliasHistory | None:
    """Return the last span of another version, approved for the alias, that one would go back to from a version.

    That is what is live, while the version is not, and what was before it once it is. What was itself rolled back is
    left out: somebody left it for a reason.
    """
    return spans_of_others(version, alias).exclude(promotion__state=PromotionRequest.State.ROLLED_BACK).first()


def spans_of_others(version: ModelVersion, alias: str) -> QuerySet[AliasHistory]:
    """Return when other versions of the model were behind an alias on an approval, newest first."""
    rows = AliasHistory.objects.filter(model=version.model_id, alias=alias, promotion__isnull=False)
    rows = rows.select_related("version__model", "promotion__approval", "promotion__version__model")
    return rows.exclude(version=version.pk).order_by("-during")


def has_permit(approval: ApprovalRequest) -> bool:
    """Return whether the notary has signed the approval's permit; asks no more where permits were fetched ahead."""
    return any(permit.kind == "serve" for permit in approval.permits.all())


def lacks_permit(promotion: PromotionRequest) -> bool:
    """Return whether a promotion still waits for its permit. What no MLflow holds gets none: nobody loads it by one."""
    return not promotion.version.is_recorded and not has_permit(promotion.approval)


def permit_for(approval: ApprovalRequest, kind: str = "serve") -> Permit | None:
    """Return the newest permit of an approval."""
    return Permit.objects.filter(approval=approval, kind=kind).order_by("-issued_at").first()


def permit_behind(span: AliasHistory) -> Permit | None:
    """Return the permit to serve of what is behind an alias: of its approval, or of the glass that one person broke."""
    if span.promotion:
        return permit_for(span.promotion.approval)
    rows = Permit.objects.filter(change=span.opened_by_id, kind="serve") if span.opened_by_id else Permit.objects.none()
    return rows.select_related("change").order_by("-issued_at").first()


def dataset(digest: str) -> DatasetSnapshot:
    """Return a dataset by digest."""
    row = DatasetSnapshot.objects.filter(digest=digest).first()
    if row is None:
        raise Unknown(f"No dataset has the digest {digest}.")
    return row


def dataset_bytes(snapshot: DatasetSnapshot) -> bytes:
    """Return a dataset's content, checked against its digest."""
    return storage.get(snapshot.digest)
