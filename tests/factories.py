"""Plain factories: people, an AI system, a policy, a model version, a promotion, all through the real services.

Rows that Placet mirrors from MLflow (models, versions, datasets) are written as the reconciler writes them: with their
log entry. Everything else is asked of the services, so that a test stands on rows which could exist.
"""

from __future__ import annotations

import itertools
import re
import uuid
from datetime import date, timedelta
from typing import Any

from django.db import transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from examples.credit.policy import TEXT as EXAMPLE_POLICY
from governance.accounts.models import Grant, User
from governance.accounts.roles import Role
from governance.accounts.selectors import grants_in_force, people_with
from governance.accounts.services import grant_role
from governance.approvals import delegations, signing
from governance.approvals.models import ApprovalRequest, Delegation, State
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import services as evidence_services
from governance.evidence.models import Evidence
from governance.evidence.producers import Product
from governance.inventory import assignments
from governance.inventory import services as inventory
from governance.inventory.models import AISystem
from governance.policy import services as policies
from governance.policy.document import PolicyDocument, parse
from governance.policy.models import PolicyVersion
from registry import alias_changes, applying, promotions, selectors
from registry.models import AliasChange, AliasHistory, DatasetSnapshot, ModelVersion, PromotionRequest, RegisteredModel
from tests import measured, payloads
from tests.documents.sample_snapshot import ANSWERS

PASSWORD = "correct horse battery"
REASON = "I read the evidence against the pinned rows and compared it with version 1."
SETUP = System("setup")
_numbers = itertools.count(1)


def _without(text: str, *types: str) -> str:
    """The policy without some types of evidence and the checks that read them."""
    for name in types:
        text = re.sub(rf"^  {name}/v1:.*\n", "", text, flags=re.MULTILINE)
        checks = name.replace("_", "-")
        text = re.sub(rf"^  - id: {checks}\..*?(?=^  - id: |^human_review)", "", text, flags=re.MULTILINE | re.DOTALL)
    return text


CREDIT_POLICY = _without(EXAMPLE_POLICY, "calibration", "robustness", "data_quality")
"""The example's policy with the three types of evidence about the model; how people decide is the same with more."""


def a_user(role: str | None = None, *, name: str = "", **fields: Any) -> User:
    """A person, with a role everywhere if one is named. Everybody's password is ``PASSWORD``."""
    number = next(_numbers)
    name = name or f"{Role(role).label if role else 'Person'} {number}"
    person = User.objects.create_user(f"person{number}@bank.example", PASSWORD, name=name, **fields)
    if role:
        until = clock.now() + timedelta(days=90) if role == Role.AUDITOR else None
        given(person, role, valid_until=until)
    return person


def given(person: User, role: str, **fields: Any) -> Grant:
    """A role, given as the database wants it: by set-up, and by two administrators once there are two."""
    held = grants_in_force().filter(role=Role.ADMINISTRATOR, system_id=None).exclude(person=person)
    administrators = [grant.person for grant in held.select_related("person").order_by("valid_from")[:2]]
    first, second = administrators if len(administrators) == 2 else (None, None)
    return grant_role(
        person=person, role=Role(role), granted_by=first, confirmed_by=second, actor=first or SETUP, **fields
    )


def a_stand_in(role: str, *, name: str = "") -> User:
    """A person who holds a role for some other system, so that here they can sign in another's place alone."""
    person = a_user(name=name)
    given(person, role, system_id=uuid.uuid4())
    return person


def lent(delegator: User, to: User, *, days: int = 30, confirmed: bool = True, **fields: Any) -> Delegation:
    """One person's place, lent to another and confirmed by an administrator."""
    until = clock.now() + timedelta(days=days)
    made = delegations.delegate(delegator=delegator, to=to, reason="On leave.", valid_until=until, **fields)
    if confirmed:
        delegations.confirm_delegation(
            delegation_id=made.pk, administrator=a_user(Role.ADMINISTRATOR), password=PASSWORD
        )
    return made


