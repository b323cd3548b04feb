"""Tables from records of registry, policy, approval and monitors: who did what, when, and where the log says so."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Any

from reports.documents import charts
from reports.documents.content import Cell, Column, Facts, Table, Tone
from reports.documents.snapshot import Record
from reports.documents.wording import (
    DASH,
    day,
    decimal,
    integer,
    interval,
    lines,
    listed,
    moment,
    number,
    reason,
    sentence_case,
    words,
)

_OUTCOMES: Mapping[str, tuple[str, Tone]] = {
    "pass": ("pass", "good"),
    "fail": ("fail", "bad"),
    "insufficient": ("insufficient", "warn"),
    "missing": ("missing", "warn"),
    "not_applicable": ("not applicable", "none"),
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
        ("Registered model and version", f"{model.get('name') or DASH}, version {model.get('version') or DASH}"),
        ("Artifact digest", str(model.get("artifact_digest") or DASH)),
        ("Model flavour", str(model.get("flavor") or DASH)),
        ("Registered", moment(model.get("created_at"))),
        ("Training run", str(model.get("run_id") or DASH)),
        ("Source", str(model.get("source") or DASH)),
        ("Trained by (role)", words(model.get("trained_by_role"))),
    ]
    if previous:
        rows.append(
            ("Version before", f"version {previous.get('version')}, artifact {previous.get('artifact_digest') or DASH}")
        )
    return Facts("Model version", tuple((label, value) for label, value in rows if value != DASH))


def values(caption: str, record: Mapping[str, Any]) -> Facts:
    """Return any flat mapping as labelled values, in its own order; nested values are written as JSON."""
    return Facts(caption, tuple((str(key), _plain(value)) for key, value in record.items()))


def _plain(value: object) -> str:
    if value is None:
        return "not set"
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
        "Software versions recorded with the model",
        (Column("Package"), Column("Version"), Column("Package"), Column("Version")),
        rows,
    )


def signature(fields: Sequence[Record], caption: str) -> Table:
    """Return the inputs or outputs of the model signature."""
    rows = tuple(
        (
            Cell(str(row.get("name") or "(unnamed)")),
            Cell(str(row.get("type") or DASH)),
            Cell("no" if row.get("required") is False else "yes"),
        )
        for row in fields
    )
    return Table(caption, (Column("Name", width=45), Column("Type"), Column("Required")), rows)


def dataset(row: Record) -> Facts:
    """Return the facts of one data set snapshot."""
    facts = [
        ("Role", words(row.get("role"))),
        ("Rows", integer(row.get("rows"))),
        ("Columns", integer(row.get("columns"))),
        ("Digest", str(row.get("digest") or DASH)),
        ("Location", str(row.get("uri") or DASH)),
        ("Label", str(row.get("label") or DASH)),
        ("Label the score predicts", str(row.get("positive_label") or DASH)),
        ("Outcome good for the person", str(row.get("favourable_label") or DASH)),
        ("Sensitive features", listed(map(words, row.get("sensitive_features") or ()))),
    ]
    name = str(row.get("name") or words(row.get("role")))
    return Facts(sentence_case(name), tuple((label, value) for label, value in facts if value != DASH))


def checks(rows: Sequence[Record]) -> Table:
    """Return every check of the policy with its value, interval, limit, outcome and evidence."""
    return Table(
        caption="Checks of the policy",
        columns=(
            Column("Check", width=26),
            Column("Value", numeric=True),
            Column("95 % interval and limit"),
            Column("Limit", numeric=True),
            Column("Outcome", width=16),
            Column("Evidence", width=17),
        ),
        rows=tuple(_check_row(row) for row in rows),
        note="A limit check passes only if its whole interval clears the limit, fails only if the whole interval "
        "misses it, and is insufficient between.",
    )


def _check_row(row: Record) -> tuple[Cell, ...]:
    label, tone = _OUTCOMES.get(str(row.get("outcome")), (str(row.get("outcome") or DASH), "none"))
    lifted = row.get("lifted_by") or {}
    # What lifted a held check stands with it: the outcome itself never changes.
    sub = ""
    if lifted:
        signed = f"{lifted.get('verdict') or 'reviewed'} by {words(lifted.get('role'))},"
        sub = lines(signed, f"{day(lifted.get('at'))}, log {integer(lifted.get('log_index'))}")
    elif row.get("waiver"):
        sub = f"waived until {day(row['waiver'].get('expires_at'))}, log {integer(row['waiver'].get('log_index'))}"
    if base := row.get("inherited_from"):
        sub = lines(f"from evidence of {base}, on which it builds", sub)
    return (
        Cell(str(row.get("title") or row.get("id")), sub=str(row.get("expression") or "")),
        Cell(_check_value(row), sub=f"n = {integer(row['n'])}" if row.get("n") is not None else ""),
        _check_chart(row, tone),
        Cell(_limit(row)),
        Cell(label, sub=lines(reason(row), sub), tone=tone),
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
        return Cell("exact, no interval")
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
        "", sub=interval(row), svg=svg, alt=f"Value {number(row)}, interval {interval(row)}, limit {_limit(row)}."
    )


def approvals(rows: Sequence[Record]) -> Table:
    """Return the approval chain in order of time: stage, role, verdict, signature and log entry of each decision."""
    return Table(
        caption="Approval chain",
        columns=(
            Column("Stage", width=18),
            Column("Role", width=16),
            Column("Verdict"),
            Column("Decided", width=21),
            Column("Signature"),
            Column("Statement digest", width=17),
            Column("Log", numeric=True),
        ),
        rows=tuple(
            (
                Cell(words(row.get("stage")).capitalize()),
                Cell(words(row.get("role"))),
                Cell(words(row.get("verdict")), tone=_VERDICTS.get(str(row.get("verdict")), "none")),
                Cell(moment(row.get("at"))),
                Cell(words(row.get("signature"))),
                Cell(str(row.get("statement_digest") or DASH).removeprefix("sha256:")[:16]),
                index_cell(row),
            )
            for row in sorted(rows, key=lambda row: str(row.get("at") or ""))
        ),
        note="People appear by role; the log entry holds the pseudonym and the signed statement. Digests are "
        "shortened to 16 hexadecimal digits here.",
    )


def permit(record: Record) -> Facts:
    """Return the serving permit."""
    restrictions = record.get("use_restrictions") or ()
    rows = [
        ("Kind", words(record.get("kind"))),
        ("Alias", str(record.get("alias") or DASH)),
        ("Issued", moment(record.get("issued_at"))),
        ("Expires", moment(record.get("expires_at"))),
        ("Digest of the envelope", str(record.get("digest") or DASH)),
        ("Signing key", str(record.get("key_id") or DASH)),
        ("Use restrictions", listed(restrictions, empty="none recorded")),
        ("Log entry", integer(record.get("log_index"))),
    ]
    return Facts("Serving permit", tuple((label, value) for label, value in rows if value != DASH))


def alias_history(rows: Sequence[Record]) -> Table:
    """Return which version stood behind which alias, from when to when."""
    return Table(
        "What was in production, and when",
        (Column("Alias"), Column("Version"), Column("From"), Column("To"), Column("Log", numeric=True)),
        tuple(
            (
                Cell(str(row.get("alias") or DASH)),
                Cell(_served(row)),
                Cell(moment(row.get("from"))),
                Cell(moment(row.get("to")) if row.get("to") else "until now"),
                index_cell(row),
            )
            for row in rows
        ),
    )


def _served(row: Record) -> str:
    version = str(row.get("version") or DASH)
    return f"{version}, without an approval: grandfathered by {row['adoption']}" if row.get("adoption") else version


def history(rows: Sequence[Record]) -> Table:
    """Return changes over the lifecycle in order of time."""
    return Table(
        "Changes over the lifecycle",
        (Column("Time", width=24), Column("Event", width=24), Column("What changed"), Column("Log", numeric=True)),
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


def windows(rows: Sequence[Record]) -> Table:
    """Return the monitored windows with their drift verdicts."""
    return Table(
        "Monitored windows",
        (
            Column("From"),
            Column("To"),
            Column("Records", numeric=True),
            Column("Columns in drift", numeric=True),
            Column("Verdict"),
            Column("Log", numeric=True),
        ),
        tuple(
            (
                Cell(day(row.get("start"))),
                Cell(day(row.get("end"))),
                Cell(integer(row.get("n"))),
                Cell(f"{integer(row.get('drifted'))} of {integer(row.get('columns'))}"),
                Cell("drift", tone="bad") if row.get("dataset_drift") else Cell("quiet", tone="good"),
                index_cell(row),
            )
            for row in rows
        ),
    )


def canary(payload: Record) -> Table:
    """Return when a version served a share of the traffic before it was promoted, and what its monitor saw of it."""
    spans = [
        (span["start"], span["end"], f"Behind {payload['alias']} by {span['by']}", f"{decimal(span['days'], 1)} days")
        for span in payload["spans"]
    ]
    windows = [
        (row["start"], row["end"], f"Drift window: {words(row['outcome'])}", f"{integer(row['n'])} records")
        for row in payload["windows"]
    ]
    return Table(
        f"Served before its promotion: {decimal(payload['days'], 1)} days, {integer(payload['n'])} records, "
        f"{integer(payload['alerts']['open'])} alerts open",
        (Column("From", width=24), Column("To", width=24), Column("What"), Column("Extent", numeric=True)),
        tuple(
            (Cell(moment(start)), Cell(moment(end) if end else "the request"), Cell(what), Cell(extent))
            for start, end, what, extent in [*spans, *windows]
        ),
        note=f"As of the request, {moment(payload['as_of'])}. Records are those whose own event time lies in the time "
        "behind the alias; the serving process says when.",
    )


def alerts(rows: Sequence[Record]) -> Table:
    """Return the alerts of the monitors and what they did."""
    return Table(
        "Alerts",
        (Column("Opened", width=24), Column("Reason"), Column("Effect"), Column("State"), Column("Log", numeric=True)),
        tuple(
            (
                Cell(moment(row.get("opened_at"))),
                Cell(str(row.get("reason") or DASH)),
                Cell(str(row.get("effect") or DASH)),
                Cell(words(row.get("state"))),
                index_cell(row),
            )
            for row in rows
        ),
    )


def findings(rows: Sequence[Record]) -> Table:
    """Return the findings: known limits with an owner and a due date."""
    return Table(
        "Findings",
        (
            Column("Finding", width=46),
            Column("Severity"),
            Column("Owner"),
            Column("Due"),
            Column("State"),
            Column("Log", numeric=True),
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
        "How the class was reached",
        (
            Column("Step", width=7),
            Column("Question", width=34),
            Column("Answer", width=16),
            Column("What follows"),
            Column("Points", width=16),
        ),
        tuple(
            (
                Cell(str(row.get("step") or DASH)),
                Cell(str(row.get("text") or words(row.get("question")))),
                Cell(_answer(row.get("answer"))),
                Cell(str(row.get("conclusion") or DASH)),
                Cell(", ".join(row.get("points") or ()) or DASH),
            )
            for row in rows
        ),
    )


def _answer(value: object) -> str:
    items = [value] if isinstance(value, str) else list(value) if isinstance(value, Sequence) else []
    return listed(words(str(item)) for item in items)
