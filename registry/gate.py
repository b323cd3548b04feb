"""The gate's decision: may this identity do this to that model in MLflow? Every attempt is logged."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from django.conf import settings
from django.db import transaction

from governance.accounts.models import User
from governance.accounts.selectors import person_by_external_identity
from governance.accounts.services import token_digest
from governance.approvals.models import ApprovalRequest, State
from governance.audit import services as audit
from governance.audit.actors import Actor, System
from governance.audit.events import Event
from governance.common import clock
from placet.mlflow_plugin.protection import fold, is_protected_stage
from placet.uris import DEFAULT_WORKSPACE, qualified
from registry import offline, protected, words
from registry.gate_reading import Facts, facts_of
from registry.models import AliasChange, ApplyGrant, PromotionRequest, RegisteredModel, RegistrationNotice, RunNotice

MLFLOW = System("mlflow")


RELAXABLE = frozenset(
    {"alias.set", "alias.delete", "stage.transition", "version.delete", "model.delete", "model.rename"}
)
"""What a gate that observes or warns lets through. Reserved tags are Placet's own word, whatever the mode."""
WORD_LIFE_S = 60
APPLIES = frozenset({"alias.set", "alias.delete"})


@dataclass(frozen=True)
class Answer:
    """ALLOW, or BLOCK with one sentence that says what to do and a page that shows more.

    ``mode``: how strictly the gate stands there. Where it lets a write through that it would have refused, ``detail``
    says so and ``would`` is the verdict that a strict gate had given. ``configuration``: the number of what the gate
    protects, so that a plugin which has another fetches it. ``word``: what MLflow's hardened database asks for.
    """

    verdict: str
    detail: str = ""
    link: str = ""
    mode: str = protected.Mode.BLOCK
    would: str = ""
    configuration: int | None = None
    word: str = ""

    @property
    def allowed(self) -> bool:
        return self.verdict == "ALLOW"

    def as_json(self) -> dict[str, Any]:
        said = {"detail": self.detail, "link": self.link, "word": self.word}
        number = {} if self.configuration is None else {"configuration": self.configuration}
        return {"verdict": self.verdict, **number, **{name: text for name, text in said.items() if text}}


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
    if action == "run.create":
        _run_notice(identity, subject)
        return Answer("ALLOW")
    if action == "permit.used":
        person = actor if isinstance(actor, User) else None
        offline.record_use(subject=subject, detail=detail, person=person, username=identity.get("username"))
        return Answer("ALLOW")
    used: list[ApplyGrant] = []
    if action in APPLIES and grant:
        facts, answer = None, _by_grant(identity, action, subject, detail.get("alias"), grant, used)
    else:
        alias = fold(str(detail.get("alias"))) if action == "alias.set" else None
        facts = facts_of(model=_model(subject), number=subject.get("version"), alias=alias)
        answer = _answer(identity, action, subject, detail, facts)
        if not answer.allowed and action in RELAXABLE and not grant:
            answer = _as_strictly_as(_mode(facts.registered, detail), answer)
    audit.append(
        event=Event.GATE_LET_THROUGH if answer.would else Event.GATE_ALLOWED if answer.allowed else Event.GATE_REFUSED,
        actor=actor,
        subjects=used,
        data={
            "action": action,
            "model": subject.get("name") and _model(subject),
            "version": subject.get("version"),
            "alias": detail.get("alias"),
            "source": identity.get("source"),
            "verdict": answer.verdict,
            "mode": answer.mode,
            **({"would": answer.would} if answer.would else {}),
            **({"change": used[0].change.number, "kind": used[0].change.kind} if used else {}),
        },
        payload={"username": identity.get("username"), "detail": answer.detail},
    )
    word = _word(action, subject, detail) if answer.allowed else ""
    # Placet's own call gets no number: it waits for this, and the plugin's check-ins bring a new configuration as well.
    return replace(answer, configuration=facts.configuration if facts else None, word=word)


def _workspace(subject: Mapping[str, Any]) -> str:
    return str(subject.get("workspace") or DEFAULT_WORKSPACE)