def a_system(
    *,
    owner: User | None = None,
    name: str = "Consumer credit scoring",
    answers: dict[str, Any] = ANSWERS,
    tier: int = 1,
    placed_on: date | None = None,
) -> AISystem:
    """A system, high-risk and of tier 1 unless told otherwise, its classification signed by a second person."""
    owner = owner or a_user(Role.OWNER)
    ai_system = inventory.register_system(
        slug=f"system-{next(_numbers)}",
        name=name,
        purpose="Scores applications for consumer credit for a credit officer.",
        owner=owner,
        ai_roles=["provider", "deployer"],
        favourable_outcome="credit granted",
        by=owner,
    )
    proposal = inventory.propose_classification(
        ai_system=ai_system, answers=answers, model_tier=tier, placed_on=placed_on, by=owner
    )
    inventory.sign_classification(classification_id=proposal.pk, signer=a_user(Role.VALIDATOR))
    return AISystem.objects.select_related("owner").get(pk=ai_system.pk)


def a_policy(text: str = "") -> PolicyVersion:
    """A published policy; the example's for high-risk credit unless a text is given."""
    drafted = policies.draft_policy(text=text or CREDIT_POLICY, author=a_user(Role.POLICY_AUTHOR))
    enough_people(parse(drafted.text))
    return policies.publish_policy(version_id=drafted.pk, publisher=a_user(Role.POLICY_PUBLISHER))


def enough_people(document: PolicyDocument) -> None:
    """Let each stage's roles be held by as many people as its quorum wants; nobody is added where there are enough."""
    for stage in document.stages:
        for _ in range(stage.quorum - len(people_with(stage.roles))):
            a_user(Role(stage.roles[0]))


def a_policy_text(*changes: tuple[str, str]) -> str:
    """The example's policy for credit with pieces of its text replaced, each given as ``(old, new)``."""
    text = CREDIT_POLICY
    for old, new in changes:
        assert old in text, f"{old!r} is not in the example's policy"
        text = text.replace(old, new)
    return text


def a_dataset(text: str = "evaluation") -> DatasetSnapshot:
    """The pinned evaluation rows."""
    digest = payloads.a_digest(text)
    found = DatasetSnapshot.objects.filter(digest=digest).first()
    return found or mirrored(
        Event.DATASET_MIRRORED,
        DatasetSnapshot(
            digest=digest,
            role="evaluation",
            uri="runs:/1/placet/evaluation.parquet",
            rows=300,
            columns=[{"name": name, "type": "string"} for name in payloads.FEATURES],
            features=list(payloads.FEATURES),
            label="credit_risk",
            positive_label="bad",
            favourable_labels=["good"],
            sensitive_features=["sex", "age_group"],
            reference_groups={"sex": "male", "age_group": "26 to 60"},
            mirrored_at=clock.now(),
        ),
    )


def a_model(ai_system: AISystem | None = None, *, name: str = "", workspace: str = "default") -> RegisteredModel:
    """A registered model as the reconciler mirrors it, assigned to a system by its owner and a second person."""
    name = name or f"credit-risk-{next(_numbers)}"
    row = mirrored(Event.MODEL_MIRRORED, RegisteredModel(workspace=workspace, name=name, mirrored_at=clock.now()))
    assigned(str(row), ai_system or a_system())
    return RegisteredModel.objects.select_related("system").get(pk=row.pk)


def assigned(model: str, ai_system: AISystem) -> None:
    """Have a model serve a system. The signer's role is for that system and has ended: they sign nothing else."""
    now, signer = clock.now(), a_user()
    with clock.frozen(now - timedelta(milliseconds=1)):
        given(signer, Role.VALIDATOR, system_id=ai_system.pk, valid_until=now)
        proposal = assignments.propose_assignment(model=model, ai_system=ai_system, by=ai_system.owner)
        assignments.sign_assignment(assignment_id=proposal.pk, signer=signer)


