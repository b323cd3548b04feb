"""What a policy wants attached for a version: row by row, each named by all that determines it."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from governance.common import clock
from governance.evidence import services as evidence_services
from governance.evidence.canary import CANARY
from governance.evidence.documents import About, about_system, inputs
from governance.evidence.evaluation import TYPE as EVALUATION
from governance.inventory.models import AISystem
from governance.policy.document import PolicyDocument
from governance.policy.requirements import EvidenceRequirement
from registry import bases, protected
from registry.errors import VersionUnusable
from registry.models import ModelVersion


def required_evidence(
    document: PolicyDocument, dataset_digest: str, candidate: ModelVersion, production: ModelVersion | None
) -> list[dict[str, Any]]:
    """Return what the policy wants attached, each on the same rows and against the same version in production.

    ``inputs`` names all that determines it; only evidence of that name is used, however fresh another is.

    Raises:
        VersionUnusable: the policy wants what only Placet computes, and the version is one that Placet can't run.
    """
    if candidate.is_recorded and (lacking := [item.type for item in document.evidence if _only_computed(item)]):
        raise VersionUnusable(
            f"{candidate} is in no MLflow, and {document.name} wants {', '.join(lacking)} as Placet computes it. "
            f"Have a policy govern {protected.IN_USE} that asks for what people submit."
        )
    now = clock.now()
    wanted: list[dict[str, Any]] = []
    for item in document.evidence:
        if item.kinds:
            wanted += _required_documents(item, candidate, now)
        elif item.type == CANARY:  # as of this request, so made anew for it, on no data but the records
            wanted.append(_produced(item, candidate, settings={"as_of": clock.rfc3339(now)}))
        else:
            baseline = production if item.name == "performance" else None
            compared = {"baseline": {"decision_threshold": baseline.decision_threshold}} if baseline else {}
            settings = {"subject": {"decision_threshold": candidate.decision_threshold}, **compared}
            if item.name == "performance":
                settings |= yardstick(candidate.model.system)
            oldest = clock.rfc3339(now - item.max_age) if item.max_age else None
            wanted.append(
                _produced(
                    item,
                    candidate,
                    dataset="" if item.type == EVALUATION else dataset_digest,
                    baseline=baseline,
                    settings=settings,
                    not_before=oldest,
                )
                | _how_made(item)
                | ({"inherit": bases.inheritable(candidate)} if item.inherit else {})
            )
    return wanted


def _only_computed(item: EvidenceRequirement) -> bool:
    return item.computed or bool(item.isolation) or item.type in {CANARY, "drift/v1"}


def yardstick(ai_system: AISystem | None) -> dict[str, Any]:
    """Return the success criteria and the costs that were signed for a system; what it lacks is left out.

    They are among what determines performance evidence, so other criteria ask for other evidence.
    """
    if ai_system is None:
        return {}
    criteria, costs = ai_system.success_criteria, ai_system.cost_matrix
    return {**({"success_criteria": criteria} if criteria else {}), **({"cost_matrix": costs} if costs else {})}


def _produced(
    item: EvidenceRequirement,
    candidate: ModelVersion,
    *,
    settings: dict[str, Any],
    dataset: str = "",
    baseline: ModelVersion | None = None,
    not_before: str | None = None,
) -> dict[str, Any]:
    """Return what is asked of a producer."""
    parameters = {key: list(value) if isinstance(value, tuple) else value for key, value in item.parameters.items()}
    baseline_digest, baseline_id = (baseline.artifact_digest, str(baseline.pk)) if baseline else ("", None)
    return {
        "type": item.type,
        "dataset": dataset,
        "parameters": parameters,
        "baseline": baseline_digest,
        "baseline_id": baseline_id,
        "settings": settings,
        "inputs": evidence_services.inputs_digest(
            evidence_type=item.type,
            subject_digest=candidate.artifact_digest,
            subject_id=candidate.pk,
            dataset_digest=dataset,
            baseline_digest=baseline_digest,
            baseline_id=baseline_id,
            parameters=parameters,
            settings=settings,
        ),
        "not_before": not_before,
    }


def _how_made(item: EvidenceRequirement) -> dict[str, str]:
    """Return what else the policy says of how evidence was made; its inputs are the same either way."""
    origin = {"origin": "computed"} if item.computed else {}
    return origin | ({"isolation": item.isolation} if item.isolation else {})


def _required_documents(item: EvidenceRequirement, candidate: ModelVersion, now: datetime) -> list[dict[str, Any]]:
    """Return the documents that people must submit, one row a kind: about this version, or about its AI system.

    ``not_before`` is held against the day of issue.
    """
    ai_system = candidate.model.system
    own = About(ai_system.pk, candidate.pk, candidate.artifact_digest, candidate.subject_name) if ai_system else None
    general = about_system(ai_system.pk, ai_system.name) if ai_system else None
    below = bases.inheritable(candidate) if item.inherit else []
    return [
        {
            "type": item.type,
            "kind": kind,
            "dataset": "",
            "parameters": {"kind": kind},
            "baseline": "",
            "baseline_id": None,
            "settings": {},
            "inputs": inputs(own, kind) if own else "",
            "also": inputs(general, kind) if general else "",
            "not_before": clock.rfc3339(now - item.max_age) if item.max_age else None,
            **({"inherit": [_with_papers(base, kind) for base in below]} if item.inherit else {}),
        }
        for kind in item.kinds
    ]


def _with_papers(base: Mapping[str, str], kind: str) -> dict[str, str]:
    about = About(uuid.UUID(base["system"]), uuid.UUID(base["id"]), base["digest"], base["name"])
    return {**base, "inputs": inputs(about, kind)}
