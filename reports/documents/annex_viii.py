"""The registration sheet of Annex VIII: the sections that apply to a system, and why the others do not."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence

from reports.documents import annex_v
from reports.documents import record_answers as answers
from reports.documents import use_answers as use
from reports.documents.asks import Ask
from reports.documents.content import Declarant, Paragraph, Section
from reports.documents.kind import Kind
from reports.documents.owing import PUBLIC_BODY
from reports.documents.snapshot import Record, Snapshot, declarant
from reports.documents.translation import N_, _
from reports.documents.wording import listed

NATIONAL = ("Annex III.2",)
NOT_PUBLIC = ("Annex III.6", "Annex III.7")
NOT_PUBLIC_IF_USED_THERE = ("Annex III.1",)
NAMES = {"Annex VIII.A": N_("Section A"), "Annex VIII.B": N_("Section B"), "Annex VIII.C": N_("Section C")}
HEADINGS = {
    "Annex VIII.A": N_("Section A: providers of high-risk AI systems"),
    "Annex VIII.B": N_("Section B: providers of systems exempt under Article 6(3)"),
    "Annex VIII.C": N_("Section C: deployers that are public authorities"),
}


def classified(snapshot: Snapshot) -> Declarant | None:
    """Return who signed the class of the system, None while nobody has."""
    found = snapshot.part("classification")
    role, at = found.get("signed_by_role"), found.get("signed_at")
    return Declarant(str(role), str(at)[:10], found.get("log_index")) if role and at else None


def listed_points(snapshot: Snapshot) -> list[str]:
    """Return the points of Annex III that the class names."""
    points = snapshot.part("classification").get("annex_points") or ()
    return [str(point) for point in points if str(point).startswith("Annex III.")]


def _within(points: Iterable[str], references: Collection[str]) -> list[str]:
    return [point for point in points if any(point == ref or point.startswith(f"{ref}.") for ref in references)]


def entered_in_the_eu_database(snapshot: Snapshot) -> list[str]:
    """Return the points of Annex III by which the system is entered there: all but point 2 (Article 49(1), (3))."""
    listed_here = listed_points(snapshot)
    national = _within(listed_here, NATIONAL)
    return [point for point in listed_here if point not in national]


def acts_as(snapshot: Snapshot, role: str) -> bool:
    """Return whether the organisation is recorded in a role."""
    return role in (snapshot.part("system").get("ai_roles") or ())


def public_body(snapshot: Snapshot) -> Record | None:
    """Return the answer on whether the deployer is a public body or provides public services."""
    rows = [row for row in snapshot.rows("record") if row.get("id") == "public-body"]
    return rows[0].get("answer") if rows else None


def sections_that_apply(snapshot: Snapshot) -> dict[str, str]:
    """Return the sections of Annex VIII that apply, each with the reason."""
    found: dict[str, str] = {}
    points, entered = listed_points(snapshot), entered_in_the_eu_database(snapshot)
    if not classified(snapshot) or not points:
        return found
    high = snapshot.part("classification").get("ai_act_class") == "high"
    if high and entered and acts_as(snapshot, "provider"):
        found["Annex VIII.A"] = _(
            "Section A applies: high-risk under {entered}, and the organisation provides it."
        ).format(entered=listed(entered))
    if not high and acts_as(snapshot, "provider"):
        found["Annex VIII.B"] = _(
            "Section B applies: listed in {points}, not high-risk by Article 6(3), and the organisation provides it."
        ).format(points=listed(points))
    if high and entered and acts_as(snapshot, "deployer") and (public_body(snapshot) or {}).get("text") == PUBLIC_BODY:
        found["Annex VIII.C"] = _(
            "Section C applies: a public body uses a system that is high-risk under {entered}."
        ).format(entered=listed(entered))
    return found


def points(snapshot: Snapshot) -> Sequence[Record]:
    """Return the points of the sections that apply."""
    apply = sections_that_apply(snapshot)
    return [row for row in snapshot.part("law")["points"] if str(row["id"]).rpartition(".")[0] in apply]


def which(snapshot: Snapshot) -> Iterator[Section]:
    """Say first which sections apply and why."""
    yield Section(
        "which",
        "0",
        _("Sections that apply, and why"),
        1,
        requirement=_(
            "Article 49 decides by class and role which section of Annex VIII is entered in the EU database."
        ),
        paragraphs=tuple(why(snapshot)),
    )


def why(snapshot: Snapshot) -> Iterator[Paragraph]:
    """Yield which sections apply and why, where they are entered, and what is missing to say so."""
    who = classified(snapshot)
    if who is None:
        gap = _("Which sections apply can't be said: the system is not classified by two people.")
        yield Paragraph("missing", gap, owner=snapshot.owner("classification", "risk_officer"))
        return
    apply = sections_that_apply(snapshot)
    for text in (*apply.values(), *_elsewhere(snapshot, apply)):
        yield Paragraph("declared", text, declared_by=who)
    left_out = [_(name) for reference, name in NAMES.items() if reference not in apply]
    yield Paragraph(
        "declared", _("By class and role, not printed: {left_out}.").format(left_out=listed(left_out)), declared_by=who
    )
    high = snapshot.part("classification").get("ai_act_class") == "high"
    if high and entered_in_the_eu_database(snapshot) and acts_as(snapshot, "deployer"):
        body = public_body(snapshot)
        if body:
            yield Paragraph(
                "declared", _("The deployer: {text}.").format(text=body["text"]), declared_by=declarant(body)
            )
        else:
            gap = _("Section C is owed by public authorities; whether the deployer is one is not declared.")
            yield Paragraph("missing", gap, owner=snapshot.owner("Annex VIII.C", "data_protection_officer"))


def _elsewhere(snapshot: Snapshot, apply: Collection[str]) -> Iterator[str]:
    """Say what is registered nationally, and what stands in the part of the database that is not public."""
    points = listed_points(snapshot)
    high = snapshot.part("classification").get("ai_act_class") == "high"
    if high and (national := _within(points, NATIONAL)):
        yield _("By {national} the system is registered nationally, not in the EU database (Article 49(5)).").format(
            national=listed(national)
        )
    if not apply:
        return
    if surely := _within(points, NOT_PUBLIC):
        yield (
            _(
                "By {surely} the entry goes to the part of the EU database that is not public, with fewer of "
                "the data below (Article 49(4))."
            ).format(surely=listed(surely))
        )
    if perhaps := _within(points, NOT_PUBLIC_IF_USED_THERE):
        yield (
            _(
                "By {perhaps} the entry goes to the part of the EU database that is not public, with fewer of "
                "the data below, if the system is used in law enforcement, migration, asylum or border control "
                "(Article 49(4)). The record does not say whether it is."
            ).format(perhaps=listed(perhaps))
        )


def status(snapshot: Snapshot) -> list[Paragraph]:
    """What serves traffic by the log, beside the status that a person declares."""
    rows = [row for row in snapshot.rows("alias_history") if not row.get("to")]
    return [
        answers.measured(
            _("Version {version} is served as {alias} since {since}, by the log.").format(
                version=row["version"], alias=row["alias"], since=str(row["from"])[:10]
            ),
            row,
            _("alias record"),
            at_key="from",
        )
        for row in rows
    ]


def impact_assessment(snapshot: Snapshot) -> list[Paragraph]:
    """The assessment under Article 27 among the system's documents."""
    return use.attached(snapshot, "fria", _("The fundamental rights impact assessment is kept with this record."))