def a_version(
    model: RegisteredModel | None = None, *, number: int = 1, trained_by: User | None = None, **fields: Any
) -> ModelVersion:
    """A model version as the reconciler mirrors it."""
    model = model or a_model()
    made_at = clock.now()
    values: dict[str, Any] = {
        "source": f"runs:/{number}/model",
        "storage_location": f"mlflow-artifacts:/{number}/model",
        "run_id": f"{number:032x}",
        "artifact_digest": payloads.a_digest(f"{model.pk} {number}"),
        "manifest_digest": payloads.a_digest(f"manifest {model.pk} {number}"),
        "artifact_bytes": 1_240_000 + number,
        "flavor": "sklearn",
        "parameters": {"max_depth": str(2 + number), "learning_rate": "0.1", "seed": "7"},
        "decision_threshold": 0.3,
        "evaluation_dataset": a_dataset(),
        "mirrored_at": made_at,
        "mlflow_created_at_ms": int(made_at.timestamp() * 1000) + number,
    }
    return mirrored(
        Event.VERSION_MIRRORED, ModelVersion(model=model, number=number, trained_by=trained_by, **(values | fields))
    )


def mirrored(event: Event, row: Any) -> Any:
    """Write a row as the reconciler does: with its log entry."""
    with transaction.atomic():
        audit.append(event=event, actor=System("reconciler"), subjects=[row], data={"made": "by a test"})
    return row


class Cast:
    """Everybody who has a part in one promotion, and the policy in force. Needs MLflow's health check to answer."""

    def __init__(self, policy_text: str = "", **classified: Any) -> None:
        self.engineer = a_user(Role.ENGINEER, name="ML engineer")
        self.validator = a_user(Role.VALIDATOR, name="Validator")
        self.officer = a_user(Role.RISK_OFFICER, name="Risk officer")
        self.owner = a_user(Role.OWNER, name="Model owner")
        self.system = a_system(owner=self.owner, **classified)
        self.policy = a_policy(policy_text)
        self.model = a_model(self.system)

    def promotion(self, *, number: int = 1, alias: str = "champion", **fields: Any) -> PromotionRequest:
        """Request a promotion of a new version; its evidence is still to be made."""
        version = a_version(self.model, number=number, **({"trained_by": self.engineer} | fields))
        made, _ = promotions.request_promotion(
            model=str(self.model), version=number, alias=alias, requester=self.engineer
        )
        made.version = version
        return made

    def reviewed(
        self, *, number: int = 1, ratio: float = 0.93, half: float = 0.145, **changes: Any
    ) -> PromotionRequest:
        """A promotion with all its evidence attached: in review, held by the fairness check unless told otherwise."""
        made = self.promotion(number=number)
        self.attached(made, ratio=ratio, half=half, **changes)
        return fresh(made)

    def attached(self, made: PromotionRequest, *, ratio: float = 0.93, half: float = 0.145, **changes: Any) -> None:
        """Attach all the evidence that a promotion waits for."""
        first = not made.approval.context.get("production")
        attach(made.approval, payloads.performance(production=not first, **changes))
        attach(made.approval, payloads.fairness(ratio=ratio, half=half))
        attach(made.approval, payloads.explanation())
        asked = {row["type"] for row in made.approval.required_evidence}
        for payload in (measured.calibration(), payloads.robustness(), payloads.data_quality()):
            if payload["type"] in asked:
                attach(made.approval, payload)

    def allowed(self, *, number: int = 1) -> PromotionRequest:
        """A promotion in review that nothing holds, with the human review that the first stage requires."""
        made = self.reviewed(number=number, ratio=0.97, half=0.05)
        accept(made.approval, self.validator)
        return fresh(made)

    def signed(self, made: PromotionRequest) -> PromotionRequest:
        """Take a promotion that was only asked for all the way to its approval."""
        self.attached(made, ratio=0.97, half=0.05)
        made = fresh(made)
        accept(made.approval, self.validator)
        approve(made.approval, self.validator)
        approve(made.approval, self.officer)
        return fresh(made)

    def approved(self, *, number: int = 1) -> PromotionRequest:
        """A promotion that a validator and a risk officer approved."""
        made = self.allowed(number=number)
        approve(made.approval, self.validator)
        approve(made.approval, self.officer)
        return fresh(made)

    def live(self, *, number: int = 1) -> PromotionRequest:
        """A promotion that is applied, as the apply task writes it once MLflow has said so."""
        return put_live(self, self.approved(number=number))


