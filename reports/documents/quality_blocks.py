"""Tables of robustness and of the data's quality. They hold counts and ranges, never a row."""

from __future__ import annotations

from typing import Any

from reports.documents import charts
from reports.documents.content import Block, Cell, Column, Facts, Table, Tone
from reports.documents.snapshot import Record
from reports.documents.wording import DASH, decimal, integer, interval, number, reason, short_digest


def robustness(payload: Record) -> tuple[Block, ...]:
    """Return what each change of all columns does, which columns matter most, and the times.

    Args:
        payload: ``robustness/v1``.
    """
    rows = payload.get("perturbations") or []
    changes = [row for row in rows if not row.get("column")]
    metric = str((payload.get("metric") or {}).get("title") or "The metric")
    unperturbed = payload.get("unperturbed")
    blocks: list[Block] = [
        Table(
            caption=f"{metric} when {integer(payload.get('n'))} rows are changed",
            columns=(
                Column("Change of the rows", width=34),
                Column("Loss", numeric=True),
                Column("Interval around 0"),
                Column("Decisions turned over", numeric=True),
                Column("Reading"),
            ),
            rows=tuple(_change_row(row, changes) for row in changes),
            note=f"On the rows as they are: {number(unperturbed)} ({interval(unperturbed) or reason(unperturbed)}). "
            f"“Loss not shown”: the interval holds 0; it does not mean that nothing is lost.{_refused(rows)}",
        )
    ]
    if worst := payload.get("worst_columns"):
        blocks.append(
            Table(
                caption="The columns on which most turns",
                columns=(
                    Column("Column", width=40),
                    Column("Loss", numeric=True),
                    Column("Decisions turned over", numeric=True),
                ),
                rows=tuple(
                    (
                        Cell(str(row["column"])),
                        Cell(number(row["drop"], signed=True), sub=interval(row["drop"], signed=True)),
                        Cell(_share(row["flipped"]), sub=reason(row["flipped"])),
                    )
                    for row in worst
                ),
            )
        )
    if timing := payload.get("timing"):
        latency, throughput = timing["latency"], timing["throughput"]
        blocks.append(
            Facts(
                caption="Times, taken by a clock; another run gives others",
                rows=(
                    ("What was timed", str(timing["what"])),
                    ("One answer, median", f"{decimal(latency['p50_ms'], 1)} ms"),
                    ("95 % within", _ms(latency["p95_ms"], latency)),
                    ("99 % within", _ms(latency["p99_ms"], latency)),
                    ("Throughput", f"{decimal(throughput['rows_per_s'], 1)} rows a second"),
                ),
            )
        )
    return tuple(blocks)


def data_quality(payload: Record) -> tuple[Block, ...]:
    """Return what the rows are like, column by column, and whom they represent.

    Args:
        payload: ``data_quality/v1``.
    """
    dataset, training = payload.get("dataset") or {}, payload.get("training")
    facts = [
        ("Rows and columns", f"{integer(payload.get('n'))} and {integer(len(payload['columns']))}"),
        ("Digest over all bytes, computed again", short_digest(str(dataset.get("digest")))),
        ("Rows that stand twice", _share(payload["duplicates"])),
        ("Rows like another with another label", _share(payload["conflicting"])),
        ("Rows that were trained on", _share(payload["leakage"]) or f"not known: {reason(payload['leakage'])}"),
    ]
    if training:
        facts.append(("Held against training rows", integer(training["rows"])))
    if payload["missing_columns"]:
        facts.append(("Columns that the model asks for and the data lacks", ", ".join(payload["missing_columns"])))
    return (
        Facts(caption="The evaluation data", rows=tuple(facts)),
        Table(
            caption="Columns of the evaluation data",
            columns=(
                Column("Column", width=28),
                Column("Type"),
                Column("Missing", numeric=True),
                Column("Range, or values", numeric=True),
                Column("Beyond training", numeric=True),
            ),
            rows=tuple(_column_row(row) for row in payload["columns"]),
            note="Ranges are rounded outwards to two digits, and values that fewer than five rows have are not named.",
        ),
        *_represented(payload),
        *_kept_on(payload),
    )


def _refused(rows: list[Record]) -> str:
    names = [str(row["column"]) for row in rows if row.get("column") and row.get("outcome") == "refused"]
    return f" The model refuses changes of {', '.join(names)}." if names else ""


