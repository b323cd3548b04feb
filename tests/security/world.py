"""One governed world for the permission matrix: an AI system with everything it can have, and one of everybody.

The rows come about through the services, on real commits, signed by the notary. Each request is then rolled back.
"""

from __future__ import annotations

import copy
import uuid
from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from django.db import transaction
from django.test import Client

from examples.credit.policy import TEXT as CREDIT_POLICY
from governance.accounts import mappings, passkeys, proposals, recertification
from governance.accounts.models import Passkey, User
from governance.accounts.roles import Role
from governance.accounts.services import SCOPES, create_token
from governance.approvals import delegations, findings, listing, replaying, saved_views, waivers
from governance.approvals.models import Decision, Delegation
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.evidence import services as evidence
from governance.evidence.models import Evidence, EvidenceJob
from governance.evidence.producers import Product
from governance.inventory import assignments, criteria
from governance.notices.models import Channel
from governance.policy import services as policies
from governance.validation import services as validations
from monitoring.incidents import services as incidents
from monitoring.incidents.models import Incident
from monitoring.models import Alert, DriftRun
from monitoring.runs import EVIDENTLY_FILE
from placet.digests import ArtifactFile, ArtifactManifest
from registry import adoptable, adoption, signatures
from registry.models import Adoption, DatasetSnapshot, Permit, RegisteredModel
from reports import services as documents
from reports.models import Document
from tests import drift_payloads, payloads
from tests.authenticator import Authenticator
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import (
    PASSWORD,
    REASON,
    SETUP,
    a_dataset,
    a_system,
    a_user,
    a_version,
    approve,
    fresh,
    given,
    mirrored,
)
from tests.papers import submitted
from tests.reports.factories import FIRST_WEEK, Bank, a_proposal, notarise, watch
from tests.roles import as_role
from tests.security.batches import a_batch_and_a_held_bundle
from tests.security.bodies import BODIES, TRAINED, days
from tests.security.named import a_base, a_modification, a_request, a_risk, a_settled, both, incident
from tests.standing import MADE, asked
from tests.validation.working import PDF, worked

STATES = ("collecting", "in review", "changes requested", "approved", "suspended", "rejected")
ANYWHERE, HERE, ELSEWHERE = "everywhere", "here", "elsewhere"


@dataclass(frozen=True)
class Actor:
    """Somebody who asks.

    Attributes:
        role: what they hold; empty for nobody in particular.
        where: for all systems, for the one that the matrix is about, or for another one.
        parts: what they are to the requests here: requester, trainer, owner, eligible.
        scopes: of a token; None for somebody in a browser.
    """

    name: str
    role: str = ""
    where: str = ""
    parts: frozenset[str] = frozenset()
    scopes: frozenset[str] | None = None
    is_service: bool = False
    headers: dict[str, str] = field(default_factory=dict, compare=False)
    session: str = field(default="", compare=False)

    @property
    def signed_in(self) -> bool:
        return self.scopes is not None or (bool(self.session) and "deactivated" not in self.parts)

    @property
    def reaches(self) -> bool:
        """Whether a role of theirs covers the system here."""
        return bool(self.role) and self.where in (ANYWHERE, HERE)


