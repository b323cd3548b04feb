"""Tables from records of registry, policy, approval and monitors: who did what, when, and where the log says so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reports.documents import charts
from reports.documents.content import Cell, Column, Facts, Table, Tone
from reports.documents.snapshot import Record
from reports.documents.translation import N_, _
from reports.documents.wording import (
    DASH,
    day,
    decimal,
    integer,
    interval,
    known,
    lines,
    listed,
    moment,
    number,
    reason,
    sentence_case,
    spelled,
    words,
)

_OUTCOMES: Mapping[str, tuple[str, Tone]] = {
    "pass": (N_("pass"), "good"),
    "fail": (N_("fail"), "bad"),
    "insufficient": (N_("insufficient"), "warn"),
    "missing": (N_("missing"), "warn"),
    "not_applicable": (N_("not applicable"), "none"),
}
_VERDICTS: Mapping[str, Tone] = {
    "approved": "good",
    "approve": "good",
    "accepted": "good",
    "rejected": "bad",
    "reject": "bad",
}


def index_cell(row: Record) -> Cell:
    """Return the position of a record in the transparency log."""
    return Cell(integer(row.get("log_index")))


def model_identity(model: Record) -> Facts:
    """Return what identifies a model version: names, digests, run, and who trained it."""
    previous = model.get("previous") or {}
    rows = [
        (
            _("Registered model and version"),
            _("{name}, version {version}").format(name=model.get("name") or DASH, version=model.get("version") or DASH),
        ),
        (_("Artifact digest"), str(model.get("artifact_digest") or DASH)),
        (_("Model flavour"), str(model.get("flavor") or DASH)),
        (_("Registered"), moment(model.get("created_at"))),
        (_("Training run"), str(model.get("run_id") or DASH)),
        (_("Source"), str(model.get("source") or DASH)),
        (_("Trained by (role)"), words(model.get("trained_by_role"))),
    ]
    if previous:
        rows.append(
            (
                _("Version before"),
                _("version {version}, artifact {artifact_digest}").format(
                    version=previous.get("version"), artifact_digest=previous.get("artifact_digest") or DASH
                ),
            )
        )
    return Facts(_("Model version"), tuple((label, value) for label, value in rows if value != DASH))


def values(caption: str, record: Mapping[str, Any]) -> Facts:
    """Return any flat mapping as labelled values, in its own order; nested values are written as JSON."""
    return Facts(caption, tuple((str(key), _plain(value)) for key, value in record.items()))


def _plain(value: object) -> str:
    if value is None:
        return _("not set")
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def packages(environment: Record) -> Table | None:
    """Return the software that the model version was recorded with, three packages to a row."""
    listed_packages = sorted((environment.get("packages") or {}).items())
    if environment.get("python"):
        listed_packages.insert(0, ("Python", environment["python"]))
    if not listed_packages:
        return None
    cells = [(Cell(str(name)), Cell(str(version))) for name, version in listed_packages]
    cells += [(Cell(""), Cell(""))] * (-len(cells) % 2)
    rows = tuple((*cells[i], *cells[i + 1]) for i in range(0, len(cells), 2))
    return Table(
        _("Software versions recorded with the model"),
        (Column(_("Package")), Column(_("Version")), Column(_("Package")), Column(_("Version"))),
        rows,
    )


def signature(fields: Sequence[Record], caption: str) -> Table:
    """Return the inputs or outputs of the model signature."""
    rows = tuple(
        (
            Cell(str(row.get("name") or _("(unnamed)"))),
            Cell(str(row.get("type") or DASH)),
            Cell(_("no") if row.get("required") is False else _("yes")),
        )
        for row in fields
    )
    return Table(caption, (Column(_("Name"), width=45), Column(_("Type")), Column(_("Required"))), rows)


def dataset(row: Record) -> Facts:
    """Return the facts of one data set snapshot."""
    facts = [
        (_("Role"), words(row.get("role"))),
        (_("Rows"), integer(row.get("rows"))),
        (_("Columns"), integer(row.get("columns"))),
        (_("Digest"), str(row.get("digest") or DASH)),
        (_("Location"), str(row.get("uri") or DASH)),
        (_("Label"), str(row.get("label") or DASH)),
        (_("Label the score predicts"), str(row.get("positive_label") or DASH)),
        (_("Outcome good for the person"), str(row.get("favourable_label") or DASH)),
        (_("Sensitive features"), listed(map(words, row.get("sensitive_features") or ()))),
    ]
    name = str(row.get("name") or words(row.get("role")))
    return Facts(sentence_case(name), tuple((label, value) for label, value in facts if value != DASH))


def checks(rows: Sequence[Record]) -> Table:
    """Return every check of the policy with its value, interval, limit, outcome and evidence."""
    return Table(
        caption=_("Checks of the policy"),
        columns=(
            Column(_("Check"), width=26),
            Column(_("Value"), numeric=True),
            Column(_("95 % interval and limit")),
            Column(_("Limit"), numeric=True),
            Column(_("Outcome"), width=16),
            Column(_("Evidence"), width=17),
        ),
        rows=tuple(_check_row(row) for row in rows),
        note=_(
            "A limit check passes only if its whole interval clears the limit, fails only if the whole "
            "interval misses it, and is insufficient between."
        ),
    )


def _check_row(row: Record) -> tuple[Cell, ...]:
    label, tone = _OUTCOMES.get(str(row.get("outcome")), (str(row.get("outcome") or DASH), "none"))
    lifted = row.get("lifted_by") or {}
    # What lifted a held check stands with it: the outcome itself never changes.
    sub = ""
    if lifted:
        signed = _("{verdict} by {role},").format(
            verdict=known(str(lifted.get("verdict") or "reviewed")), role=words(lifted.get("role"))
        )
        sub = lines(
            signed,
            _("{at}, log {log_index}").format(at=day(lifted.get("at")), log_index=integer(lifted.get("log_index"))),
        )
    elif row.get("waiver"):
        sub = _("waived until {expires_at}, log {log_index}").format(
            expires_at=day(row["waiver"].get("expires_at")), log_index=integer(row["waiver"].get("log_index"))
        )
    if base := row.get("inherited_from"):
        sub = lines(_("from evidence of {base}, on which it builds").format(base=base), sub)
    return (
        Cell(str(row.get("title") or row.get("id")), sub=str(row.get("expression") or "")),
        Cell(_check_value(row), sub=_("n = {n}").format(n=integer(row["n"])) if row.get("n") is not None else ""),
        _check_chart(row, tone),
        Cell(_limit(row)),
        Cell(_(label), sub=lines(reason(row), sub), tone=tone),
        Cell(str(row.get("evidence_type") or DASH).partition("/")[0], sub=str(row.get("evidence") or "")[:8]),
    )


def _check_value(row: Record) -> str:
    if row.get("value") is None and (row.get("outcome") == "not_applicable" or not reason(row)):
        return DASH
    return number(row)


def _limit(row: Record) -> str:
    if row.get("limit") is None:
        return DASH
    sign = "≤" if row.get("better") == "lower" else "≥"
    return f"{sign} {decimal(row['limit'], 3).rstrip('0').rstrip('.')}"


def _check_chart(row: Record, tone: Tone) -> Cell:
    value, low, high, limit = (row.get(key) for key in ("value", "low", "high", "limit"))
    given = [item for item in (value, low, high, limit) if item is not None]
    if value is None or not given:
        return Cell(DASH)
    if low is None or high is None:
        return Cell(_("exact, no interval"))
    spread = max(given) - min(given) or abs(max(given)) or 1.0
    svg = charts.mini_interval(
        value,
        low,
        high,
        domain=(min(given) - 0.15 * spread, max(given) + 0.15 * spread),
        limit=limit,
        better="lower" if row.get("better") == "lower" else "higher",
        tone=tone,
    )
    return Cell(
        "",
        sub=interval(row),
        svg=svg,
        alt=_("Value {value}, interval {interval}, limit {limit}.").format(
            value=number(row), interval=interval(row), limit=_limit(row)
        ),
    )


def approvals(rows: Sequence[Record]) -> Table:
    """Return the approval chain in order of time: stage, role, verdict, signature and log entry of each decision."""
    return Table(
        caption=_("Approval chain"),
        columns=(
            Column(_("Stage"), width=18),
            Column(_("Role"), width=16),
            Column(_("Verdict")),
            Column(_("Decided"), width=21),
            Column(_("Signature")),
            Column(_("Statement digest"), width=17),
            Column(_("Log"), numeric=True),
        ),
        rows=tuple(
            (
                Cell(spelled(row.get("stage")).capitalize()),
                Cell(words(row.get("role"))),
                Cell(words(row.get("verdict")), tone=_VERDICTS.get(str(row.get("verdict")), "none")),
                Cell(moment(row.get("at"))),
                Cell(words(row.get("signature"))),
                Cell(str(row.get("statement_digest") or DASH).removeprefix("sha256:")[:16]),
                index_cell(row),
            )
            for row in sorted(rows, key=lambda row: str(row.get("at") or ""))
        ),
        note=_(
            "People appear by role; the log entry holds the pseudonym and the signed statement. Digests are "
            "shortened to 16 hexadecimal digits here."
        ),
    )


def permit(record: Record) -> Facts:
    """Return the serving permit."""
    restrictions = record.get("use_restrictions") or ()
    rows = [
        (_("Kind"), words(record.get("kind"))),
        (_("Alias"), str(record.get("alias") or DASH)),
        (_("Issued"), moment(record.get("issued_at"))),
        (_("Expires"), moment(record.get("expires_at"))),
        (_("Digest of the envelope"), str(record.get("digest") or DASH)),
        (_("Signing key"), str(record.get("key_id") or DASH)),
        (_("Use restrictions"), listed(restrictions, empty=_("none recorded"))),
        (_("Log entry"), integer(record.get("log_index"))),
    ]
    return Facts(_("Serving permit"), tuple((label, value) for label, value in rows if value != DASH))


def alias_history(rows: Sequence[Record]) -> Table:
    """Return which version stood behind which alias, from when to when."""
    return Table(
        _("What was in production, and when"),
        (Column(_("Alias")), Column(_("Version")), Column(_("From")), Column(_("To")), Column(_("Log"), numeric=True)),
        tuple(
            (
                Cell(str(row.get("alias") or DASH)),
                Cell(_served(row)),
                Cell(moment(row.get("from"))),
                Cell(moment(row.get("to")) if row.get("to") else _("until now")),
                index_cell(row),
            )
            for row in rows
        ),
    )


def _served(row: Record) -> str:
    version = str(row.get("version") or DASH)
    return (
        _("{version}, without an approval: grandfathered by {adoption}").format(
            version=version, adoption=row["adoption"]
        )
        if row.get("adoption")
        else version
    )


def history(rows: Sequence[Record]) -> Table:
    """Return changes over the lifecycle in order of time."""
    return Table(
        _("Changes over the lifecycle"),
        (
            Column(_("Time"), width=24),
            Column(_("Event"), width=24),
            Column(_("What changed")),
            Column(_("Log"), numeric=True),
        ),
        tuple(
            (
                Cell(moment(row.get("at"))),
                Cell(str(row.get("event") or DASH)),
                Cell(str(row.get("summary") or DASH)),
                index_cell(row),
            )
            for row in sorted(rows, key=lambda row: str(row.get("at") or ""))
        ),
    )


def findings(rows: Sequence[Record]) -> Table:
    """Return the findings: known limits with an owner and a due date."""
    return Table(
        _("Findings"),
        (
            Column(_("Finding"), width=46),
            Column(_("Severity")),
            Column(_("Owner")),
            Column(_("Due")),
            Column(_("State")),
            Column(_("Log"), numeric=True),
        ),
        tuple(
            (
                Cell(str(row.get("title") or DASH)),
                Cell(words(row.get("severity"))),
                Cell(words(row.get("owner_role"))),
                Cell(day(row.get("due_on"))),
                Cell(words(row.get("state"))),
                index_cell(row),
            )
            for row in rows
        ),
    )


def trace(rows: Sequence[Record]) -> Table:
    """Return how the classification was reached, question by question."""
    return Table(
        _("How the class was reached"),
        (
            Column(_("Step"), width=7),
            Column(_("Question"), width=34),
            Column(_("Answer"), width=16),
            Column(_("What follows")),
            Column(_("Points"), width=16),
        ),
        tuple(
            (
                Cell(str(row.get("step") or DASH)),
                Cell(str(row.get("text") or spelled(row.get("question")))),
                Cell(_answer(row.get("answer"))),
                Cell(str(row.get("conclusion") or DASH)),
                Cell(", ".join(row.get("points") or ()) or DASH),
            )
            for row in rows
        ),
    )


def _answer(value: object) -> str:
    items = [value] if isinstance(value, str) else list(value) if isinstance(value, Sequence) else []
    return listed(spelled(str(item)) for item in items)
