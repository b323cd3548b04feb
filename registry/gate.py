"""The gate's decision: may this identity do this to that model in MLflow? Every attempt is logged."""

import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.db import transaction

from governance.accounts.selectors import person_by_external_identity
from governance.accounts.services import token_digest
from governance.approvals.models import State
from governance.audit import services as audit
from governance.audit.actors import Actor, System
from governance.audit.events import Event
from governance.common import clock
from registry.models import ApplyGrant, ModelVersion, PromotionRequest, RegisteredModel, RegistrationNotice

MLFLOW = System("mlflow")


@dataclass(frozen=True)
class Answer:
    """ALLOW, or BLOCK with one sentence that says what to do and a page that shows more."""

    verdict: str
    detail: str = ""
    link: str = ""

    def as_json(self) -> dict[str, str]:
        return {"verdict": self.verdict} if self.verdict == "ALLOW" else vars(self)


def fold(text: str | None) -> str:
    """Return how MLflow's users may spell a name: compatibility forms, case and outer spaces do not count."""
    return unicodedata.normalize("NFKC", text or "").strip().casefold()


@transaction.atomic
def decide(
    *,
    identity: Mapping[str, Any],
    action: str,
    subject: Mapping[str, Any],
    detail: Mapping[str, Any],
    grant: str | None,
) -> Answer:
    """Answer one attempt, and log it with the person or the MLflow user who made it."""
    actor = _actor(identity)
    if action == "version.create":
        _notice(identity, subject)
        return Answer("ALLOW")
    answer = _answer(identity, action, subject, detail, grant)
    allowed = answer.verdict == "ALLOW"
    audit.append(
        event=Event.GATE_ALLOWED if allowed else Event.GATE_REFUSED,
        actor=actor,
        data={
            "action": action,
            "model": subject.get("name"),
            "version": subject.get("version"),
            "alias": detail.get("alias"),
            "source": identity.get("source"),
            "verdict": answer.verdict,
        },
        payload={"username": identity.get("username"), "detail": answer.detail},
    )
    return answer


def _actor(identity: Mapping[str, Any]) -> Actor:
    return person_by_external_identity("mlflow", identity.get("username")) or MLFLOW


def _notice(identity: Mapping[str, Any], subject: Mapping[str, Any]) -> None:
    if identity.get("username"):
        RegistrationNotice.objects.create(
            name=subject.get("name") or "",
            source=subject.get("source") or "",
            username=identity["username"],
            at=clock.now(),
        )


def _answer(
    identity: Mapping[str, Any], action: str, subject: Mapping[str, Any], detail: Mapping[str, Any], grant: str | None
) -> Answer:
    name, number, alias = subject.get("name"), subject.get("version"), detail.get("alias")
    if action == "alias.set" and grant:
        return _by_grant(identity, subject, alias, grant)
    if action == "alias.set":
        return _refusal_of_alias(str(name), number, str(alias))
    by_placet = identity.get("username") == settings.MLFLOW_SERVICE_USER
    if by_placet and action in {"tag.set", "tag.delete"}:
        return Answer("ALLOW")  # Placet shows its own state in MLflow
    what = {
        "alias.delete": f"taking alias {alias} off {name}",
        "stage.transition": f"moving {name} {number} to a stage",
        "version.delete": f"deleting {name} {number}",
        "model.delete": f"deleting {name}",
        "model.rename": f"renaming {name}",
        "tag.set": f"setting tag {detail.get('key')} on {name}",
        "tag.delete": f"deleting tag {detail.get('key')} of {name}",
    }.get(action, f"{action} on {name}")
    return Answer(
        "BLOCK",
        f"Placet does not allow {what}: it is in production or reserved. Ask its owner in Placet.",
        f"{settings.BASE_URL}/models",
    )


def _refusal_of_alias(name: str, number: Any, alias: str) -> Answer:
    """Say what stands between this version and the alias, and what to do next."""
    link = f"{settings.BASE_URL}/models"
    registered = RegisteredModel.objects.select_related("system").filter(name=name).first()
    command = f"`placet request {name} {number} --to {fold(alias)}`"
    if registered is None or registered.system is None:
        return Answer(
            "BLOCK",
            f"{name} belongs to no AI system; the owner of one must assign it in Placet, and a second person sign.",
            link,
        )
    link = f"{settings.BASE_URL}/models/{registered.pk}"
    promotion = (
        PromotionRequest.objects.select_related("approval")
        .filter(version__model=registered, version__number=number or 0, alias=fold(alias))
        .order_by("-made_at")
        .first()
    )
    if promotion is None:
        return Answer("BLOCK", f"{name} version {number} has no approval for {alias}. Request it: {command}.", link)
    link = f"{settings.BASE_URL}/promotions/{promotion.pk}"
    state = promotion.approval.state
    if promotion.state in {PromotionRequest.State.SUPERSEDED, PromotionRequest.State.ROLLED_BACK}:
        return Answer("BLOCK", f"Another version took the place of {promotion}. Request it anew: {command}.", link)
    if state == State.APPROVED:
        return Answer(
            "BLOCK", f"{promotion} is approved; only Placet sets the alias: `placet apply {promotion.pk}`.", link
        )
    if state in {State.COLLECTING, State.IN_REVIEW, State.CHANGES_REQUESTED}:
        return Answer(
            "HOLD", f"{promotion} is {promotion.approval.get_state_display().lower()}; follow it in Placet.", link
        )
    return Answer(
        "BLOCK", f"{promotion} is {promotion.approval.get_state_display().lower()}. Request anew: {command}.", link
    )


def _by_grant(identity: Mapping[str, Any], subject: Mapping[str, Any], alias: Any, grant: str) -> Answer:
    """Let exactly the call through that the grant was made for: once, in time, same version, same bytes' address."""
    row = (
        ApplyGrant.objects.select_for_update(of=("self",))
        .select_related("promotion__version__model", "promotion__approval")
        .filter(digest=token_digest(grant))
        .first()
    )
    refused = Answer(
        "BLOCK", "The apply grant is not valid for this call; start the promotion again in Placet.", settings.BASE_URL
    )
    if row is None or row.used_at or row.expires_at <= clock.now():
        return refused
    version: ModelVersion = row.promotion.version
    same = (
        subject.get("name") == version.model.name
        and str(subject.get("version")) == str(version.number)
        and subject.get("created_at_ms") == version.mlflow_created_at_ms
        and subject.get("storage_location") == version.storage_location
        and (subject.get("workspace") or "default") == version.model.workspace
        and fold(alias) == row.promotion.alias
        and identity.get("username") == settings.MLFLOW_SERVICE_USER
    )
    if not same or row.promotion.approval.state != State.APPROVED:
        return refused
    row.used_at = clock.now()
    audit.append(
        event=Event.PROMOTION_APPLYING,
        actor=System("apply"),
        subjects=[row],
        data={"promotion": row.promotion.number, "request": row.promotion.approval_id, "grant": "used"},
    )
    return Answer("ALLOW")