def _model(subject: Mapping[str, Any]) -> str:
    """Return what the model of a subject is called."""
    return qualified(_workspace(subject), str(subject.get("name")))


def _word(action: str, subject: Mapping[str, Any], detail: Mapping[str, Any]) -> str:
    """Return the word that lets an allowed write pass MLflow's database, where that is hardened."""
    if not settings.MLFLOW_WORD_KEY or action not in {"alias.set", "alias.delete", "stage.transition"}:
        return ""
    to_stage = action == "stage.transition"
    points = action == "alias.set" or (to_stage and is_protected_stage(detail.get("stage")))
    return words.word(
        key=settings.MLFLOW_WORD_KEY,
        workspace=_workspace(subject),
        model=str(subject.get("name")),
        alias=words.STAGE if to_stage else str(detail.get("alias")),
        version=int(subject["version"]) if points else None,
        created_at_ms=int(subject["created_at_ms"]) if points else None,
        expires=int(clock.now().timestamp()) + WORD_LIFE_S,
    )


def _mode(registered: RegisteredModel | None, detail: Mapping[str, Any]) -> protected.Mode:
    """Return how strictly the gate stands before this write: where it names no alias, as before the strictest."""
    ai_system = registered.system if registered else None
    alias = fold(detail.get("alias"))
    return protected.mode_for(ai_system, alias) if alias else protected.strictest_for(ai_system)


def _as_strictly_as(mode: protected.Mode, answer: Answer) -> Answer:
    if mode == protected.Mode.BLOCK:
        return answer
    return replace(answer, verdict="ALLOW", mode=mode, would=answer.verdict)


def _actor(identity: Mapping[str, Any]) -> Actor:
    if identity.get("username") == settings.MLFLOW_SERVICE_USER:
        return MLFLOW  # Placet itself, which is linked to nobody
    return person_by_external_identity("mlflow", identity.get("username")) or MLFLOW


def _notice(identity: Mapping[str, Any], subject: Mapping[str, Any]) -> None:
    try:
        number, created_at_ms = int(subject["version"]), int(subject["created_at_ms"])
    except (KeyError, TypeError, ValueError):
        return  # a notice of no version; without one the trainer stays unknown, which holds a promotion
    if identity.get("username"):
        RegistrationNotice.objects.create(
            workspace=_workspace(subject)[:120],
            name=str(subject.get("name") or "")[:256],
            number=number,
            created_at_ms=created_at_ms,
            username=str(identity["username"])[:255],
            at=clock.now(),
        )


def _run_notice(identity: Mapping[str, Any], subject: Mapping[str, Any]) -> None:
    run_id, username = subject.get("run_id"), identity.get("username")
    if isinstance(run_id, str) and 0 < len(run_id) <= 64 and username:
        RunNotice.objects.create(run_id=run_id, username=str(username)[:255], at=clock.now())


def _answer(
    identity: Mapping[str, Any],
    action: str,
    subject: Mapping[str, Any],
    detail: Mapping[str, Any],
    facts: Facts,
) -> Answer:
    name, number, alias = _model(subject), subject.get("version"), detail.get("alias")
    if action == "alias.set":
        return _refusal_of_alias(facts, name, number, str(alias))
    by_placet = identity.get("username") == settings.MLFLOW_SERVICE_USER
    if by_placet and action in {"tag.set", "tag.delete"}:
        return Answer("ALLOW")  # Placet shows its own state in MLflow
    what = {
        "alias.delete": f"taking alias {alias} off {name}",
        "stage.transition": f"moving {name} {number} to a stage",
        "version.delete": f"deleting {name} {number}",
        "model.delete": f"deleting {name}",
        "model.rename": f"renaming {name}",
        "artifact.write": f"writing files of {name} {number}",
        "tag.set": f"setting tag {detail.get('key')} on {name}",
        "tag.delete": f"deleting tag {detail.get('key')} of {name}",
    }.get(action, f"{action} on {name}")
    return Answer(
        "BLOCK",
        f"Placet does not allow {what}: it is in production or reserved. Ask its owner in Placet.",
        f"{settings.BASE_URL}/models",
    )


