"""The EU declaration of conformity of Annex V. Its statements are a person's: until one signs, it is a draft."""

from __future__ import annotations

from reports.documents import record_answers as answers
from reports.documents import record_blocks
from reports.documents.asks import Ask
from reports.documents.content import Declarant, Paragraph
from reports.documents.kind import Kind
from reports.documents.snapshot import Record, Snapshot

RESPONSIBILITY = "This EU declaration of conformity is issued under the sole responsibility of the provider."
CONFORMITY = (
    "The AI system described under 1 is in conformity with Regulation (EU) 2024/1689 and, where it is named below, "
    "with the other Union law that provides for the issuing of an EU declaration of conformity."
)
DATA_PROTECTION = (
    "The AI system involves the processing of personal data and complies with Regulations (EU) 2016/679 and (EU) "
    "2018/1725 and Directive (EU) 2016/680."
)
NO_PERSONAL_DATA = "The AI system does not involve the processing of personal data, so point 5 asks for no statement."


def signatory(snapshot: Snapshot) -> Record:
    """Return who signed the declaration, empty while nobody has."""
    return snapshot.part("signatory")


def _stated(snapshot: Snapshot, text: str, *facts: tuple[str, str]) -> list[Paragraph]:
    who = signatory(snapshot)
    if not who:
        return []
    blocks = (record_blocks.values("Signatory", dict(facts)),) if facts else ()
    by = Declarant(str(who["role"]), str(who["at"])[:10], who.get("log_index"))
    return [Paragraph("declared", text, blocks, declared_by=by)]


def system_record(snapshot: Snapshot) -> list[Paragraph]:
    """The name of the system and the id of its record."""
    system = snapshot.part("system")
    if not system.get("id"):
        return []
    text = f"The AI system is recorded as {system['name']}, reference {system['id']}."
    return [answers.measured(text, system, "AI system record", at_key="recorded_at")]


def responsibility(snapshot: Snapshot) -> list[Paragraph]:
    """The statement of point 3."""
    return _stated(snapshot, RESPONSIBILITY)


def conformity(snapshot: Snapshot) -> list[Paragraph]:
    """The statement of point 4."""
    return _stated(snapshot, CONFORMITY)


def data_protection(snapshot: Snapshot) -> list[Paragraph]:
    """The statement of point 5, owed only where personal data are processed."""
    return _stated(snapshot, DATA_PROTECTION if signatory(snapshot).get("personal_data") else NO_PERSONAL_DATA)


def signature(snapshot: Snapshot) -> list[Paragraph]:
    """Place, date, name, function, and for whom the person signed."""
    who = signatory(snapshot)
    return _stated(
        snapshot,
        "Signed by the person named here, who signed in again to do so. The signature stands in the log.",
        ("Name", str(who.get("name"))),
        ("Function", str(who.get("function"))),
        ("On behalf of", str(who.get("on_behalf_of"))),
        ("Place", str(who.get("place"))),
        ("Date", str(who.get("at"))[:10]),
        ("Draft that was read", str(who.get("draft_digest"))),
    )


_DRAFT = "Draft: whoever signs makes this statement by signing. Nobody has signed."
KIND = Kind(
    id="annex-v",
    title="EU declaration of conformity",
    subtitle="Supports Article 47 and Annex V of Regulation (EU) 2024/1689",
    outline="Annex V",
    duty="provider",
    groups=("Annex V",),
    stem="Annex V.",
    asks=(
        Ask("Annex V.1", system_record, "The AI system is not recorded.", "owner"),
        Ask("Annex V.1", answers.version, "No model version is recorded.", "engineer"),
        Ask("Annex V.3", responsibility, _DRAFT, "owner"),
        Ask("Annex V.4", conformity, _DRAFT, "owner"),
        Ask("Annex V.5", data_protection, f"{_DRAFT} It is made only if personal data are processed.", "owner"),
        Ask("Annex V.8", signature, "Name, function, on whose behalf, place, date and signature are missing.", "owner"),
    ),
    caveat="A draft: it becomes a declaration of conformity when it is signed.",
    stated=lambda snapshot: bool(signatory(snapshot)),
)
