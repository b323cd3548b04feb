"""Read validations: which ones there are, what the validator wrote, who may validate what."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from django.db.models import Q, QuerySet

from governance.accounts.access import Reader, readable, readable_systems
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.accounts.selectors import has_role
from governance.approvals.models import GRANTED, ApprovalRequest
from governance.approvals.models import OPEN as REQUEST_OPEN
from governance.approvals.selectors import ERASED, exclusion_of, producers_of, required_evidence
from governance.approvals.unmeasured import KINDS as UNMEASURED
from governance.audit import selectors as log
from governance.common.errors import Unknown
from governance.evidence import selectors as evidence_selectors
from governance.evidence.models import Evidence
from governance.policy import duties
from governance.validation.models import OPEN, State, Validation, ValidationTest

Words = Mapping[str, Any]


def validations_for(reader: Reader) -> QuerySet[Validation]:
    """Return the validations that a person may read, newest first: their own, and those of systems in their reach."""
    reach = readable_systems(reader)
    rows = Validation.objects.select_related("approval__system", "validator").order_by("-opened_at", "-pk")
    return readable(rows, reach, system="approval__system", own=Q(validator=reach.person))


def validation_for(user: User, pk: uuid.UUID) -> Validation:
    """Return one validation with what its page needs, as a person asks for it.

    Raises:
        Unknown: there is none with that id, or it is out of the person's reach.
    """
    rows = validations_for(user).select_related("approval__system__owner", "approval__policy_version", "evidence")
    found = rows.filter(pk=pk).first()
    if found is None:
        raise Unknown(f"There is no validation {pk}.")
    return found


def open_validation_of(approval: ApprovalRequest) -> Validation | None:
    """Return the validation of a request that is under way, None when there is none."""
    return Validation.objects.filter(approval=approval, state__in=OPEN).select_related("validator").first()


def signed_validations_of(approval: ApprovalRequest) -> QuerySet[Validation]:
    """Return the signed validations of the version that a request is about, whichever request each was made for."""
    return (
        Validation.objects.filter(
            state=State.SIGNED,
            approval__subject_kind=approval.subject_kind,
            approval__subject_id=approval.subject_id,
            approval__subject_digest=approval.subject_digest,
        )
        .select_related("validator", "evidence")
        .order_by("-settled_at")
    )


def parts_of(approval: ApprovalRequest, person: User) -> list[str]:
    """Return the parts that a person had in what a request is about; empty for somebody independent."""
    parts = set(exclusion_of(approval, person)) & duties.FLOOR
    if person.pk == approval.requester_id:
        parts.add("requester")
    if person.pk == approval.system.owner_id:
        parts.add("owner")
    if not approval.evidence_ids:  # whose evidence it is decided on is written down as its review opens
        made = producers_of([item for _, item in required_evidence(approval) if item])
        parts |= {part for part, people in made.items() if str(person.pk) in people}
    return sorted(parts)


def is_validator(person: User, system_id: uuid.UUID) -> bool:
    """Return whether a person validates the models of an AI system."""
    return not person.is_service and person.is_active and has_role(person, Role.VALIDATOR, system_id=system_id)


def validatable(approval: ApprovalRequest) -> bool:
    """Return whether there is something to validate: a version that is asked for or approved, and nothing else."""
    return approval.subject_kind not in UNMEASURED and approval.state in {*REQUEST_OPEN, *GRANTED}


@dataclass(frozen=True)
class Written:
    """What the validator wrote, part by part; a part is None before it was written, and says so once it was erased."""

    plan: Words | None = None
    independence: Words | None = None
    report: Words | None = None
    abandonment: Words | None = None
    tests: Mapping[uuid.UUID, Words] = field(default_factory=dict)


WORDS: dict[str, tuple[str, ...]] = {
    "plan": ("scope", "methods", "out_of_scope"),
    "independence": ("reporting_line", "conflicts"),
    "report": ("summary", "limitations"),
    "abandonment": ("reason",),
    "test": ("name", "done", "measure"),
}
"""The texts of each part, by the names under which an entry's payload holds them."""


def written(validation: Validation, tests: Sequence[ValidationTest] = ()) -> Written:
    """Return the words of a validation, read from the log."""
    entries = dict(validation.parts.values_list("part", "log_entry"))
    kept = log.payloads_of([*entries.values(), *(row.log_entry for row in tests)])

    def words(part: str, entry: uuid.UUID) -> Words:
        return {name: kept[entry].get(name, "") if entry in kept else ERASED for name in WORDS[part]}

    return Written(
        **{part: words(part, entry) for part, entry in entries.items()},
        tests={row.pk: words("test", row.log_entry) for row in tests},
    )


def evidence_at_hand(approval: ApprovalRequest) -> list[Evidence]:
    """Return the evidence that a validator has before them: frozen with the review, or attached for it so far."""
    if approval.evidence_ids:
        return evidence_selectors.by_ids(approval.evidence_ids)
    found = (
        evidence_selectors.evidence_from(wanted["inputs"], not_before=wanted.get("not_before"))
        for wanted in approval.required_evidence
    )
    return sorted((item for item in found if item), key=lambda item: item.type)
