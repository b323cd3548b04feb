"""Which entries of the log speak of a promotion, an AI system or a period, as it stood at one size."""

import uuid
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import Model, Q, QuerySet

from governance.approvals.models import ApprovalRequest, Finding
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.audit.searching import Query, each
from governance.audit.selectors import LogEntry
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.evidence.models import Evidence, EvidenceKey, EvidenceReview, SubmittedDocument
from governance.inventory.models import AISystem
from monitoring.incidents.models import Incident
from monitoring.models import Alert, Monitor
from registry import permits, population
from registry.models import AliasChange, AliasHistory, ApplyGrant, Permit, PromotionRequest
from reports.models import BundleJob, Document

MOST = 50_000
"""Entries of one bundle. Beyond that the bundle of the whole log is the better thing to take."""
DECIDED = (Event.APPROVAL_DECIDED, Event.APPROVAL_APPROVED)
_REVIEW = "human_review/v1"


@dataclass
class Gathered:
    """The entries of a bundle by index, and what they are about.

    Attributes:
        promotions: those that it tells of, by number.
        models: names of the models whose changes it lists; None for all.
        start, end: the period, the end no part of it.
    """

    size: int
    entries: dict[int, LogEntry] = field(default_factory=dict)
    promotions: list[PromotionRequest] = field(default_factory=list)
    models: list[str] | None = None
    start: datetime = field(default_factory=clock.now)
    end: datetime = field(default_factory=clock.now)
    changes: list[population.Item] = field(default_factory=list)
    _approvals: set[uuid.UUID] = field(default_factory=set)

    def add(self, found: Iterable[LogEntry]) -> None:
        """Take entries in that are within the size.

        Raises:
            InvalidInput: they are too many.
        """
        for entry in found:
            if entry.index is not None and entry.index < self.size:
                self.entries[entry.index] = entry
        if len(self.entries) > MOST:
            raise InvalidInput(
                f"More than {MOST:,} entries speak of it. Ask for a shorter period, or take the whole log's bundle."
            )

    def add_rows(self, rows: Iterable[Model]) -> None:
        """Take in the entries that name these governed rows."""
        by_table: dict[str, list[uuid.UUID]] = {}
        for row in rows:
            by_table.setdefault(row._meta.db_table, []).append(row.pk)
        for table, keys in by_table.items():
            self.add(log.entries_naming(table, keys))

    def tells_of(self, row: Model) -> bool:
        """Return whether the log told of a governed row within the size."""
        told = log.entries_naming(row._meta.db_table, [row.pk])
        return any(entry.index is not None and entry.index < self.size for entry in told)

    def add_promotion(self, promotion: PromotionRequest) -> None:
        """Take in a promotion: its approval with all that this rests on, and each change of the alias on its word."""
        if promotion in self.promotions:
            return
        self.promotions.append(promotion)
        self.add_rows([promotion, promotion.version])
        changes = list(AliasChange.objects.filter(promotion=promotion))
        ended = AliasHistory.objects.filter(promotion=promotion, ended_by__isnull=False).select_related("ended_by")
        changes += [row.ended_by for row in ended if row.ended_by and row.ended_by not in changes]
        self.add_rows(changes)
        self.add_rows(ApplyGrant.objects.filter(change__in=changes))
        signed = Permit.objects.filter(Q(change__in=changes) | Q(approval=promotion.approval_id))
        self.add_rows(signed.defer("envelope"))
        grounds = set(signed.values_list("log_index", flat=True))  # one to go back can rest on another's change
        self.add(log.entries_at(sorted(grounds - self.entries.keys())))
        self.add_approval(promotion.approval)

    def add_approval(self, approval: ApprovalRequest) -> None:
        """Take in a request with its evidence, policy and signers, and the requests that it rests on."""
        waiting = [approval]
        while waiting:
            request = waiting.pop()
            if request.pk in self._approvals:
                continue
            self._approvals.add(request.pk)
            self.add(log.entries_about_request(request.pk))
            about = permits.entries_about(request)
            self.add(log.entries_at([index for index, _ in about if index not in self.entries]))
            self.add_rows([request.policy_version])
            self._add_evidence(request)
            named = {str(body["data"]["request"]) for _, body in about if body["event"] == Event.APPROVAL_OPENED.value}
            waiting += ApprovalRequest.objects.filter(pk__in=named).select_related("policy_version")

    def _add_evidence(self, request: ApprovalRequest) -> None:
        """Take in what the request was reviewed on, every other attempt at it until then, and the reviews of checks."""
        frozen = [
            row["id"]
            for entry in self.entries.values()
            if entry.event == Event.APPROVAL_REVIEW_OPENED and entry.parsed["data"].get("request") == str(request.pk)
            for row in entry.parsed["data"]["evidence"]
        ]
        attempts = Q(subject_digest=request.subject_digest)  # the same bytes can be another system's, too
        attempts &= Q(subject_id=request.subject_id) | Q(subject_id=None)
        if request.settled_at:
            attempts &= Q(made_at__lte=request.settled_at)
        wanted = Q(pk__in=frozen) | attempts | Q(type=_REVIEW, parameters__request=str(request.pk))
        self.add_evidence(Evidence.objects.filter(wanted))

    def add_evidence(self, rows: QuerySet[Evidence]) -> None:
        """Take in evidence with the keys that signed it, and with what was said of it as a document."""
        found = list(rows.defer("payload", "projection"))
        self.add_rows(found)
        signers = {row.environment.get("signed_by") for row in found} - {None}
        self.add_rows(EvidenceKey.objects.filter(key_digest__in=signers))
        self.add_rows(SubmittedDocument.objects.filter(evidence__in=found))
        self.add_rows(EvidenceReview.objects.filter(evidence__in=found))

    def finish(self) -> "Gathered":
        """Take in the changes of the period, and what erased words; then nothing is missing."""
        first, last = clock.rfc3339(self.start), clock.rfc3339(self.end)
        drawn = population.draw(self.start, self.end).items
        self.changes = [
            item
            for item in drawn
            if 0 <= item.index < self.size
            and first <= item.at < last
            and (self.models is None or item.model in self.models)
        ]
        self.add(log.entries_at([item.index for item in self.changes if item.index not in self.entries]))
        sealed = [entry.id for entry in self.entries.values() if entry.parsed["payload"] is not None]
        for some in range(0, len(sealed), 1000):
            self.add(log.entries_naming("audit_payload", sealed[some : some + 1000]))
        self._add_forks()
        self.entries = dict(sorted(self.entries.items()))
        asked = {
            entry.parsed["data"]["promotion"]
            for entry in self.entries.values()
            if entry.event == Event.PROMOTION_REQUESTED
        }
        here = (row for row in self.promotions if row.number in asked)  # one that came meanwhile has no entry here
        self.promotions = sorted(here, key=lambda row: row.number)
        return self

    def _add_forks(self) -> None:
        """Take in the entries at the log's beginning that say which log it goes on from; there are few or none."""
        for index in range(min(self.size, 100)):
            entry = self.entries.get(index) or next(iter(log.entries_at([index])), None)
            if entry is None or entry.event != Event.LOG_FORKED:
                return
            self.add([entry])


