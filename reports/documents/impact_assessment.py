"""The fundamental rights impact assessment of a deployer, Article 27: whether it is owed, and what it has to say."""

from __future__ import annotations

from reports.documents import fairness_blocks
from reports.documents import record_answers as answers
from reports.documents import use_answers as use
from reports.documents.annex_viii import acts_as, classified, listed_points, public_body
from reports.documents.asks import Ask
from reports.documents.content import Paragraph
from reports.documents.kind import Kind
from reports.documents.owing import EVERY_DEPLOYER, SERVICES
from reports.documents.snapshot import Snapshot, record_source
from reports.documents.translation import N_, _
from reports.documents.wording import day, listed


def owed(snapshot: Snapshot) -> list[Paragraph]:
    """Whether Article 27 asks for the assessment, by class, role and kind of body; empty while that can't be said."""
    who = classified(snapshot)
    text = _why(snapshot)
    return [Paragraph("declared", text, declared_by=who)] if who and text else []


def _why(snapshot: Snapshot) -> str:
    if snapshot.part("classification").get("ai_act_class") != "high":
        return _("Not owed: the system is not classified as high-risk.")
    points = listed_points(snapshot)
    named = [point for point in points if point.startswith(EVERY_DEPLOYER)]
    asked = [point for point in points if not point.startswith("Annex III.2")]
    if not acts_as(snapshot, "deployer"):
        return _("Not owed here: the organisation is not recorded as a deployer of the system.")
    if named:
        return _("Owed: the organisation deploys a system listed in {named}, which every deployer assesses.").format(
            named=listed(named)
        )
    if not asked:
        return _("Not owed: the class rests on Annex I or on point 2 of Annex III alone.")
    body = (public_body(snapshot) or {}).get("text")
    if body is None:
        return ""
    if body in SERVICES:
        return _("Owed: the deployer is a body of the kind “{body}”, and the system is listed in {asked}.").format(
            body=body, asked=listed(asked)
        )
    return _("Not owed: neither a public body nor a provider of public services uses what {asked} lists.").format(
        asked=listed(asked)
    )


def groups_measured(snapshot: Snapshot) -> list[Paragraph]:
    """The groups of people that the fairness evidence was measured on."""
    row = snapshot.evidence("fairness/v1")
    blocks = fairness_blocks.group_rates(row["payload"]) if row else ()
    text = _("Groups on which the system was measured, with the number of persons behind each rate:")
    return [answers.from_evidence(text, row, blocks)] if row and blocks else []


def differences(snapshot: Snapshot) -> list[Paragraph]:
    """The measured differences between groups."""
    row = snapshot.evidence("fairness/v1")
    if row is None:
        return []
    text = _("Measured differences between groups, to be read beside what is declared here. They are no verdict.")
    return [answers.from_evidence(text, row, fairness_blocks.fairness(row["payload"]))]


def notified(snapshot: Snapshot) -> list[Paragraph]:
    """That the market surveillance authority was notified of the results, as recorded."""
    rows = [
        row
        for row in snapshot.rows("correspondence")
        if row.get("kind") == "notification-27-3" and row.get("state") == "sent"
    ]
    said = listed(
        _("{number} on {sent_on}").format(number=row.get("number"), sent_on=day(row.get("sent_on"))) for row in rows
    )
    sources = tuple(record_source(row, _("correspondence"), _("Notification")) for row in rows)
    return (
        [
            Paragraph(
                "measured", _("The authority was notified, as recorded: {said}.").format(said=said), sources=sources
            )
        ]
        if rows
        else []
    )


_MEASURED = N_("Differences between groups are not measured.")
KIND = Kind(
    id="fria",
    title=N_("Fundamental rights impact assessment"),
    subtitle=N_("Supports Article 27 of Regulation (EU) 2024/1689"),
    outline=N_("Article 27"),
    duty="deployer",
    groups=("Art 27",),
    stem="Art ",
    asks=(
        Ask(
            "Art 27.1",
            owed,
            N_("Whether the assessment is owed can't be said: class or kind of body is missing."),
            "owner",
        ),
        Ask("Art 27.1.c", groups_measured, N_("The groups affected are not measured."), "engineer"),
        Ask("Art 27.1.d", differences, _MEASURED, "engineer"),
        Ask("Art 27.1.d", use.instructions, N_("The provider's instructions for use are not attached."), "owner"),
        Ask(
            "Art 27.3",
            notified,
            N_("That the market surveillance authority was notified of the results is not on record."),
            "data_protection_officer",
        ),
        Ask(
            "Art 27.5",
            lambda _snapshot: [],
            N_("The questionnaire template of the AI Office is not filled in; none is known as published."),
            "data_protection_officer",
        ),
    ),
    caveat=N_("Neither a data protection impact assessment nor a notice to people."),
)
