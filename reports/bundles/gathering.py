"""Which entries of the log speak of a promotion, an AI system or a period, as it stood at one size."""

import uuid
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from django.db.models import F, Func, JSONField, Model, Q, QuerySet, Value
from django.db.models.fields.json import KT

from governance.approvals.models import ApprovalRequest
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.audit.searching import Query, each
from governance.audit.selectors import LogEntry
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.evidence.models import Evidence, EvidenceKey, EvidenceReview, Reproduction, SubmittedDocument
from governance.inventory.models import AISystem
from monitoring.models import Alert, Monitor
from registry import permits, population
from registry.models import AliasChange, AliasHistory, ApplyGrant, ModelVersion, Permit, PromotionRequest
from reports.bundles.access import may_take_all
from reports.bundles.subjects import NOT_IN_A_PERIOD, OF_MANY, PATHS, WITHOUT_ROWS, rows_of
from reports.models import STATED, BundleJob, Document, DocumentSignatory, DocumentTimeStamp

MOST = 50_000
"""Entries of one bundle. Beyond that the bundle of the whole log is the better thing to take."""
MOST_BYTES = 256 * 1024 * 1024
"""Of the entries of one bundle, which are in memory all at once."""
_REVIEW = "human_review/v1"
_CHUNK = 1000


@dataclass
class Gathered:
    """The entries of a bundle by index, and what they are about.

    Attributes:
        whole: whether it is for somebody who may take the whole log; others get no entry that tells of many systems.
        promotions: those that it tells of, by number.
        models: names of the models whose changes it lists; None for all.
        start, end: the period, the end no part of it.
    """

    size: int
    whole: bool = True
    entries: dict[int, LogEntry] = field(default_factory=dict)
    promotions: list[PromotionRequest] = field(default_factory=list)
    models: list[str] | None = None
    start: datetime = field(default_factory=clock.now)
    end: datetime = field(default_factory=clock.now)
    changes: list[population.Item] = field(default_factory=list)
    _approvals: set[uuid.UUID] = field(default_factory=set)
    _bytes: int = 0

    def add(self, found: Iterable[LogEntry]) -> None:
        """Take entries in that are within the size.

        Raises:
            InvalidInput: they are too many.
        """
        for entry in found:
            if entry.index is None or entry.index >= self.size or entry.index in self.entries:
                continue
            if not self.whole and entry.event in OF_MANY:
                continue
            self.entries[entry.index] = entry
            self._bytes += len(entry.body)
            if len(self.entries) > MOST or self._bytes > MOST_BYTES:
                raise InvalidInput(
                    f"More than {MOST:,} entries speak of it, or more than {MOST_BYTES >> 20} MiB of them. Ask for a "
                    "shorter period, or take the whole log's bundle."
                )

    def add_rows(self, rows: Iterable[Model]) -> None:
        """Take in the entries that name these governed rows."""
        by_table: dict[str, list[uuid.UUID]] = {}
        for row in rows:
            by_table.setdefault(row._meta.db_table, []).append(row.pk)
        for table, keys in by_table.items():
            self._add_keys(table, keys)

    def add_table(self, rows: QuerySet[Any]) -> None:
        """Take in the entries that name the rows of a query, of which only the keys are read."""
        self._add_keys(rows.model._meta.db_table, list(dict.fromkeys(rows.values_list("pk", flat=True))))

    def _add_keys(self, table: str, keys: list[uuid.UUID]) -> None:
        for first in range(0, len(keys), _CHUNK):
            self.add(log.entries_naming(table, keys[first : first + _CHUNK]))

    def keys_in(self, model: type[Model]) -> set[uuid.UUID]:
        """Return the keys of the rows of a table that the entries name."""
        table = model._meta.db_table
        return {
            uuid.UUID(row["key"])
            for entry in self.entries.values()
            for row in entry.parsed["subjects"]
            if row["table"] == table
        }

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
        self.add_permits(signed)
        self.add_approval(promotion.approval)

    def add_permits(self, signed: QuerySet[Permit]) -> None:
        """Take in permits with the entries that they rest on; one to go back can rest on another's change."""
        self.add_table(signed)
        grounds = set(signed.values_list("log_index", flat=True))
        self.add(log.entries_at(sorted(grounds - self.entries.keys())))

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
        """Take in evidence with the keys that signed it, what was said of it as a document, and its reproductions."""
        found = list(rows.defer("payload", "projection"))
        self.add_rows(found)
        signers = {row.environment.get("signed_by") for row in found} - {None}
        self.add_rows(EvidenceKey.objects.filter(key_digest__in=signers))
        for first in range(0, len(found), _CHUNK):
            some = found[first : first + _CHUNK]
            self.add_table(SubmittedDocument.objects.filter(evidence__in=some))
            self.add_table(EvidenceReview.objects.filter(evidence__in=some))
            self.add_table(Reproduction.objects.filter(evidence__in=some))

    def add_documents(self, keys: Collection[uuid.UUID]) -> None:
        """Take in documents with their drafts and signatories, their later time-stamps and the evidence they cite."""
        drafts = Document.objects.filter(signed_by__signed_documents__in=keys)
        known = list({*keys, *drafts.values_list("pk", flat=True)})
        for first in range(0, len(known), _CHUNK):
            some = known[first : first + _CHUNK]
            rows = Document.objects.filter(pk__in=some)
            self.add_table(rows)
            self.add_table(DocumentSignatory.objects.filter(document__in=some))
            self.add_table(DocumentTimeStamp.objects.filter(document__in=some))
            cited = {
                pk
                for path in _CITING
                for ids in rows.annotate(cited=_cited(path)).values_list("cited", flat=True)
                for pk in ids
            }
            self.add_evidence(Evidence.objects.filter(pk__in=cited))
            self.add_evidence(Evidence.objects.filter(subject_digest__in=rows.values("snapshot_digest")))

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


