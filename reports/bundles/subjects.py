"""Which rows the log's entries name are about one AI system: the path from each governed table to it, or why none."""

from __future__ import annotations

import uuid
from collections.abc import Collection, Mapping
from typing import Any

from django.db.models import Q, QuerySet

from governance.accounts.claim_models import ClaimMapping
from governance.accounts.hold_models import LegalHold
from governance.accounts.models import ExternalIdentity, Grant, Passkey, WorkloadIdentity
from governance.accounts.proposal_models import GrantProposal
from governance.accounts.recertification_models import AccessReview, AccessReviewItem
from governance.approvals.models import (
    ApprovalRequest,
    Comment,
    Decision,
    Delegation,
    Finding,
    StandingApproval,
    StandingMatch,
    Waiver,
)
from governance.audit.events import Event
from governance.audit.governed import Governed
from governance.evidence.models import Evidence, EvidenceKey, EvidenceReview, Reproduction, SubmittedDocument
from governance.inventory.models import (
    AISystem,
    Classification,
    Correspondence,
    DatasetPin,
    Declaration,
    ModelAssignment,
    Modification,
    Risk,
    SuccessCriteria,
)
from governance.policy.models import PolicyVersion
from governance.validation.models import Validation, ValidationFinding, ValidationPart, ValidationTest
from monitoring.incidents.models import Incident, IncidentNote, IncidentTask
from monitoring.models import Alert, DriftRun, Monitor
from monitoring.record_models import RecordErasure
from monitoring.retraining.models import RetrainHook
from registry.adoption_models import AdoptedAlias, Adoption
from registry.dataset_models import DatasetSnapshot
from registry.models import (
    AliasChange,
    AliasHistory,
    ApplyGrant,
    GateConfiguration,
    ModelSignature,
    ModelVersion,
    Permit,
    PromotionRequest,
    RegisteredModel,
    RevocationList,
)
from registry.recorded_models import BuildsOn
from registry.watching_models import ObservedAlias, WatchSpan
from reports.models import Disposal, Document, DocumentSignatory, DocumentTimeStamp

PATHS: Mapping[type[Governed], tuple[str, ...]] = {
    AISystem: ("pk",),
    Classification: ("system",),
    Modification: ("system",),
    ModelAssignment: ("system", "from_system"),
    SuccessCriteria: ("system",),
    Declaration: ("system",),
    DatasetPin: ("system",),
    Risk: ("system",),
    Correspondence: ("system",),
    Grant: ("system_id",),
    GrantProposal: ("system_id",),
    ClaimMapping: ("system_id",),
    AccessReview: ("system_id",),
    AccessReviewItem: ("review__system_id",),
    ApprovalRequest: ("system",),
    Decision: ("request__system",),
    Comment: ("request__system",),
    Waiver: ("request__system",),
    Delegation: ("system",),
    Finding: ("system",),
    StandingApproval: ("system",),
    StandingMatch: ("standing__system", "request__system"),
    Validation: ("approval__system",),
    ValidationPart: ("validation__approval__system",),
    ValidationTest: ("validation__approval__system",),
    ValidationFinding: ("validation__approval__system",),
    RegisteredModel: ("system",),
    ModelVersion: ("model__system",),
    BuildsOn: ("version__model__system",),
    DatasetSnapshot: ("evaluated_versions__model__system", "trained_versions__model__system"),
    PromotionRequest: ("version__model__system",),
    AliasChange: ("model__system",),
    AliasHistory: ("model__system",),
    ApplyGrant: ("change__model__system",),
    Permit: ("approval__system", "change__model__system"),
    ModelSignature: ("permit__approval__system", "permit__change__model__system"),
    ObservedAlias: ("model__system",),
    Adoption: ("rows__system",),
    AdoptedAlias: ("system",),
    Monitor: ("model__system",),
    DriftRun: ("monitor__model__system",),
    Alert: ("monitor__model__system",),
    RecordErasure: ("monitor__model__system",),
    RetrainHook: ("model__system",),
    Incident: ("system",),
    IncidentTask: ("incident__system",),
    IncidentNote: ("incident__system",),
    Document: ("system",),
    DocumentSignatory: ("document__system",),
    DocumentTimeStamp: ("document__system",),
    Disposal: ("system",),
}
"""Governed table -> how its rows lead to the AI systems that they are about; any of the paths is enough."""