def _change_row(row: Record, changes: list[Record]) -> tuple[Cell, ...]:
    drop = row["drop"]
    if row.get("outcome") == "refused":
        nothing = Cell(DASH)
        return Cell(str(row["title"])), nothing, nothing, nothing, Cell("refused", sub=str(row["reason"]), tone="bad")
    shown = drop["low"] is not None and drop["low"] > 0
    tone: Tone = "bad" if shown else "none"
    return (
        Cell(str(row["title"])),
        Cell(number(drop, signed=True), sub=interval(drop, signed=True) or reason(drop)),
        _loss_chart(drop, changes, tone),
        Cell(_share(row["flipped"]) or DASH, sub=reason(row["flipped"])),
        Cell("loss shown" if shown else "loss not shown" if drop["value"] is not None else "undefined", tone=tone),
    )


def _loss_chart(drop: Record, changes: list[Record], tone: Tone) -> Cell:
    if drop["low"] is None or drop["high"] is None:
        return Cell(DASH)
    ends = [abs(row["drop"][end]) for row in changes for end in ("low", "high") if row["drop"][end] is not None]
    reach = max([*ends, 1e-12]) * 1.1
    svg = charts.mini_interval(
        drop["value"], drop["low"], drop["high"], domain=(-reach, reach), reference=0.0, tone=tone
    )
    said = f"Loss {number(drop, signed=True)}, interval {interval(drop, signed=True)}, dotted line at 0."
    return Cell("", svg=svg, alt=said)


def _column_row(row: Record) -> tuple[Cell, ...]:
    use = "label" if row["role"] == "label" else "sensitive" if row["sensitive"] else ""
    wrong = [
        *([f"the model asks for {row['expected']}"] if row["fits"] is False else []),
        *(["one value only"] if row["constant"] else []),
        *([f"{integer(row['infinite'])} infinite"] if row["infinite"] else []),
    ]
    held = DASH
    if row["low"] is not None:
        held = f"{row['low']:,.6g} to {row['high']:,.6g}"
    elif row["different"] is not None:
        held = f"{integer(row['different'])} values"
    beyond: Any = row["outside"] or row["unseen"]
    return (
        Cell(str(row["column"]), sub=use),
        Cell(str(row["type"]), sub=", ".join(wrong)),
        Cell(_share(row["missing"]) or DASH),
        Cell(held),
        Cell((_share(beyond) or "not known") if beyond else DASH, sub=reason(beyond) if beyond else ""),
    )


def _represented(payload: Record) -> list[Block]:
    label = payload["label"]
    rows = [
        _share_row(feature["feature"], "sensitive", group["group"], group["share"], small=group["small"])
        for feature in payload["groups"]
        for group in feature["groups"]
    ]
    rows += [_share_row(label["column"], "label", item["label"], item["share"]) for item in label["classes"]]
    if not rows:
        return []
    hidden = sum(feature["not_named"] for feature in payload["groups"]) + label["not_named"]
    return [
        Table(
            caption="Whom and what the rows represent",
            columns=(Column("Column", width=30), Column("Group or class"), Column("Share of rows", numeric=True)),
            rows=tuple(rows),
            note=f"{integer(hidden)} groups or classes of fewer than five rows are not named." if hidden else "",
        )
    ]


def _share_row(column: str, use: str, group: str, figure: Record, *, small: bool = False) -> tuple[Cell, ...]:
    named = Cell(str(group), sub="small" if small else "")
    return Cell(str(column), sub=use), named, Cell(_share(figure) or DASH, sub=interval(figure) or reason(figure))


def _kept_on(payload: Record) -> list[Block]:
    rows = payload["sensitive"]
    if not rows:
        return []
    return [
        Table(
            caption="On what ground sensitive columns are kept",
            columns=(
                Column("Column", width=20),
                Column("Lawful basis", width=44),
                Column("Read by"),
                Column("Delete by"),
            ),
            rows=tuple(
                tuple(Cell(str(row[name] or "not stated").replace("_", " ")) for name in names)
                for row in rows
                for names in (("column", "lawful_basis", "access_role", "delete_by"),)
            ),
        )
    ]


def _share(figure: Record | None) -> str:
    """Return a share with the rows that it is a share of; empty where it is undefined."""
    if not figure or figure.get("value") is None:
        return ""
    return f"{number(figure)} of {integer(figure['n'])}"


def _ms(value: float | None, latency: Record) -> str:
    return f"{decimal(value, 1)} ms" if value is not None else f"not estimable: {latency.get('reason', '')}"