class World(Bank):
    """The system ``here`` with its objects by name, and the people by what they are."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.entries = 0  # in the log, as far as whoever asks has counted them
        self._named: dict[tuple[str, str], dict[str, Any]] = {}
        self.requester = a_user(name="Requester")
        role = given(self.requester, Role.ENGINEER, system_id=self.system.pk)
        self.trainer = a_user(Role.VALIDATOR, name="Trainer")
        self.second = a_user(Role.VALIDATOR, name="Second validator")
        self.other = a_system(owner=a_user(Role.OWNER), name="Another system")
        self.modification = a_modification(self.system, self.owner, self.officer)
        self._requests(folder)
        self._things()
        notarise(folder)
        role.valid_until = clock.now()  # from here on the requester has no role, and still their requests
        with transaction.atomic():
            audit.append(event=Event.ROLE_REVOKED, actor=SETUP, subjects=[role], data={"made": "by a test"})
        self.actors = [*self._people(), *self._roles(), *self._tokens()]

    def _requests(self, folder: Path) -> None:
        """One promotion in each state, all asked for by the requester, none trained by them."""
        self.engineer = self.requester
        self.in_state = {"approved": self.approved(number=2)}
        for number, state in enumerate(("changes requested", "rejected", "in review"), 3):
            self.in_state[state] = self.allowed(number=number)
        verdicts = {"changes requested": Decision.Verdict.REQUEST_CHANGES, "rejected": Decision.Verdict.REJECT}
        for state, verdict in verdicts.items():
            approve(self.in_state[state].approval, self.validator, verdict=verdict)
        self.in_state["collecting"] = self.promotion(number=6)
        live = super().live(number=1)
        notarise(folder)  # signs its permit before it is suspended
        self.permit = Permit.objects.get(approval=live.approval)
        files = ArtifactManifest((ArtifactFile("MLmodel", 1, "sha256:" + "0" * 64),))
        with as_role("notary"):
            signatures.sign(self.permit, files, ec.generate_private_key(ec.SECP256R1()))
        self.standing = asked(self)
        self.monitor = watch(self, live.version)
        self.in_state["suspended"] = fresh(live)
        self.decision = Decision.objects.filter(request=live.approval_id, approver=self.validator).get()

    def promotion(self, *, number: int = 1, alias: str = "champion", **fields: Any) -> Any:
        return super().promotion(number=number, alias=alias, **({"trained_by": self.trainer} | MADE | fields))

    def _things(self) -> None:
        """What else a system has: proposals, a finding, papers, a run with files, a draft of a policy."""
        owner = self.owner
        self.classification = a_proposal(self.system, owner)
        self.base = a_base(self.system, owner, a_version(self.model, number=9, trained_by=self.trainer))
        self.spare = mirrored(Event.MODEL_MIRRORED, RegisteredModel(name="spare", mirrored_at=clock.now()))
        mirrored(Event.MODEL_MIRRORED, RegisteredModel(name="moving", mirrored_at=clock.now()))
        self.assignment = assignments.propose_assignment(model="moving", ai_system=self.system, by=owner)
        self.risk = a_risk(self.system, owner)
        self.letter = a_request(self.system, owner)
        self.settled = a_settled(a_request(self.system, owner))
        said = [{"id": "ranks", "title": "Ranks well", "expr": "candidate.auc >= 0.7"}]
        self.criteria = criteria.propose_criteria(ai_system=self.system, criteria=said, by=owner)
        self.finding = findings.open_finding(
            source="review",
            code="manual",
            title="The data's age is not known",
            severity="medium",
            system=self.system,
            owner=owner,
            actor=SETUP,
        )
        administrator, _ = a_user(Role.ADMINISTRATOR), a_user(Role.ADMINISTRATOR)
        self.proposal = proposals.propose_role(person=a_user(), role=Role.VALIDATOR, by=administrator)
        self.mapping = mappings.map_claim(claim="groups", value="validators", role=Role.VALIDATOR, by=administrator)
        self.review = recertification.open_review(
            reviewer=self.second, due_on=clock.now().date(), by=administrator, roles=[Role.OWNER]
        )
        self.passkey = self._passkey()
        self.delegation = self._delegation()
        failed = self.reviewed(number=7, ratio=0.6, half=0.05)
        self.waiver = waivers.request_waiver(
            request_id=failed.approval_id,
            check_id=next(row["id"] for row in failed.approval.verdict["checks"] if row["outcome"] == "fail"),
            requester=self.requester,
            reason=REASON,
            expires_at=clock.now() + timedelta(days=20),
        )
        self.submitted = submitted(self.system, self.owner)
        self.measured, self.work = self._evidence()
        self.view = saved_views.save_view(person=self.second, name="Held", wanted=listing.Asked(verdict="HOLD"))
        self.channel = Channel.objects.create(
            person=self.second, label="Chat", shown="slack://…", sealed="sealed", made_at=clock.now()
        )
        self.replay = replaying.ask_replay(asker=self._holder(Role.POLICY_AUTHOR, None), policy_version=self.policy)
        self._trained()
        self.adoption = self._adoption()
        self.validation = worked(self.in_state["in review"].approval, self.second)
        validations.upload_report(validation_id=self.validation.pk, by=self.second, content=PDF)
        self.alert = Alert.objects.get(monitor=self.monitor)
        self._incidents()
        self.run = self._run()
        self.bundle, self.hold = a_batch_and_a_held_bundle(self)
        self.job = documents.request_document(kind=Document.Kind.ANNEX_IV, ai_system=self.system, requester=owner)
        documents.request_document(kind=Document.Kind.ANNEX_IV, ai_system=self.system, requester=owner)
        self.document = documents.build_document(self.job.pk).document
        self.draft = policies.draft_policy(text=CREDIT_POLICY, author=a_user(Role.POLICY_AUTHOR))

    def _incidents(self) -> None:
        """One with a task and one without, both of two days ago and the system owner's."""
        told = {"title": "One district was refused alike", "what_happened": REASON, "by": self.second}
        aware = clock.now() - timedelta(days=2)
        self.incident, self.without_tasks = (
            incidents.open_incident(system=self.system, aware_at=aware, **told) for _ in range(2)
        )
        self.task = incidents.add_task(
            incident_id=self.incident.pk, by=self.second, text="Call", owner=self.second, due_on=clock.now().date()
        )

    def _trained(self) -> None:
        """Training data that no other system's versions were trained on."""
        data = DatasetSnapshot(
            digest=TRAINED,
            role="training",
            uri="runs:/1/placet/training-rows.u64",
            rows=700,
            columns=[{"name": "purpose", "type": "string"}],
            features=["purpose"],
            label="credit_risk",
            row_digests=payloads.a_digest("row digests"),
            mirrored_at=clock.now(),
        )
        version = self.model.versions.earliest("number")
        version.training_dataset = data
        with transaction.atomic():
            audit.append(
                event=Event.DATASET_MIRRORED, actor=SETUP, subjects=[data, version], data={"made": "by a test"}
            )

    def _passkey(self) -> Passkey:
        """A passkey of the validator who signs; it waits for an administrator."""
        options, state = passkeys.begin_enrolment(person=self.second, password=PASSWORD)
        return passkeys.enrol(person=self.second, label="Laptop", state=state, answer=Authenticator().create(options))

    def _delegation(self) -> Delegation:
        """A place that the validator who signs lends; it waits for an administrator."""
        stand_in = self._holder(Role.VALIDATOR, self.other.pk)
        until = clock.now() + timedelta(days=30)
        return delegations.delegate(delegator=self.second, to=stand_in, reason=REASON, valid_until=until)

    def _adoption(self) -> Adoption:
        """A version of no system that was in production before; it waits for its second person."""
        row = a_version(self.spare, number=1)
        place = adoptable.Place("spare", "champion", "", 1, row.mlflow_created_at_ms)
        return adoption.propose(
            seen=adoptable.Look(clock.now(), (place,)),
            wanted=adoptable.Wanted(owner=self.owner.email),
            deadline=(clock.now() + timedelta(days=30)).date(),
            reason=REASON,
            person=a_user(Role.ADMINISTRATOR),
        )

    def _run(self) -> DriftRun:  # a quiet week with Evidently's report in its files
        version = self.in_state["suspended"].version
        start = FIRST_WEEK + timedelta(days=14)
        window = {"start": clock.rfc3339(start), "end": clock.rfc3339(start + timedelta(days=7))}
        payload = copy.deepcopy(drift_payloads.drift(version=version.subject_name)) | {"monitor": str(self.monitor)}
        payload["window"] |= window
        job = evidence.request_evidence(
            evidence_type="drift/v1",
            subject_digest=version.artifact_digest,
            subject_name=version.subject_name,
            dataset_digest=payloads.a_digest("batches of the third week"),
            parameters={"monitor": str(self.monitor.pk), "version": str(version.pk), **window},
            subject_id=version.pk,
        )
        attempt = evidence.claim(job.pk)
        assert attempt
        evidence.finish(job.pk, attempt, Product(payload, {"libraries": {}}, {EVIDENTLY_FILE: b"<html>"}))
        return DriftRun.objects.get(pk=job.pk)

    def _evidence(self) -> tuple[Evidence, dict[str, EvidenceJob]]:
        """Computed evidence with a file and a chart, a job that failed and one that waits."""
        version = self.in_state["in review"].version
        made = []
        for number in range(3):
            job = evidence.request_evidence(
                evidence_type="fairness/v1",
                subject_digest=version.artifact_digest,
                subject_name=version.subject_name,
                parameters={"number": number},
                subject_id=version.pk,
            )
            made.append(job)
        product = Product(payloads.fairness(), {"seed": 1}, {"notes.txt": b"notes"})
        found = evidence.finish(made[0].pk, evidence.claim(made[0].pk) or 0, product)
        evidence.fail(made[1].pk, evidence.claim(made[1].pk) or 0, "The model was refused.", again=False)
        return found, {"failed": made[1], "open": made[2]}

    def _people(self) -> list[Actor]:
        """Those who have a part in the requests, one who has none, and nobody at all."""
        leaver = a_user(Role.RISK_OFFICER, name="Leaver")
        gone = _actor("deactivated risk officer", leaver, parts={"deactivated"})
        leaver.is_active = False
        leaver.save(update_fields=["is_active"])
        signs = {"eligible", "holder", "lender", "reviewer", "validates"}
        return [
            Actor("nobody signed in"),
            gone,
            _actor("no role", a_user()),
            _actor("requester without a role", self.requester, parts={"requester"}),
            _actor("trainer", self.trainer, Role.VALIDATOR, ANYWHERE, {"trainer"}),
            _actor("owner of the system", self.owner, Role.OWNER, ANYWHERE, {"owner", "proposer", "submitter"}),
            _actor("validator who signs", self.second, Role.VALIDATOR, ANYWHERE, signs),
            _actor("validator who signed", self.validator, Role.VALIDATOR, ANYWHERE, {"eligible", "signer"}),
            _actor("risk officer of a later stage", self.officer, Role.RISK_OFFICER, ANYWHERE, {"later"}),
        ]

    def _roles(self) -> list[Actor]:
        """Every role, for all systems, for this one and for another; given after the requests were made."""
        places = {ANYWHERE: None, HERE: self.system.pk, ELSEWHERE: self.other.pk}
        return [
            _actor(f"{role.label.lower()}, {where}", self._holder(role, system), role, where)
            for role in Role
            for where, system in places.items()
        ]

    def _tokens(self) -> list[Actor]:
        machine = {
            where: self._holder(Role.ENGINEER, system, sponsor=self.owner)
            for where, system in ((HERE, self.system.pk), (ELSEWHERE, self.other.pk))
        }
        auditor, every = self._holder(Role.AUDITOR, None), frozenset(SCOPES)
        return [
            _token("token with every scope, machine here", machine[HERE], every, Role.ENGINEER, HERE),
            _token("token without a scope, machine here", machine[HERE], frozenset(), Role.ENGINEER, HERE),
            _token("token with every scope, machine elsewhere", machine[ELSEWHERE], every, Role.ENGINEER, ELSEWHERE),
            _token("token with every scope, auditor", auditor, every, Role.AUDITOR, ANYWHERE),
        ]

    def _holder(self, role: Role, system: uuid.UUID | None, **fields: Any) -> User:
        person = a_user(**fields)
        until = clock.now() + timedelta(days=1) if role == Role.AUDITOR else None
        given(person, role, system_id=system, valid_until=until)
        return person

    def named(self, what: str, state: str) -> dict[str, Any]:
        """Return the parts of the address of a thing, by whatever name an address gives them; asked for once."""
        if (what, state) not in self._named:
            self._named |= {(name, state): parts for name, parts in self._things_in(state).items()}
        return self._named[what, state]

    def _things_in(self, state: str) -> dict[str, dict[str, Any]]:
        promotion, system = self.in_state[state], self.system
        index = log.index_of(self.decision.log_entry)
        return {
            "": {},
            "approval": {"pk": promotion.approval_id, "request_id": promotion.approval_id},
            "promotion": {"pk": promotion.pk, "promotion": str(promotion.pk)},
            "model": {"pk": self.model.pk, "name": self.model.name, "alias": "champion", "number": 9},
            "standing": {"pk": self.standing.approval_id, "request_id": self.standing.approval_id},
            "system": {"pk": system.pk, "system": system.slug},
            "classification": both("classification", self.classification.pk, system),
            "assignment": both("assignment", self.assignment.pk, system),
            "answer of a record": both("declaration", system.declarations.get(question="metric-choice").pk, system),
            "modification": both("modification", self.modification.pk, system),
            "risk": both("risk", self.risk.pk, system),
            "letter": both("correspondence", self.letter.pk, system),
            "settled letter": both("correspondence", self.settled.pk, system),
            "criteria": both("criteria", self.criteria.pk, system),
            "finding": {"pk": self.finding.pk, "finding_id": self.finding.pk} if self.finding else {},
            "monitor": {"pk": self.monitor.pk, "monitor_id": self.monitor.pk},
            "base": {"pk": self.base.pk, "word_id": self.base.pk},
            "run": {"pk": self.monitor.pk, "monitor_id": self.monitor.pk, "run_id": self.run.pk},
            "alert": {"alert_id": self.alert.pk},
            "alert page": {"pk": self.alert.pk},
            "incident": incident(self.incident),
            "incident without tasks": incident(self.without_tasks),
            "task of an incident": {**incident(self.incident), "task": self.task.pk, "task_id": self.task.pk},
            "document": {"form": "json"} | dict.fromkeys(("pk", "document_id"), getattr(self.document, "pk", "")),
            "document job": {"job_id": self.job.pk},
            **{name: {"pk": getattr(self, name).pk} for name in ("passkey", "view", "channel")},
            "bundle": {"pk": self.bundle.pk, "bundle_id": self.bundle.pk},
            "hold": {"pk": self.hold.pk, "hold_id": self.hold.pk},
            "policy": {"version_id": self.draft.pk, "pk": self.draft.pk},
            "permit": {"digest": self.permit.digest},
            "person": {"pk": self.second.pk},
            "role of a person": {"pk": self.second.pk, "grant": self.second.grants.get().pk},
            "role proposal": {"pk": self.proposal.pk},
            "claim mapping": {"pk": self.mapping.pk},
            "access review": {"pk": self.review.pk},
            "item of a review": {"pk": self.review.pk, "item": self.review.items.first().pk},
            "delegation": {"pk": self.delegation.pk, "delegation_id": self.delegation.pk},
            "adoption": {"number": self.adoption.number},
            "replay": {"pk": self.replay.pk, "replay_id": self.replay.pk},
            "dataset": {"digest": TRAINED[7:]},
            "submitted document": {"pk": self.submitted.pk, "document_id": self.submitted.pk},
            "evidence": {"pk": self.measured.pk, "evidence_id": self.measured.pk},
            "chart of evidence": {"pk": self.measured.pk, "place": 1},
            "file of evidence": {"pk": self.measured.pk, "name": "notes.txt"},
            "evidence of a version": {"pk": self.model.pk, "number": promotion.version.number},
            "failed evidence job": {"pk": self.work["failed"].pk, "job_id": self.work["failed"].pk},
            "open evidence job": {"pk": self.work["open"].pk, "job_id": self.work["open"].pk},
            "waiver": {"pk": self.waiver.approval_id, "request_id": self.waiver.approval_id},
            "validation": {"pk": self.validation.pk, "validation_id": self.validation.pk},
            "test of a validation": {"pk": self.validation.pk, "test": self.validation.tests.earliest("made_at").pk},
            "entry": {"index": index, "entry_id": self.decision.log_entry},
        }

    def body(self, what: str) -> dict[str, Any]:
        """Fill in what a body says of the world; the same whoever sends it."""
        return self.filled(BODIES[what])

    def filled(self, body: dict[str, Any]) -> dict[str, Any]:
        """Return the body with the things of this world for the words that stand for them."""
        return {key: self._known.get(value, value) if isinstance(value, str) else value for key, value in body.items()}

    @cached_property
    def _known(self) -> dict[str, Any]:
        return {
            "$system": str(self.system.pk),
            "$slug": self.system.slug,
            "$model": self.model.name,
            "$data": a_dataset().digest,
            "$answers": ANSWERS,
            "$policy": CREDIT_POLICY,
            "$owner": self.owner.email,
            "$version": str(self.policy.pk),
            "$second": str(self.second.pk),
            "$validator": str(self.validator.pk),
            "$collecting": str(self.in_state["collecting"].approval_id),
            "$aware": self.incident.aware_at.strftime("%Y-%m-%dT%H:%M"),
            "$incident": str(Incident.objects.get(pk=self.incident.pk).log_entry),
            "$without tasks": str(self.without_tasks.log_entry),
            **days(),
        }


def _actor(name: str, person: User, role: str = "", where: str = "", parts: set[str] | None = None) -> Actor:
    client = Client()
    client.force_login(person)
    session = client.cookies["sessionid"].value
    return Actor(name, str(role), where, frozenset(parts or ()), session=session)


def _token(name: str, holder: User, scopes: frozenset[str], role: str, where: str) -> Actor:
    secret = create_token(holder=holder, label=name, scopes=scopes)
    headers = {"Authorization": f"Bearer {secret}"}
    return Actor(name, str(role), where, scopes=scopes, is_service=holder.is_service, headers=headers)
