"""The two letters to authorities: the notification of the impact assessment (Art. 27(3)), the registration (Art. 49).

They repeat what the assessment and the registration sheet hold, and name the file of each by its digest.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from reports.documents import annex_v, annex_viii, impact_assessment
from reports.documents import record_answers as answers
from reports.documents import use_answers as use
from reports.documents.asks import Ask
from reports.documents.content import Paragraph
from reports.documents.kind import Kind
from reports.documents.letters import ABOUT, DRAFT, LEAD, NO_LETTER, PURPOSE, state, system_named, written
from reports.documents.outline import Part, Wanted, questions_of, sections
from reports.documents.snapshot import Snapshot
from reports.documents.translation import N_, _

_UNCLASSIFIED = N_("Which section of Annex VIII is entered can't be said: the system is not classified by two people.")
_UNOWED = N_("Whether the assessment is owed can't be said: class or kind of body is missing.")


def assessment(snapshot: Snapshot) -> list[Paragraph]:
    """The assessment whose results are notified, by the digest of its file."""
    return use.attached(
        snapshot, "fria", _("The results are those of this assessment, which goes with the notification.")
    )


def sheet(snapshot: Snapshot) -> list[Paragraph]:
    """The registration sheet with the data that are entered, by the digest of its file."""
    return use.attached(snapshot, "annex-viii", _("The data to be entered are those of this registration sheet."))


def why(snapshot: Snapshot) -> list[Paragraph]:
    """Which sections of Annex VIII are entered, and where."""
    return list(annex_viii.why(snapshot))


def entered(section: str) -> Callable[[Snapshot], list[Paragraph]]:
    """Return an answer on whether a section of Annex VIII is entered for the system."""

    def answer(snapshot: Snapshot) -> list[Paragraph]:
        who = annex_viii.classified(snapshot)
        if who is None:
            return []
        name = _(annex_viii.NAMES[section])
        text = annex_viii.sections_that_apply(snapshot).get(
            section, _("By class and role, {name} is not entered.").format(name=name)
        )
        return [Paragraph("declared", text, declared_by=who)]

    return answer


NOTIFICATION = (
    ABOUT,
    Part(
        "message",
        N_("What we notify"),
        "",
        (
            Wanted(
                written("text", "", by="recorded"), N_("What the notification is to say is not written down."), "owner"
            ),
        ),
    ),
    Part(
        "system",
        N_("Which system is used, and by whom"),
        "",
        (Wanted(system_named, NO_LETTER), PURPOSE),
        ("deployer-details",),
    ),
    Part(
        "assessment",
        N_("The assessment"),
        "",
        (
            Wanted(impact_assessment.owed, _UNOWED, "owner"),
            Wanted(
                assessment,
                N_("No fundamental rights impact assessment is made, so there are no results to notify."),
                "data_protection_officer",
            ),
        ),
    ),
    Part(
        "results",
        N_("Its results"),
        "",
        (Wanted(impact_assessment.groups_measured, N_("The groups affected are not measured."), "engineer"),),
        (
            "processes",
            "period-and-frequency",
            "affected-groups",
            "specific-harms",
            "oversight-implementation",
            "response-measures",
        ),
    ),
)
REGISTRATION = (
    ABOUT,
    Part(
        "message",
        N_("What we ask to be registered"),
        "",
        (
            Wanted(
                written("text", "", by="recorded"), N_("What the registration is to say is not written down."), "owner"
            ),
        ),
    ),
    Part("which", N_("Which sections are entered, and where"), "", (Wanted(why),)),
    Part(
        "who",
        N_("Who registers"),
        "",
        (),
        ("submitter", "provider-name", "provider-address", "authorised-representative", "deployer-details"),
    ),
    Part(
        "system",
        N_("The system"),
        "",
        (
            Wanted(annex_v.system_record, N_("The AI system is not recorded."), "owner"),
            PURPOSE,
            Wanted(answers.version, N_("No model version is recorded."), "engineer"),
        ),
        ("trade-name", "market-status", "member-states", "public-url"),
    ),
    Part("sheet", N_("The registration sheet"), "", (Wanted(sheet, N_("No registration sheet is made."), "owner"),)),
)
NOTIFICATION_KIND = Kind(
    id="notification-27-3",
    title=N_("Notification of the fundamental rights impact assessment"),
    subtitle=N_("Supports Article 27(3) of Regulation (EU) 2024/1689"),
    outline=N_("Article 27(3)"),
    duty="deployer",
    groups=("Art 27.3",),
    stem="Art ",
    asks=(Ask("Art 27.3", state, NO_LETTER, "owner"),),
    caveat=DRAFT,
    lead=LEAD,
    before=sections(NOTIFICATION),
    counted=False,
)
REGISTRATION_KIND = Kind(
    id="registration-49",
    title=N_("Registration in the EU database"),
    subtitle=N_("Supports Article 49 of Regulation (EU) 2024/1689"),
    outline=N_("Article 49"),
    duty="both",
    groups=("Art 49.1", "Art 49.2", "Art 49.3"),
    stem="Art ",
    asks=(
        Ask("Art 49.1", state, NO_LETTER, "owner"),
        Ask("Art 49.1", entered("Annex VIII.A"), _UNCLASSIFIED, "risk_officer"),
        Ask("Art 49.2", entered("Annex VIII.B"), _UNCLASSIFIED, "risk_officer"),
        Ask("Art 49.3", entered("Annex VIII.C"), _UNCLASSIFIED, "risk_officer"),
    ),
    caveat=DRAFT,
    lead=LEAD,
    before=sections(REGISTRATION),
    counted=False,
)
QUESTIONS: Mapping[str, frozenset[str]] = {
    NOTIFICATION_KIND.id: questions_of(NOTIFICATION) | {"public-body"},
    REGISTRATION_KIND.id: questions_of(REGISTRATION) | {"public-body"},
}
"""The questions of the record whose answers each letter may print."""
PRINTS: Mapping[str, str] = {NOTIFICATION_KIND.id: "fria", REGISTRATION_KIND.id: "annex-viii"}
"""The kind of document that each letter names."""
