"""A bank with a credit-scoring system in production and watched: what a document about it is built from."""

from __future__ import annotations

import copy
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings

from examples.credit.policy import TEXT as EXAMPLE_POLICY
from examples.credit.story import ANSWERS, DECLARED
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.audit.notary import Notary
from governance.common import clock
from governance.evidence import services as evidence
from governance.evidence.producers import Product
from governance.inventory import declaring
from governance.inventory import services as inventory
from governance.inventory.models import AISystem, Classification
from governance.regulation import record
from monitoring.models import Monitor
from monitoring.services import open_monitor
from registry.models import ModelVersion, PromotionRequest
from tests import drift_payloads, payloads
from tests.factories import (
    PASSWORD,
    Cast,
    a_dataset,
    a_model,
    a_policy,
    a_system,
    a_user,
    a_version,
    accept,
    approve,
    fresh,
    record_applied,
)
from tests.roles import as_role

__all__ = ["PASSWORD", "a_system", "a_user"]
FIRST_WEEK = datetime(2026, 11, 2, tzinfo=UTC)  # a Monday: only windows of the calendar alarm
# MLflow's own JSON, as the signature in an MLmodel file reads once the mirror has parsed it.
SIGNATURE = {
    "inputs": [
        {"type": "string", "name": "checking_status", "required": True},
        {"type": "long", "name": "duration_months", "required": True},
        {"type": "double", "name": "credit_amount", "required": False},
    ],
    "outputs": [{"type": "tensor", "tensor-spec": {"dtype": "object", "shape": [-1]}}],
}


def a_declared_system(owner: User, **more: Any) -> AISystem:
    """An AI system as its owner takes it in: proposed, without a class."""
    given: dict[str, Any] = {
        "slug": "consumer-credit",
        "name": "Consumer credit scoring",
        "purpose": "Estimates for each applicant for consumer credit the probability of default, as an aid to the "
        "credit officer who decides.",
        "ai_roles": ["provider", "deployer"],
        "favourable_outcome": "credit granted",
        "declared": DECLARED,
    }
    return inventory.register_system(owner=owner, **(given | {"by": owner} | more))


def a_proposal(ai_system: AISystem, by: User) -> Classification:
    """A classification that waits for its second person."""
    return inventory.propose_classification(ai_system=ai_system, answers=ANSWERS, model_tier=1, by=by)


class Bank(Cast):
    """Everybody with a part in the system, which is classified and has its data pinned. No version exists yet."""

    def __init__(self, **system: Any) -> None:
        # Names that no other text holds, so that a test can tell a name from a role.
        self.engineer = a_user(Role.ENGINEER, name="Engineer 41")
        self.validator = a_user(Role.VALIDATOR, name="Validator 42")
        self.officer = a_user(Role.RISK_OFFICER, name="Risk officer 43")
        self.owner = a_user(Role.OWNER, name="Model owner 44")
        self.auditor = a_user(Role.AUDITOR, name="Auditor 45")
        self.system = a_declared_system(self.owner, **system)
        proposal = a_proposal(self.system, self.owner)
        inventory.sign_classification(classification_id=proposal.pk, signer=self.officer)
        self.system.refresh_from_db()
        self.policy = a_policy(EXAMPLE_POLICY)  # whole: what the demo asks for
        self.model = a_model(self.system, name="credit-risk")
        inventory.pin_dataset(ai_system=self.system, dataset_digest=a_dataset().digest, by=self.validator)

    @property
    def names(self) -> list[str]:
        return [person.name for person in (self.engineer, self.validator, self.officer, self.owner, self.auditor)]

    def promotion(self, *, number: int = 1, alias: str = "champion", **fields: Any) -> PromotionRequest:
        """Request a new version, with everything that the mirror reads of it. MLflow's health is not asked for."""
        described = {
            "signature": SIGNATURE,
            "metrics": {"auc": 0.7654321, "system/system_memory_usage_megabytes": 512.5},
        }
        return super().promotion(number=number, alias=alias, **(described | fields))

    def live(self, *, number: int = 1) -> PromotionRequest:
        """A version whose held check was reviewed, that two people approved and that became champion."""
        made = self.reviewed(number=number)
        accept(made.approval, self.validator)
        for person in (self.validator, self.officer):
            approve(made.approval, person)
        record_applied(made.pk)
        return fresh(made)


def ready_to_declare(bank: Bank, **answers: str) -> None:
    """Have a version and every answer that the declaration of conformity prints; ids of questions with underscores."""
    asked = [row for row in record.load().questions.values() if any(at.startswith("Annex V.") for at in row.points)]
    said = {row.id: row.choices[0] if row.choices else "As the organisation states it." for row in asked}
    said |= {name.replace("_", "-"): text for name, text in answers.items()}
    declaring.declare(ai_system=bank.system, answers=said, by=bank.owner)
    if not bank.model.versions.exists():
        a_version(bank.model, number=1)


def watch(bank: Bank, live: ModelVersion, *, drifted: bool = True) -> Monitor:
    """A monitor of champion with a quiet week and, if asked, one that drifted and suspended the approval."""
    monitor = open_monitor(model=bank.model, alias="champion", actor=bank.owner, version=live)
    a_window(monitor, live, FIRST_WEEK)
    if drifted:
        a_window(monitor, live, FIRST_WEEK + timedelta(days=7), drifted=["credit_amount"])
    return monitor


def a_window(monitor: Monitor, version: ModelVersion, start: datetime, *, drifted: list[str] | None = None) -> None:
    """A measured week of records, attached as the evidence worker attaches it."""
    window = {"start": clock.rfc3339(start), "end": clock.rfc3339(start + timedelta(days=7))}
    payload = copy.deepcopy(drift_payloads.drift(version=version.subject_name)) | {"monitor": str(monitor)}
    payload["window"] |= window
    for column in payload["columns"]:
        if column["column"] in (drifted or []):
            column |= {"value": 0.4127, "low": 0.2891, "high": 0.5634, "outcome": "drift", "evidently": 0.4131}
    payload |= drift_payloads.drift_parts(payload["columns"])
    job = evidence.request_evidence(
        evidence_type="drift/v1",
        subject_digest=version.artifact_digest,
        subject_name=version.subject_name,
        dataset_digest=payloads.a_digest(f"batches {start}"),
        parameters={"monitor": str(monitor.pk), "version": str(version.pk), **window},
        subject_id=version.pk,
    )
    attempt = evidence.claim(job.pk)
    assert attempt
    evidence.finish(job.pk, attempt, Product(payload, {"libraries": {"numpy": "2.4.0"}}))


def a_notary(folder: Path) -> Notary:
    """The notary, with keys of its own and its state in a folder."""
    for name in ("state", "anchors"):
        (folder / name).mkdir(exist_ok=True)
    keys = Ed25519PrivateKey.from_private_bytes(b"\1" * 32), Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
    return Notary(settings.LOG_ORIGIN, *keys, folder / "state", folder / "anchors")


def notarise(folder: Path) -> None:
    """Two rounds of the notary: entries get their places, permits are signed, and those get theirs."""
    notary = a_notary(folder)
    with as_role("notary"):
        notary.round()
        notary.round()