_CITING = ("$.evidence[*].id", "$.risks[*].evidence[*].id")
"""Where in its snapshot a document has the ids of the evidence that it cites."""


def _cited(path: str) -> Func:
    """Return the ids under a path of a document's snapshot, without the snapshot, which can be megabytes."""
    return Func(
        F("snapshot"),
        Value(path),
        function="jsonb_path_query_array",
        template="%(function)s(%(expressions)s::jsonpath)",
        output_field=JSONField(),
    )


def gather(job: BundleJob, size: int) -> Gathered:
    """Return what a bundle is made of, from the first ``size`` entries of the log.

    Raises:
        InvalidInput: it would hold too many entries.
    """
    found = Gathered(size, whole=may_take_all(job.requested_by))
    if job.promotion is not None:
        _of_promotion(found, job.promotion)
    elif job.system is not None:
        _of_system(found, job.system)
    elif job.begins_at and job.ends_at:
        _of_period(found, job.begins_at, job.ends_at)
    return found.finish()


def _of_promotion(found: Gathered, promotion: PromotionRequest) -> None:
    """Gather one promotion, with a document of each kind of its system."""
    found.add_promotion(promotion)
    found.models = [str(promotion.version.model)]
    _close(found, promotion.approval.opened_at)
    found.add_documents(_documents_for(found, promotion))


def _documents_for(found: Gathered, promotion: PromotionRequest) -> list[uuid.UUID]:
    """Return of each kind the newest document about the promoted version, or else the newest of the system.

    A declaration that a person signed comes before one that waits for it. What was made since is not in this log.
    """
    made = Document.objects.filter(system=promotion.approval.system_id).order_by("kind", "-made_at", "pk")
    chosen: dict[str, tuple[tuple[bool, bool], Document]] = {}
    for document in made.annotate(about=KT("snapshot__model__id")).defer("snapshot").iterator(chunk_size=100):
        about = document.about == str(promotion.version_id)
        rank = about, document.kind not in STATED or document.signatory_id is not None
        if (document.kind not in chosen or chosen[document.kind][0] < rank) and found.tells_of(document):
            chosen[document.kind] = rank, document
    return [document.pk for _, document in chosen.values()]