ELSEWHERE: Mapping[type[Governed], str] = {
    Evidence: "by what it measures: its system's versions, requests and documents",
    EvidenceKey: "with the evidence that it signed",
    EvidenceReview: "with its evidence",
    Reproduction: "with its evidence",
    SubmittedDocument: "with its evidence",
    PolicyVersion: "with the requests that it was pinned to; a policy is for every system of a class",
    Passkey: "with the decisions that it signed",
    WorkloadIdentity: "whose runs act as an account, whatever AI systems it has roles for",
    ExternalIdentity: "a person's name in another system, whatever AI system the person works on",
    GateConfiguration: "what is protected in every workspace; the bundle of the period has it",
    RevocationList: "which permits of all systems are not in force; the permits' own entries are here",
    LegalHold: "what it keeps may be of many systems, or of none; the bundle of the period has it",
    WatchSpan: "who watched all of MLflow; coverage.json says it for the period",
}
"""Governed table -> how else its entries come into the bundle of a system, or why they are none of one system."""

WITHOUT_ROWS = (
    Event.EVIDENCE_FAILED,
    Event.EVIDENCE_CANCELLED,
    Event.EVIDENCE_RETRIED,
    Event.RETRAIN_CALLED,
    Event.RECORDS_EXPIRED,
    Event.EXPLANATION_READ,
    Event.GATE_ALLOWED,
    Event.GATE_REFUSED,
    Event.GATE_LET_THROUGH,
)
"""Events that are about a system by what their data say, and name none of its rows, or not always."""

OF_NO_SYSTEM: Mapping[Event, str] = {
    **dict.fromkeys(
        (Event.LOG_FORKED, Event.LOG_HEARTBEAT, Event.LOG_GUARDS_CHECKED, Event.KEY_ADDED, Event.KEY_RETIRED),
        "about the log itself; a fork is in every bundle",
    ),
    **dict.fromkeys(
        (Event.ERASURE_REQUESTED, Event.PAYLOAD_REDACTED),
        "about words of another entry; what erased words of an entry here is in every bundle",
    ),
    **dict.fromkeys(
        (Event.LOG_EXPORTED, Event.POPULATION_EXPORTED, Event.BUNDLE_EXPORTED),
        "somebody took something away; the last of these is the bundle's own seal",
    ),
    **dict.fromkeys(
        (
            Event.CLAIMS_REFUSED,
            Event.IDENTITY_LINKED,
            Event.IDENTITY_UNLINKED,
            Event.PERSON_CREATED,
            Event.PERSON_UPDATED,
            Event.PERSON_LOCKED,
            Event.PERSON_UNLOCKED,
            Event.SECOND_FACTOR_ENABLED,
            Event.SECOND_FACTOR_DISABLED,
            Event.RECOVERY_CODES_GENERATED,
            Event.RECOVERY_CODE_USED,
            Event.TOKEN_CREATED,
            Event.TOKEN_EXCHANGED,
            Event.TOKEN_REVOKED,
            Event.SERVICE_ACCOUNT_CREATED,
        ),
        "about an account, whatever AI system its holder works on",
    ),
    **dict.fromkeys(
        (Event.POLICY_REPLAYED, Event.GATE_CONFIGURATION_PROPOSED, Event.GATE_CONFIGURATION_SIGNED),
        "about what holds for every system",
    ),
    Event.GATE_CONFIGURATION_WITHDRAWN: "about what holds for every system",
    **dict.fromkeys((Event.WATCH_STARTED, Event.WATCH_ENDED), "who watched all of MLflow; see coverage.json"),
    Event.REVOCATION_LIST_SIGNED: "which permits of all systems are not in force, signed anew each hour",
}
"""Event -> why the bundle of a system has no entry of it on that system's account."""

OF_MANY = frozenset(
    {Event.ADOPTION_PROPOSED, Event.ADOPTION_SIGNED, Event.ADOPTION_WITHDRAWN, Event.ADOPTION_LEFT}
    | {Event.PERSON_DEACTIVATED, Event.PERSON_REACTIVATED}
)
"""One entry names rows of many systems, and can't be shown in part: who may not take the whole log gets none."""

NOT_IN_A_PERIOD: Mapping[Event, str] = {
    Event.LOG_HEARTBEAT: "each hour, and says only that the log stands",
    Event.LOG_GUARDS_CHECKED: "each hour, and says only that the guards stand",
    Event.REVOCATION_LIST_SIGNED: "each hour; which permits were withdrawn, their own entries say",
}
"""Event -> why the bundle of a period does without it; the bundle of the whole log holds every entry."""


def rows_of(model: type[Governed], systems: Collection[uuid.UUID]) -> QuerySet[Any]:
    """Return the rows of a table that are about any of these systems."""
    manager: Any = model._default_manager
    wanted = Q()
    for path in PATHS[model]:
        wanted |= Q(**{f"{path}__in": list(systems)})
    found: QuerySet[Any] = manager.filter(wanted).order_by()
    return found