def _refusal_of_alias(facts: Facts, name: str, number: Any, alias: str) -> Answer:
    """Say what stands between this version and the alias, and what to do next."""
    link = f"{settings.BASE_URL}/models"
    command = f"`placet request {name} {number} --to {fold(alias)}`"
    registered, promotion, state = facts.registered, facts.promotion, facts.approval_state
    if registered is None or registered.system is None:
        return Answer(
            "BLOCK",
            f"{name} belongs to no AI system; the owner of one must assign it in Placet, and a second person sign.",
            link,
        )
    link = f"{settings.BASE_URL}/models/{registered.pk}"
    if promotion is None or state is None:
        return Answer("BLOCK", f"{name} version {number} has no approval for {alias}. Request it: {command}.", link)
    link = f"{settings.BASE_URL}/promotions/{promotion.pk}"
    if promotion.state in {PromotionRequest.State.SUPERSEDED, PromotionRequest.State.ROLLED_BACK}:
        return Answer("BLOCK", f"Another version took the place of {promotion}. Request it anew: {command}.", link)
    if state == State.APPROVED:
        return Answer(
            "BLOCK", f"{promotion} is approved; only Placet sets the alias: `placet apply {promotion.pk}`.", link
        )
    if state in {State.COLLECTING, State.IN_REVIEW, State.CHANGES_REQUESTED}:
        return Answer("HOLD", f"{promotion} is {state.label.lower()}; follow it in Placet.", link)
    return Answer("BLOCK", f"{promotion} is {state.label.lower()}. Request anew: {command}.", link)


def _by_grant(
    identity: Mapping[str, Any], action: str, subject: Mapping[str, Any], alias: Any, grant: str, used: list[ApplyGrant]
) -> Answer:
    """Let exactly the call through that the grant was made for: once, in time, same version, same bytes' address.

    The grant is added to ``used``: the entry of the attempt names it, so that its use and the answer are one.
    """
    row = (
        ApplyGrant.objects.select_for_update(of=("self",))
        .select_related("change__model", "change__version", "change__promotion")
        .defer(*(f"change__version__{name}" for name in ("signature", "parameters", "metrics", "code")))
        .filter(digest=token_digest(grant))
        .first()
    )
    refused = Answer(
        "BLOCK", "The apply grant is not valid for this call; start the change again in Placet.", settings.BASE_URL
    )
    if row is None or row.used_at or row.expires_at <= clock.now():
        return refused
    change = row.change
    promotion = change.promotion if change.version else None
    same = (
        _is_about(change, action, subject)
        and fold(alias) == change.alias
        and identity.get("username") == settings.MLFLOW_SERVICE_USER
    )
    if not same or change.state != AliasChange.State.ASKED or (promotion and not _in_force(promotion.approval_id)):
        return refused  # also what was given up meanwhile: nobody would write down that it was done
    row.used_at = clock.now()
    used.append(row)
    return Answer("ALLOW")


def _in_force(approval_id: uuid.UUID) -> bool:
    """Return whether an approval has its force, and keep it so until the answer is written: a revocation waits."""
    rows = ApprovalRequest.objects.select_for_update(no_key=True).filter(pk=approval_id, state=State.APPROVED)
    return bool(rows.values_list("pk"))


def _is_about(change: AliasChange, action: str, subject: Mapping[str, Any]) -> bool:
    """Return whether an attempt is the very write that a change is: same action, same model, same version and bytes."""
    version = change.version
    if action != ("alias.set" if version else "alias.delete"):
        return False
    if subject.get("name") != change.model.name or _workspace(subject) != change.model.workspace:
        return False
    return version is None or (
        str(subject.get("version")) == str(version.number)
        and subject.get("created_at_ms") == version.mlflow_created_at_ms
        and subject.get("storage_location") == version.storage_location
    )
