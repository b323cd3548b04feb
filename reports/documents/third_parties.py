"""What a snapshot answers of parts that others supply: the version itself, and what it is built on (Annex IV.2.a)."""

from __future__ import annotations

from reports.documents import record_blocks
from reports.documents.content import Cell, Column, Paragraph, Table
from reports.documents.record_answers import measured
from reports.documents.snapshot import Record, Snapshot, record_source
from reports.documents.translation import _
from reports.documents.wording import DASH, day, known, log_index, words


def supplied(snapshot: Snapshot) -> list[Paragraph]:
    """Who supplies a version that no MLflow holds, as it was recorded."""
    model = snapshot.part("model")
    said = model.get("recorded")
    if not said:
        return []
    facts = {
        _("Supplier"): said.get("supplier"),
        _("Product"): said.get("product"),
        _("Version there"): said.get("version"),
        _("Licence or contract"): said.get("licence"),
        _("Runs"): said.get("runs"),
    }
    block = record_blocks.values(_("As recorded"), {name: value for name, value in facts.items() if value})
    text = _(
        "The version was supplied and recorded by people; Placet does not hold its files. It is identified "
        "by the digest of what was recorded of it."
    )
    return [
        measured(text, model, _("model version record"), block, digest_key="artifact_digest", at_key="created_at"),
    ]


def built_on(snapshot: Snapshot) -> list[Paragraph]:
    """The pre-trained and third-party parts that the version is built on."""
    rows = snapshot.part("model").get("builds_on") or ()
    if not rows:
        return []
    table = Table(
        _("Pre-trained and third-party parts"),
        (
            Column(_("Part")),
            Column(_("As")),
            Column(_("Supplier")),
            Column(_("Digest")),
            Column(_("Log"), numeric=True),
        ),
        tuple(
            (
                Cell(_("{name} version {version}").format(name=row["name"], version=row["version"])),
                Cell(known(str(row.get("kind") or DASH))),
                Cell(_supplier(row)),
                Cell(str(row.get("artifact_digest") or DASH)[:26]),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
    )
    sources = tuple(record_source(row, _("base record"), _("Built on"), digest_key="artifact_digest") for row in rows)
    text = _("The version is built on these parts. What is known of a part is no evidence about this version.")
    return [Paragraph("measured", text, (table,), sources)]


def known_of_bases(snapshot: Snapshot) -> list[Paragraph]:
    """What is open against the parts below, and to which use each is restricted; it binds whoever builds on them."""
    rows = snapshot.part("model").get("builds_on") or ()
    if not rows:
        return []
    table = Table(
        _("What is known of the parts below"),
        (
            Column(_("Part")),
            Column(_("Approval")),
            Column(_("Open findings"), width=30),
            Column(_("Restrictions of use"), width=30),
        ),
        tuple(
            (
                Cell(_("{name} version {version}").format(name=row["name"], version=row["version"])),
                Cell(words(row["approval"]) if row.get("approval") else _("none in force")),
                Cell("\n".join(_finding(finding) for finding in row.get("findings") or ()) or _("none")),
                Cell("\n".join(row.get("use_restrictions") or ()) or _("none recorded")),
            )
            for row in rows
        ),
        note=_("Findings of another AI system stand here by severity and day; its owner knows what they are about."),
    )
    sources = tuple(record_source(row, _("base record"), _("Built on"), digest_key="artifact_digest") for row in rows)
    open_ones = tuple(
        record_source(finding, _("finding"), _("Finding"), at_key="opened_at")
        for row in rows
        for finding in row.get("findings") or ()
    )
    text = _("Findings that are open against the parts below, and the use that each is approved for.")
    return [Paragraph("measured", text, (table,), tuple(dict.fromkeys((*sources, *open_ones))))]


def _finding(row: Record) -> str:
    return _("{severity}, due {due_on}, {log_index}").format(
        severity=words(row.get("severity")), due_on=day(row.get("due_on")), log_index=log_index(row.get("log_index"))
    )


def _supplier(row: Record) -> str:
    said = row.get("recorded") or {}
    if not said:
        return _("own, in MLflow")
    return " ".join(str(said[key]) for key in ("supplier", "product", "version") if said.get(key))