def gather(job: BundleJob, size: int) -> Gathered:
    """Return what a bundle is made of, from the first ``size`` entries of the log.

    Raises:
        InvalidInput: it would hold too many entries.
    """
    found = Gathered(size)
    if job.promotion is not None:
        _of_promotion(found, job.promotion)
    elif job.system is not None:
        _of_system(found, job.system)
    elif job.begins_at and job.ends_at:
        _of_period(found, job.begins_at, job.ends_at)
    return found.finish()


def _of_promotion(found: Gathered, promotion: PromotionRequest) -> None:
    """Gather one promotion, with the newest document of each kind of its system."""
    found.add_promotion(promotion)
    found.models = [str(promotion.version.model)]
    _close(found, promotion.approval.opened_at)
    newest: dict[str, Document] = {}
    made = Document.objects.filter(system=promotion.approval.system_id).order_by("kind", "-made_at", "pk")
    for document in made.defer("snapshot").iterator(chunk_size=100):
        if document.kind not in newest and found.tells_of(document):  # what was made since is not in this log
            newest[document.kind] = document
    found.add_rows(newest.values())


def _of_system(found: Gathered, system: AISystem) -> None:
    """Gather all of an AI system: itself, its requests, documents, findings, monitors, alerts and incidents."""
    of_system = {"system": system}
    rows: Sequence[QuerySet[Any]] = (
        AISystem.objects.filter(pk=system.pk),
        system.classifications.all(),
        system.modifications.all(),
        system.declarations.all(),
        system.risks.all(),
        system.correspondence.all(),
        system.assignments.all(),
        system.criteria_proposals.all(),
        system.dataset_pins.all(),
        system.models.all(),
        Document.objects.filter(**of_system).defer("snapshot"),
        Finding.objects.filter(**of_system),
        Monitor.objects.filter(model__system=system),
        Alert.objects.filter(monitor__model__system=system),
        Incident.objects.filter(**of_system),
    )
    for some in rows:
        found.add_rows(some)
    for promotion in _promotions().filter(approval__system=system):
        found.add_promotion(promotion)
    for approval in ApprovalRequest.objects.filter(system=system).select_related("policy_version"):
        found.add_approval(approval)
    papers = SubmittedDocument.objects.filter(system_id=system.pk).values("evidence")
    found.add_evidence(Evidence.objects.filter(pk__in=papers))
    found.models = sorted(str(model) for model in system.models.all())
    _close(found, None)


def _of_period(found: Gathered, start: datetime, end: datetime) -> None:
    """Gather every request on which somebody decided in a period, and the documents made in it."""
    decided = list(each(Query(events=[str(event) for event in DECIDED], since=start, until=end), below=found.size))
    requests = {str(entry.parsed["data"]["request"]) for entry in decided}
    for promotion in _promotions().filter(approval__in=requests):
        found.add_promotion(promotion)
    for approval in ApprovalRequest.objects.filter(pk__in=requests).select_related("policy_version"):
        found.add_approval(approval)
    found.add_rows(Document.objects.filter(made_at__gte=start, made_at__lt=end).defer("snapshot"))
    found.start, found.end = start, end


def _promotions() -> QuerySet[PromotionRequest]:
    rows = PromotionRequest.objects.select_related("version__model", "approval__policy_version", "approval__system")
    return rows.order_by("number")


def _close(found: Gathered, start: datetime | None) -> None:
    """Make the period what the entries span, from ``start`` on if it is given."""
    times = sorted(_times(found))
    found.start = start or (times[0] if times else clock.now())
    found.end = max([found.start, *times[-1:]]) + timedelta(seconds=1)


def _times(found: Gathered) -> Iterator[datetime]:
    return (datetime.fromisoformat(entry.parsed["at"]) for entry in found.entries.values())
