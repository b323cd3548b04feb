"""Past requests in any number, asked for and evidenced through the real services, on figures that differ."""

from __future__ import annotations

import uuid
from typing import Any

from governance.approvals import services as approvals
from governance.evidence import services as evidence
from governance.evidence.models import Evidence
from governance.evidence.producers import Product
from governance.policy.models import PolicyVersion
from governance.policy.selectors import document_of
from tests import payloads
from tests.factories import a_dataset, a_system, a_user

ENVIRONMENT = {"isolation": "process"}


def past_requests(count: int, policy: PolicyVersion) -> None:
    """Make ``count`` requests for champion whose review is open: some allowed, some held, some blocked."""
    system, engineer, dataset = a_system(), a_user("engineer"), a_dataset().digest
    for number in range(count):
        share = number / count
        made: dict[str, dict[str, Any]] = {
            "performance/v1": payloads.performance(production=False, auc=0.55 + 0.35 * share),
            "fairness/v1": payloads.fairness(ratio=0.85 + 0.15 * (number % 17) / 17, half=0.02 + 0.03 * (number % 5)),
            "explanation/v1": payloads.explanation(),
        }
        _request(number, policy, system, engineer, dataset, made)


def _request(
    number: int, policy: PolicyVersion, system: Any, engineer: Any, dataset: str, made: dict[str, dict[str, Any]]
) -> None:
    subject_id, digest = uuid.uuid4(), payloads.a_digest(f"past {number}")
    works = []
    for item in document_of(policy).evidence:
        parameters = {key: list(value) if isinstance(value, tuple) else value for key, value in item.parameters.items()}
        works.append(
            {
                "evidence_type": item.type,
                "subject_digest": digest,
                "dataset_digest": dataset,
                "parameters": parameters,
                "subject_id": subject_id,
            }
        )
    approvals.open_request(
        subject_kind="past",
        subject_id=subject_id,
        subject_name=f"past/{number}",
        subject_digest=digest,
        asks_for="alias champion",
        alias="champion",
        system=system,
        requester=engineer,
        parts={
            "requester": [str(engineer.pk)],
            "trainer": [str(engineer.pk)],
            "owner": [str(system.owner_id)],
            "evidence_producer": [],
            "sponsor": [],
        },
        required_evidence=[
            {"type": work["evidence_type"], "dataset": dataset, "inputs": evidence.inputs_digest(**work)}
            for work in works
        ],
        context={"candidate": {"version": number, "digest": digest, "threshold": 0.3}},
        policy_version=policy,
    )
    for work in works:
        evidence.attach(
            **work,
            subject_name=f"past/{number}",
            product=Product(made[work["evidence_type"]], ENVIRONMENT),
            producer=evidence.WORKER,
            origin=Evidence.Origin.COMPUTED,
        )
