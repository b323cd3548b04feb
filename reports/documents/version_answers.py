"""How the records of one model version answer what is asked of it: permits, requests, criteria, its validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reports.documents import record_blocks
from reports.documents.content import Cell, Column, Declarant, Paragraph, Table, Tone
from reports.documents.record_answers import measured
from reports.documents.snapshot import Record, Snapshot, evidence_source, record_source
from reports.documents.translation import N_, _
from reports.documents.wording import DASH, day, decimal, interval, known, listed, moment, short_digest, spelled, words

OPINIONS = {
    "fit": N_("fit for its purpose"),
    "fit_with_conditions": N_("fit with conditions"),
    "not_fit": N_("not fit"),
}


def log_column() -> Column:
    """Return the column of places in the transparency log."""
    return Column(_("Log"), numeric=True)


def opinion_of(validation: Record) -> str:
    """Return the opinion of a validation in words."""
    said = str(validation.get("opinion"))
    return _(OPINIONS[said]) if said in OPINIONS else words(validation.get("opinion"))


def identity(snapshot: Snapshot) -> list[Paragraph]:
    """Which version it is; whether it was ever in production stands elsewhere."""
    model = snapshot.part("model")
    if not model.get("version"):
        return []
    text = _("This document is about this model version, identified by the digest of its artifact files.")
    facts = record_blocks.model_identity(model)
    name = _("model version record")
    return [measured(text, model, name, facts, digest_key="artifact_digest", at_key="created_at")]


def permits(snapshot: Snapshot) -> list[Paragraph]:
    """Every permit that was issued for the version."""
    rows = snapshot.rows("permits")
    if not rows:
        return []
    sources = tuple(record_source(row, _("permit"), _("Permit"), at_key="issued_at") for row in rows)
    table = Table(
        _("Permits of this version"),
        (
            Column(_("Kind")),
            Column(_("Alias")),
            Column(_("Issued")),
            Column(_("Expires")),
            Column(_("Digest"), width=17),
            log_column(),
        ),
        tuple(
            (
                Cell(words(row.get("kind"))),
                Cell(str(row.get("alias") or DASH)),
                Cell(moment(row.get("issued_at"))),
                Cell(moment(row.get("expires_at"))),
                Cell(short_digest(row.get("digest"))),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
        note=_("A permit names the version by the digest of its files; whoever loads it checks both."),
    )
    return [Paragraph("measured", _("Permits that were issued for this version."), (table,), sources)]


def served(snapshot: Snapshot) -> list[Paragraph]:
    """Behind which aliases the version stood, and when."""
    rows = snapshot.rows("alias_history")
    if not rows:
        return []
    sources = tuple(record_source(row, _("alias record"), _("Alias history"), at_key="from") for row in rows)
    text = _("Where and when this version was in production.")
    return [Paragraph("measured", text, (record_blocks.alias_history(rows),), sources)]


def restrictions(snapshot: Snapshot) -> list[Paragraph]:
    """The restrictions of use that its permit carries."""
    found = snapshot.part("permit")
    if not found.get("use_restrictions"):
        return []
    text = _("The permit restricts its use to: {restrictions}.").format(
        restrictions=listed(map(spelled, found["use_restrictions"]))
    )
    return [measured(text, found, _("serving permit"), at_key="issued_at")]


def requests(snapshot: Snapshot) -> list[Paragraph]:
    """Every promotion of the version that was asked for, also what was refused."""
    rows = snapshot.rows("requests")
    if not rows:
        return []
    sources = tuple(record_source(row, _("promotion request"), _("Promotion request")) for row in rows)
    table = Table(
        _("Requests for this version"),
        (
            Column(_("Request"), width=14),
            Column(_("Alias")),
            Column(_("Asked"), width=24),
            Column(_("By (role)")),
            Column(_("Verdict")),
            Column(_("State")),
            log_column(),
        ),
        tuple(
            (
                Cell(str(row.get("reference") or DASH)),
                Cell(str(row.get("alias") or DASH)),
                Cell(moment(row.get("at"))),
                Cell(words(row.get("requester_role"))),
                Cell(known(str(row.get("verdict") or DASH))),
                Cell(words(row.get("state"))),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
    )
    return [Paragraph("measured", _("What was asked for this version, and what became of it."), (table,), sources)]


def waivers(snapshot: Snapshot) -> list[Paragraph]:
    """Checks that failed and may stand for a time, by a decision of their own."""
    rows = snapshot.rows("waivers")
    if not rows:
        return []
    sources = tuple(record_source(row, _("waiver"), _("Waiver")) for row in rows)
    table = Table(
        _("Waivers"),
        (Column(_("Check"), width=40), Column(_("Asked")), Column(_("Ends")), Column(_("Decision")), log_column()),
        tuple(
            (
                Cell(str(row.get("check") or DASH)),
                Cell(day(row.get("at"))),
                Cell(day(row.get("expires_at"))),
                Cell(words(row.get("state"))),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
    )
    return [Paragraph("measured", _("Failed checks for which a waiver was asked."), (table,), sources)]


def criteria(snapshot: Snapshot) -> list[Paragraph]:
    """What counts as success, who signed it, and whether that was before the measurement."""
    found = snapshot.part("criteria")
    rows = found.get("criteria") or ()
    role, at = found.get("signed_by_role"), found.get("signed_at")
    if not rows or not role or not at:
        return []
    table = Table(
        _("Success criteria, as signed"),
        (Column(_("Criterion"), width=50), Column(_("Expression"))),
        tuple((Cell(str(row.get("title") or row.get("id"))), Cell(str(row.get("expr") or DASH))) for row in rows),
    )
    who = Declarant(str(role), str(at)[:10], found.get("log_index"))
    text = _("What counts as success of the system, signed by a second person on {at}.").format(at=moment(at))
    return [Paragraph("declared", f"{text} {_order(found, str(at))}".strip(), (table,), declared_by=who)]


def _order(criteria: Record, signed_at: str) -> str:
    first = criteria.get("first_measured_at")
    if not first:
        return ""
    if signed_at <= first:
        return _("That was before this version's performance was measured, {first}.").format(first=moment(first))
    return _(
        "That was after this version's performance was first measured, {first}: they were not fixed before."
    ).format(first=moment(first))


def policy(snapshot: Snapshot) -> list[Paragraph]:
    """The policy whose limits were published before the request."""
    found = snapshot.part("policy")
    if not found.get("name") or not found.get("version"):
        return []
    text = _(
        "The limits of the checks are those of policy {name} version {version}, published {published_at} "
        "by the {publisher_role}. It can't be changed after that."
    ).format(
        name=found["name"],
        version=found["version"],
        published_at=moment(found.get("published_at")),
        publisher_role=words(found.get("publisher_role")),
    )
    return [measured(text, found, _("policy version"), at_key="published_at")]


def evidence(snapshot: Snapshot) -> list[Paragraph]:
    """Every evidence that the snapshot holds of the version."""
    rows = snapshot.rows("evidence")
    if not rows:
        return []
    table = Table(
        _("Evidence about this version"),
        (
            Column(_("Type"), width=20),
            Column(_("Origin")),
            Column(_("Made"), width=24),
            Column(_("Digest"), width=17),
            log_column(),
        ),
        tuple(
            (
                Cell(str(row.get("type") or DASH)),
                Cell(words(row.get("origin"))),
                Cell(moment(row.get("made_at"))),
                Cell(short_digest(row.get("payload_digest"))),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
    )
    sources = tuple(evidence_source(row) for row in rows)
    return [Paragraph("measured", _("The evidence that this rests on, whole in the attachment."), (table,), sources)]


# The validation


def said(snapshot: Snapshot, part: str, *fields: tuple[str, str]) -> list[Paragraph]:
    """Return what the validator wrote in a part of the validation: a paragraph for each of ``fields`` that has words.

    Args:
        part: ``plan``, ``independence`` or ``report``.
        fields: its name in the snapshot, and what it is called.
    """
    validation = snapshot.part("validation")
    written = validation.get(part) or {}
    if not written.get("at"):
        return []
    who = Declarant(str(validation.get("validator_role") or "validator"), str(written["at"])[:10], written["log_index"])
    return [
        Paragraph("declared", f"{label}: {written[name]}", declared_by=who)
        for name, label in fields
        if written.get(name)
    ]


def of_validation(snapshot: Snapshot, text: str, *blocks: Table) -> list[Paragraph]:
    """Return one paragraph that rests on the validation; none where the version has none."""
    found = snapshot.part("validation")
    return [measured(text, found, _("validation"), *blocks, at_key="opened_at")] if found.get("id") else []


def opinion(snapshot: Snapshot) -> list[Paragraph]:
    """What the signed validation concludes."""
    found = snapshot.part("validation")
    if found.get("state") != "signed":
        return []
    concluded = opinion_of(found)
    text = _("{number} concludes: {concluded}. Signed {settled_at} by the {validator_role}.").format(
        number=found.get("number"),
        concluded=concluded,
        settled_at=moment(found.get("settled_at")),
        validator_role=words(found.get("validator_role")),
    )
    return of_validation(snapshot, text)


def tests(snapshot: Snapshot) -> list[Paragraph]:
    """What the validator did: tests of the model, and challengers set against it."""
    rows: Sequence[Record] = snapshot.part("validation").get("tests") or ()
    if not rows:
        return []
    table = Table(
        _("Tests and challengers of the validator"),
        (
            Column(_("What"), width=34),
            Column(_("Kind")),
            Column(_("Measure")),
            Column(_("Value"), numeric=True),
            Column(_("95 % interval")),
            Column(_("Outcome")),
            log_column(),
        ),
        tuple(
            (
                Cell(str(row.get("name") or DASH), sub=str(row.get("done") or "")),
                Cell(words(row.get("kind"))),
                Cell(str(row.get("measure") or DASH)),
                Cell(decimal(row.get("value"))),
                Cell(interval(row) or DASH),
                Cell(words(row.get("outcome")), tone=_OUTCOMES.get(str(row.get("outcome")), "none")),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
        note=_("Of a challenger, the value is that of the model minus that of the challenger."),
    )
    sources = tuple(record_source(row, _("test of a validation"), _("Test of the validator")) for row in rows)
    return [Paragraph("measured", _("What the validator tested and set against the model."), (table,), sources)]


_OUTCOMES: Mapping[str, Tone] = {"passed": "good", "failed": "bad", "inconclusive": "warn"}


def findings_raised(snapshot: Snapshot) -> list[Paragraph]:
    """The findings that the validation raised, with severity and state."""
    found = _findings(snapshot, _("Findings of the validation, with severity and state."), raised=True)
    return found or of_validation(snapshot, _("The validation raised no finding."))


def other_findings(snapshot: Snapshot) -> list[Paragraph]:
    """Findings about the version from elsewhere."""
    return _findings(snapshot, _("Findings about the version from elsewhere."), raised=False)


def open_conditions(snapshot: Snapshot) -> list[Paragraph]:
    """The findings of the validation that are still open: what the opinion depends on."""
    return _findings(snapshot, _("The opinion holds if these are closed in time."), raised=True, state="open")


def _findings(snapshot: Snapshot, text: str, *, raised: bool, state: str = "") -> list[Paragraph]:
    own = set(snapshot.part("validation").get("findings") or ())
    rows = [
        row
        for row in snapshot.rows("findings")
        if (row.get("id") in own) == raised and (not state or row.get("state") == state)
    ]
    if not rows:
        return []
    sources = tuple(record_source(row, _("finding"), _("Finding"), at_key="opened_at") for row in rows)
    return [Paragraph("measured", text, (record_blocks.findings(rows),), sources)]