def _asks() -> Iterator[Ask]:
    for section in ("Annex VIII.A", "Annex VIII.B"):
        yield Ask(f"{section}.4", annex_v.system_record, N_("The AI system is not recorded."), "owner")
        yield Ask(f"{section}.4", answers.version, N_("No model version is recorded."), "engineer")
        yield Ask(f"{section}.5", answers.purpose, N_("The intended purpose is not recorded."), "owner")
    yield Ask("Annex VIII.A.6", answers.datasets, N_("No data set is recorded."), "engineer")
    yield Ask(
        "Annex VIII.A.6",
        answers.input_specification,
        N_("The model was logged without an input signature."),
        "engineer",
    )
    yield Ask("Annex VIII.A.7", status)
    yield Ask("Annex VIII.B.8", status)
    yield Ask(
        "Annex VIII.A.11", use.declaration_of_conformity, N_("No signed EU declaration of conformity is attached.")
    )
    yield Ask("Annex VIII.A.12", use.instructions, N_("No instructions for use are attached."), "owner")
    yield Ask(
        "Annex VIII.C.4",
        impact_assessment,
        N_("No fundamental rights impact assessment is attached, so its findings can't be summarised."),
        "data_protection_officer",
    )


KIND = Kind(
    id="annex-viii",
    title=N_("Registration sheet"),
    subtitle=N_("Supports Article 49 and Annex VIII of Regulation (EU) 2024/1689"),
    outline="Annex VIII",
    duty="both",
    groups=("Annex VIII",),
    stem="Annex VIII.",
    asks=tuple(_asks()),
    headings=HEADINGS,
    page_starts=("A", "B", "C"),
    points=points,
    before=which,
)
