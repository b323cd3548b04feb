"""The EU declaration of conformity of Annex V. Its statements are a person's: until one signs, it is a draft."""

from __future__ import annotations

from reports.documents import record_answers as answers
from reports.documents import record_blocks
from reports.documents.asks import Ask
from reports.documents.content import Declarant, Paragraph
from reports.documents.kind import Kind
from reports.documents.snapshot import Record, Snapshot
from reports.documents.translation import N_, _

RESPONSIBILITY = N_("This EU declaration of conformity is issued under the sole responsibility of the provider.")
CONFORMITY = N_(
    "The AI system described under 1 is in conformity with Regulation (EU) 2024/1689 and, where it is "
    "named below, with the other Union law that provides for the issuing of an EU declaration of "
    "conformity."
)
DATA_PROTECTION = N_(
    "The AI system involves the processing of personal data and complies with Regulations (EU) 2016/679 "
    "and (EU) 2018/1725 and Directive (EU) 2016/680."
)
NO_PERSONAL_DATA = N_(
    "The AI system does not involve the processing of personal data, so point 5 asks for no statement."
)


def signatory(snapshot: Snapshot) -> Record:
    """Return who signed the declaration, empty while nobody has."""
    return snapshot.part("signatory")


def _stated(snapshot: Snapshot, text: str, *facts: tuple[str, str]) -> list[Paragraph]:
    who = signatory(snapshot)
    if not who:
        return []
    blocks = (record_blocks.values(_("Signatory"), dict(facts)),) if facts else ()
    by = Declarant(str(who["role"]), str(who["at"])[:10], who.get("log_index"))
    return [Paragraph("declared", text, blocks, declared_by=by)]


def system_record(snapshot: Snapshot) -> list[Paragraph]:
    """The name of the system and the id of its record."""
    system = snapshot.part("system")
    if not system.get("id"):
        return []
    text = _("The AI system is recorded as {name}, reference {id}.").format(name=system["name"], id=system["id"])
    return [answers.measured(text, system, _("AI system record"), at_key="recorded_at")]


def responsibility(snapshot: Snapshot) -> list[Paragraph]:
    """The statement of point 3."""
    return _stated(snapshot, _(RESPONSIBILITY))


def conformity(snapshot: Snapshot) -> list[Paragraph]:
    """The statement of point 4."""
    return _stated(snapshot, _(CONFORMITY))


def data_protection(snapshot: Snapshot) -> list[Paragraph]:
    """The statement of point 5, owed only where personal data are processed."""
    return _stated(snapshot, _(DATA_PROTECTION if signatory(snapshot).get("personal_data") else NO_PERSONAL_DATA))


def signature(snapshot: Snapshot) -> list[Paragraph]:
    """Place, date, name, function, and for whom the person signed."""
    who = signatory(snapshot)
    return _stated(
        snapshot,
        _("Signed by the person named here, who signed in again to do so. The signature stands in the log."),
        (_("Name"), str(who.get("name"))),
        (_("Function"), str(who.get("function"))),
        (_("On behalf of"), str(who.get("on_behalf_of"))),
        (_("Place"), str(who.get("place"))),
        (_("Date"), str(who.get("at"))[:10]),
        (_("Draft that was read"), str(who.get("draft_digest"))),
    )


_DRAFT = N_("Draft: whoever signs makes this statement by signing. Nobody has signed.")
_DRAFT_ON_DATA = N_(
    "Draft: whoever signs makes this statement by signing. Nobody has signed. It is made only if personal data are "
    "processed."
)
KIND = Kind(
    id="annex-v",
    title=N_("EU declaration of conformity"),
    subtitle=N_("Supports Article 47 and Annex V of Regulation (EU) 2024/1689"),
    outline="Annex V",
    duty="provider",
    groups=("Annex V",),
    stem="Annex V.",
    asks=(
        Ask("Annex V.1", system_record, N_("The AI system is not recorded."), "owner"),
        Ask("Annex V.1", answers.version, N_("No model version is recorded."), "engineer"),
        Ask("Annex V.3", responsibility, _DRAFT, "owner"),
        Ask("Annex V.4", conformity, _DRAFT, "owner"),
        Ask("Annex V.5", data_protection, _DRAFT_ON_DATA, "owner"),
        Ask(
            "Annex V.8",
            signature,
            N_("Name, function, on whose behalf, place, date and signature are missing."),
            "owner",
        ),
    ),
    caveat=N_("A draft: it becomes a declaration of conformity when it is signed."),
    stated=lambda snapshot: bool(signatory(snapshot)),
)
