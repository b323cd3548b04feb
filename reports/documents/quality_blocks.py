"""Tables of robustness and of the data's quality. They hold counts and ranges, never a row."""

from __future__ import annotations

from typing import Any

from reports.documents import charts
from reports.documents.content import Block, Cell, Column, Facts, Table, Tone
from reports.documents.snapshot import Record
from reports.documents.translation import _, counted
from reports.documents.wording import DASH, decimal, integer, interval, number, reason, short_digest, spelled, words


def robustness(payload: Record) -> tuple[Block, ...]:
    """Return what each change of all columns does, which columns matter most, and the times.

    Args:
        payload: ``robustness/v1``.
    """
    rows = payload.get("perturbations") or []
    changes = [row for row in rows if not row.get("column")]
    metric = str((payload.get("metric") or {}).get("title") or _("The metric"))
    unperturbed = payload.get("unperturbed")
    blocks: list[Block] = [
        Table(
            caption=counted("{metric} when {n} rows are changed", payload.get("n")).format(
                metric=metric, n=integer(payload.get("n"))
            ),
            columns=(
                Column(_("Change of the rows"), width=34),
                Column(_("Loss"), numeric=True),
                Column(_("Interval around 0")),
                Column(_("Decisions turned over"), numeric=True),
                Column(_("Reading")),
            ),
            rows=tuple(_change_row(row, changes) for row in changes),
            note=_(
                "On the rows as they are: {unperturbed} ({interval}). “Loss not shown”: the interval holds 0; "
                "it does not mean that nothing is lost."
            ).format(
                unperturbed=number(unperturbed),
                interval=interval(unperturbed) or reason(unperturbed),
            )
            + _refused(rows),
        )
    ]
    if worst := payload.get("worst_columns"):
        blocks.append(
            Table(
                caption=_("The columns on which most turns"),
                columns=(
                    Column(_("Column"), width=40),
                    Column(_("Loss"), numeric=True),
                    Column(_("Decisions turned over"), numeric=True),
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
                caption=_("Times, taken by a clock; another run gives others"),
                rows=(
                    (_("What was timed"), str(timing["what"])),
                    (_("One answer, median"), _("{p50_ms} ms").format(p50_ms=decimal(latency["p50_ms"], 1))),
                    (_("95 % within"), _ms(latency["p95_ms"], latency)),
                    (_("99 % within"), _ms(latency["p99_ms"], latency)),
                    (
                        _("Throughput"),
                        _("{rows_per_s} rows a second").format(rows_per_s=decimal(throughput["rows_per_s"], 1)),
                    ),
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
        (
            _("Rows and columns"),
            _("{n} and {columns}").format(n=integer(payload.get("n")), columns=integer(len(payload["columns"]))),
        ),
        (_("Digest over all bytes, computed again"), short_digest(str(dataset.get("digest")))),
        (_("Rows that stand twice"), _share(payload["duplicates"])),
        (_("Rows like another with another label"), _share(payload["conflicting"])),
        (
            _("Rows that were trained on"),
            _share(payload["leakage"]) or _("not known: {leakage}").format(leakage=reason(payload["leakage"])),
        ),
    ]
    if training:
        facts.append((_("Held against training rows"), integer(training["rows"])))
    if payload["missing_columns"]:
        facts.append((_("Columns that the model asks for and the data lacks"), ", ".join(payload["missing_columns"])))
    return (
        Facts(caption=_("The evaluation data"), rows=tuple(facts)),
        Table(
            caption=_("Columns of the evaluation data"),
            columns=(
                Column(_("Column"), width=28),
                Column(_("Type")),
                Column(_("Missing"), numeric=True),
                Column(_("Range, or values"), numeric=True),
                Column(_("Beyond training"), numeric=True),
            ),
            rows=tuple(_column_row(row) for row in payload["columns"]),
            note=_(
                "Ranges are rounded outwards to two digits, and values that fewer than five rows have are not named."
            ),
        ),
        *_represented(payload),
        *_kept_on(payload),
    )


def _refused(rows: list[Record]) -> str:
    names = [str(row["column"]) for row in rows if row.get("column") and row.get("outcome") == "refused"]
    return " " + _("The model refuses changes of {names}.").format(names=", ".join(names)) if names else ""


def _change_row(row: Record, changes: list[Record]) -> tuple[Cell, ...]:
    drop = row["drop"]
    if row.get("outcome") == "refused":
        nothing = Cell(DASH)
        return (
            Cell(str(row["title"])),
            nothing,
            nothing,
            nothing,
            Cell(_("refused"), sub=str(row["reason"]), tone="bad"),
        )
    shown = drop["low"] is not None and drop["low"] > 0
    tone: Tone = "bad" if shown else "none"
    return (
        Cell(str(row["title"])),
        Cell(number(drop, signed=True), sub=interval(drop, signed=True) or reason(drop)),
        _loss_chart(drop, changes, tone),
        Cell(_share(row["flipped"]) or DASH, sub=reason(row["flipped"])),
        Cell(
            _("loss shown") if shown else _("loss not shown") if drop["value"] is not None else _("undefined"),
            tone=tone,
        ),
    )


def _loss_chart(drop: Record, changes: list[Record], tone: Tone) -> Cell:
    if drop["low"] is None or drop["high"] is None:
        return Cell(DASH)
    ends = [abs(row["drop"][end]) for row in changes for end in ("low", "high") if row["drop"][end] is not None]
    reach = max([*ends, 1e-12]) * 1.1
    svg = charts.mini_interval(
        drop["value"], drop["low"], drop["high"], domain=(-reach, reach), reference=0.0, tone=tone
    )
    said = _("Loss {loss}, interval {interval}, dotted line at 0.").format(
        loss=number(drop, signed=True), interval=interval(drop, signed=True)
    )
    return Cell("", svg=svg, alt=said)


def _column_row(row: Record) -> tuple[Cell, ...]:
    use = _("label") if row["role"] == "label" else _("sensitive") if row["sensitive"] else ""
    wrong = [
        *([_("the model asks for {expected}").format(expected=row["expected"])] if row["fits"] is False else []),
        *([_("one value only")] if row["constant"] else []),
        *(
            [counted("{infinite} infinite", row["infinite"]).format(infinite=integer(row["infinite"]))]
            if row["infinite"]
            else []
        ),
    ]
    held = DASH
    if row["low"] is not None:
        held = _("{low} to {high}").format(low=f"{row['low']:,.6g}", high=f"{row['high']:,.6g}")
    elif row["different"] is not None:
        held = counted("{different} values", row["different"]).format(different=integer(row["different"]))
    beyond: Any = row["outside"] or row["unseen"]
    return (
        Cell(str(row["column"]), sub=use),
        Cell(str(row["type"]), sub=", ".join(wrong)),
        Cell(_share(row["missing"]) or DASH),
        Cell(held),
        Cell((_share(beyond) or _("not known")) if beyond else DASH, sub=reason(beyond) if beyond else ""),
    )


def _represented(payload: Record) -> list[Block]:
    label = payload["label"]
    rows = [
        _share_row(feature["feature"], _("sensitive"), group["group"], group["share"], small=group["small"])
        for feature in payload["groups"]
        for group in feature["groups"]
    ]
    rows += [_share_row(label["column"], _("label"), item["label"], item["share"]) for item in label["classes"]]
    if not rows:
        return []
    hidden = sum(feature["not_named"] for feature in payload["groups"]) + label["not_named"]
    return [
        Table(
            caption=_("Whom and what the rows represent"),
            columns=(
                Column(_("Column"), width=30),
                Column(_("Group or class")),
                Column(_("Share of rows"), numeric=True),
            ),
            rows=tuple(rows),
            note=counted("{hidden} groups or classes of fewer than five rows are not named.", hidden).format(
                hidden=integer(hidden)
            )
            if hidden
            else "",
        )
    ]


def _share_row(column: str, use: str, group: str, figure: Record, *, small: bool = False) -> tuple[Cell, ...]:
    named = Cell(str(group), sub=_("small") if small else "")
    return Cell(str(column), sub=use), named, Cell(_share(figure) or DASH, sub=interval(figure) or reason(figure))


def _kept_on(payload: Record) -> list[Block]:
    rows = payload["sensitive"]
    if not rows:
        return []
    return [
        Table(
            caption=_("On what ground sensitive columns are kept"),
            columns=(
                Column(_("Column"), width=20),
                Column(_("Lawful basis"), width=44),
                Column(_("Read by")),
                Column(_("Delete by")),
            ),
            rows=tuple(
                tuple(Cell(_ground(row, name)) for name in ("column", "lawful_basis", "access_role", "delete_by"))
                for row in rows
            ),
        )
    ]


def _ground(row: Record, name: str) -> str:
    if not row[name]:
        return _("not stated")
    return words(str(row[name])) if name == "access_role" else spelled(str(row[name]))


def _share(figure: Record | None) -> str:
    """Return a share with the rows that it is a share of; empty where it is undefined."""
    if not figure or figure.get("value") is None:
        return ""
    return _("{figure} of {n}").format(figure=number(figure), n=integer(figure["n"]))


def _ms(value: float | None, latency: Record) -> str:
    return (
        _("{value} ms").format(value=decimal(value, 1))
        if value is not None
        else _("not estimable: {reason}").format(reason=latency.get("reason", ""))
    )