def record_applied(promotion_id: uuid.UUID) -> str:
    """Write down that MLflow has done what a promotion asks for; return the promotion's state."""
    with transaction.atomic():
        promotion = selectors.promotion(promotion_id)
        change = AliasChange.objects.filter(promotion=promotion, state=AliasChange.State.ASKED).first()
        alias_changes.record((change or applying._begin(promotion, actor=alias_changes.APPLIER)).pk)
    return selectors.promotion(promotion_id).state


def put_live(cast: Cast, made: PromotionRequest) -> PromotionRequest:
    """Write down that an approved promotion is applied, and serves."""
    with transaction.atomic():
        now = clock.now()
        made.state, made.applied_at = PromotionRequest.State.APPLIED, now
        span = AliasHistory(
            model=cast.model,
            alias=made.alias,
            version=made.version,
            promotion=made,
            during=DateTimeTZRange(now, None, "[)"),
        )
        audit.append(
            event=Event.PROMOTION_APPLIED,
            actor=System("apply"),
            subjects=[made, span],
            data={
                "request": made.approval_id,
                "promotion": made.number,
                "model": cast.model.name,
                "version": made.version.number,
                "alias": made.alias,
            },
        )
    return made


def attach(approval: ApprovalRequest, payload: dict[str, Any]) -> Evidence:
    """Attach evidence as the evidence worker does: through the open job for it, or a new one with the same inputs."""
    job = evidence_services.request_evidence(**_work(approval, payload["type"]))
    attempt = evidence_services.claim(job.pk)
    assert attempt is not None
    environment = {"isolation": "process", "libraries": {"scikit-learn": "1.9.0", "numpy": "2.4.0"}}
    return evidence_services.finish(job.pk, attempt, Product(payload, environment))


def submit(approval: ApprovalRequest, payload: dict[str, Any], producer: User) -> Evidence:
    """Attach evidence that somebody made elsewhere."""
    product = Product(payload, {"isolation": "none"})
    work = _work(approval, payload["type"])
    return evidence_services.attach(**work, product=product, producer=producer, origin=Evidence.Origin.SUBMITTED)


def _work(approval: ApprovalRequest, evidence_type: str) -> dict[str, Any]:
    wanted = next(row for row in approval.required_evidence if row["type"] == evidence_type)
    return {
        "evidence_type": wanted["type"],
        "subject_digest": approval.subject_digest,
        "subject_name": approval.subject_name,
        "dataset_digest": wanted["dataset"],
        "baseline_digest": wanted["baseline"],
        "parameters": wanted["parameters"],
        "subject_id": approval.subject_id,
        "baseline_id": wanted["baseline_id"],
        "settings": wanted["settings"],
    }


def approve(
    approval: ApprovalRequest,
    person: User,
    *,
    verdict: str = "approve",
    rationale: str = REASON,
    password: str = PASSWORD,
    change_class: str = "non-substantial",
) -> Any:
    """Sign as a person does."""
    return signing.record_decision(
        request_id=approval.pk,
        approver=person,
        verdict=verdict,
        rationale=rationale,
        password=password,
        change_class=change_class,
    )


def accept(
    approval: ApprovalRequest, person: User, *, check: str = "fairness.selection-ratio-sex", verdict: str = "accepted"
) -> Evidence:
    """Sign a human review of one check."""
    return signing.review_check(
        request_id=approval.pk, reviewer=person, check_id=check, verdict=verdict, statement=REASON, password=PASSWORD
    )


def fresh(promotion: PromotionRequest) -> PromotionRequest:
    """The promotion as the database has it now."""
    return PromotionRequest.objects.select_related(
        "version__model__system",
        "version__evaluation_dataset",
        "approval__system",
        "approval__policy_version",
        "approval__requester",
        "requester",
    ).get(pk=promotion.pk)


def state_of(approval: ApprovalRequest) -> State:
    """The request's state in the database now."""
    return State(ApprovalRequest.objects.values_list("state", flat=True).get(pk=approval.pk))