def _of_system(found: Gathered, system: AISystem) -> None:
    """Gather all of an AI system: every row that leads to it, its requests, evidence and documents."""
    for model in PATHS:
        found.add_table(rows_of(model, [system.pk]))
    asked = Q(approval__system=system) | Q(version__model__system=system)  # a model can have served another before
    for promotion in _promotions().filter(asked):
        found.add_promotion(promotion)
    for approval in ApprovalRequest.objects.filter(system=system).select_related("policy_version"):
        found.add_approval(approval)
    found.add_permits(rows_of(Permit, [system.pk]))
    versions = ModelVersion.objects.filter(model__system=system)
    papers = SubmittedDocument.objects.filter(system_id=system.pk).values("evidence")
    own = Q(pk__in=papers) | Q(subject_id__in=versions.values("pk")) | Q(subject_id=system.pk)
    found.add_evidence(Evidence.objects.filter(own))
    _add_tests_of_risks(found)
    found.add_documents(set(Document.objects.filter(system=system).values_list("pk", flat=True)))
    found.models = sorted(str(model) for model in system.models.all())
    _add_without_rows(found, system)
    _close(found, None)


def _add_without_rows(found: Gathered, system: AISystem) -> None:
    """Take in the entries that name no row of the system, and say in their data what they are about."""
    models = set(found.models or ())
    versions = {
        row.subject_name for row in ModelVersion.objects.filter(model__system=system).select_related("model").iterator()
    }
    watched = {str(pk) for pk in Monitor.objects.filter(model__system=system).values_list("pk", flat=True)}
    alerts = {str(pk) for pk in Alert.objects.filter(monitor__model__system=system).values_list("pk", flat=True)}

    def about(entry: LogEntry) -> bool:
        data = entry.parsed["data"]
        named = (data.get("model") in models, data.get("monitor") in watched, data.get("alert") in alerts)
        return any(named) or data.get("subject", {}).get("name") in versions

    told = each(Query(events=[str(event) for event in WITHOUT_ROWS]), below=found.size)
    found.add(entry for entry in told if about(entry))


def _of_period(found: Gathered, start: datetime, end: datetime) -> None:
    """Gather what the log tells of a period, and what its papers rest on: whole requests, and older evidence."""
    wanted = [str(event) for event in Event if event not in NOT_IN_A_PERIOD]
    found.add(each(Query(events=wanted, since=start, until=end), below=found.size))
    requests = {str(request) for entry in found.entries.values() if (request := entry.parsed["data"].get("request"))}
    for some in _some(requests):
        for promotion in _promotions().filter(approval__in=some):
            found.add_promotion(promotion)
        for approval in ApprovalRequest.objects.filter(pk__in=some).select_related("policy_version"):
            found.add_approval(approval)
    for some in _some(found.keys_in(Permit)):
        found.add_permits(Permit.objects.filter(pk__in=some))
    stamped = DocumentTimeStamp.objects.filter(pk__in=found.keys_in(DocumentTimeStamp))
    signed = DocumentSignatory.objects.filter(pk__in=found.keys_in(DocumentSignatory))
    told = found.keys_in(Document).union(
        stamped.values_list("document", flat=True), signed.values_list("document", flat=True)
    )
    found.add_documents(told)
    for some in _some(found.keys_in(Evidence)):
        found.add_evidence(Evidence.objects.filter(pk__in=some))
    _add_tests_of_risks(found)
    found.start, found.end = start, end


def _add_tests_of_risks(found: Gathered) -> None:
    """Take in the evidence that the tests of risks name or named, also of a version that serves another system now."""
    risks = (entry for entry in found.entries.values() if entry.event.startswith("risk."))
    named = {pk for entry in risks for pk in entry.parsed["data"].get("evidence", ())}
    for some in _some(named):
        found.add_evidence(Evidence.objects.filter(pk__in=some))


def _some(keys: Iterable[Any]) -> Iterator[list[Any]]:
    """Yield keys a thousand at a time, always in the same order."""
    known = sorted(keys)
    for first in range(0, len(known), _CHUNK):
        yield known[first : first + _CHUNK]


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
