"""Build the technical documentation of Annex IV from a snapshot: points 1 to 9, the release record, and what is
missing.

Pure: the same snapshot gives the same content. Nothing is added that the snapshot does not hold.
"""

from __future__ import annotations

from collections.abc import Iterator

from reports.documents import model_blocks, record_blocks
from reports.documents.annex_iv_points import ASKS
from reports.documents.asks import Answers
from reports.documents.content import Content, Declarant, Facts, Paragraph, Section
from reports.documents.snapshot import Record, Snapshot, digest, record_source
from reports.documents.wording import listed, moment, sentence_case, words

CLASSES = {
    "prohibited": "Prohibited practice",
    "high": "High-risk",
    "limited": "Transparency duties",
    "minimal": "Minimal risk",
    "out_of_scope": "Out of scope",
}
TITLE = "Technical documentation"
SUBTITLE = "Supports Article 11(1) and Annex IV of Regulation (EU) 2024/1689"


def build(snapshot: Record) -> Content:
    """Return what the document says.

    Args:
        snapshot: the object described in ``snapshot.md``.

    Raises:
        SnapshotInvalid: a part that every document needs is absent, a declaration has no role or date, or it is not
            plain JSON.
    """
    checked = Snapshot(snapshot)
    law, system, document = checked.part("law"), checked.part("system"), checked.part("document")
    sections = tuple(_points(checked)) + tuple(_release_record(checked))
    model = checked.part("model")
    cover = [
        ("AI system", str(system["name"])),
        ("Provider", str(checked.part("organisation").get("name") or "not recorded")),
        (
            "Model version",
            f"{model.get('name')}, version {model.get('version')}" if model.get("version") else "not recorded",
        ),
        ("Class under the AI Act", _class(checked)),
        ("Law", _acts(law)),
        ("Law as of", f"{law['as_of']} (register {_register_digest(law)})"),
        ("Document made", moment(document["created_at"])),
        ("Document id", str(document["id"])),
    ]
    return Content(
        kind="annex_iv",
        title=TITLE,
        subtitle=SUBTITLE,
        document_id=str(document["id"]),
        snapshot_digest=digest(snapshot),
        created_at=str(document["created_at"]),
        law_version=str(law["version"]),
        language="en",
        organisation=str(checked.part("organisation").get("name") or ""),
        status="Signed draft" if checked.part("signature") else "Unsigned draft",
        signature=_signature(checked.part("signature")),
        cover=tuple(cover),
        sections=sections,
        sample=bool(snapshot.get("sample")),
        appendices=tuple(_appendices(checked)),
    )


def _signature(signature: Record) -> str:
    """Say on the cover how the file is signed; the file itself shows whether that still holds."""
    if not signature:
        return "Not signed."
    signer, level = signature["signer"], signature["level"]
    if signature.get("authority"):
        return f"Signed with the certificate of {signer} (PAdES {level}), time-stamped by {signature['authority']}."
    return (
        f"Signed with the certificate of {signer} (PAdES {level}). No time-stamp authority is set up: when it was "
        "signed is known from this system and its log only."
    )


def _points(snapshot: Snapshot) -> Iterator[Section]:
    answers = Answers(snapshot, ASKS)
    applies = (
        "annex_i"
        if any("Annex I." in str(point) for point in snapshot.part("classification").get("annex_points") or ())
        else "annex_iii"
    )
    for point in snapshot.part("law")["points"]:
        point_id = str(point["id"])
        chapter, _, letter = point_id.removeprefix("Annex IV.").partition(".")
        starts = (point.get("applies_from") or {}).get(applies)
        number = f"{chapter}({letter})" if letter else chapter
        yield Section(
            anchor=f"point-{chapter}{f'-{letter}' if letter else ''}",
            number=number,
            title=str(point["title"]),
            level=2 if letter else 1,
            point=point_id,
            requirement=str(point.get("requirement") or ""),
            duty=f"applies from {starts}" if starts and not letter else "",
            paragraphs=answers.under(point_id, number=number),
        )


def _release_record(snapshot: Snapshot) -> Iterator[Section]:
    yield Section(
        "release",
        "R",
        "Release record",
        1,
        requirement="How the system was classified and this version released, as recorded.",
    )
    yield Section("release-classification", "R.1", "Classification", 2, paragraphs=_classification(snapshot))
    yield Section("release-policy", "R.2", "Policy and request", 2, paragraphs=_policy_and_request(snapshot))
    yield Section("release-permit", "R.3", "Serving permit", 2, paragraphs=_permit(snapshot))


def _classification(snapshot: Snapshot) -> tuple[Paragraph, ...]:
    found = snapshot.part("classification")
    owner = snapshot.owner("classification", "owner")
    if not found.get("ai_act_class"):
        return (Paragraph("missing", "The system is not classified under the AI Act.", owner=owner),)
    binds = f" The class binds from {found['applies_from']}." if found.get("applies_from") else ""
    points = f" under {listed(found['annex_points'])}" if found.get("annex_points") else ""
    day = found.get("on_date") or snapshot.part("law")["as_of"]
    text = f"{_class(snapshot, with_points=False)}{points}, by the wording in force on {day}.{binds}"
    table = (record_blocks.trace(found["trace"]),) if found.get("trace") else ()
    by = {kind: (found.get(f"{kind}_by_role"), found.get(f"{kind}_at")) for kind in ("signed", "proposed")}
    paragraphs: list[Paragraph] = []
    role, at = by["signed"] if all(by["signed"]) else by["proposed"]
    if role and at:
        who = Declarant(str(role), str(at)[:10], found.get("log_index"))
        paragraphs.append(Paragraph("declared", text, table, declared_by=who))
    if not all(by["signed"]):
        second = snapshot.owner("classification", "risk_officer")
        paragraphs.append(Paragraph("missing", "The classification is not signed by a second person.", owner=second))
    return tuple(paragraphs)


def _policy_and_request(snapshot: Snapshot) -> tuple[Paragraph, ...]:
    policy, request = snapshot.part("policy"), snapshot.part("request")
    found: list[Paragraph] = []
    if policy.get("name") and policy.get("version"):
        facts = {
            "Policy": f"{policy['name']}, version {policy['version']}",
            "Digest": policy.get("digest") or "not recorded",
            "Published": moment(policy.get("published_at")),
            "Author (role)": words(policy.get("author_role")),
            "Publisher (role)": words(policy.get("publisher_role")),
        }
        source = record_source(policy, "policy version", "Policy version", at_key="published_at")
        found.append(
            Paragraph(
                "measured",
                "The release was decided under this policy.",
                (record_blocks.values("Policy", facts),),
                (source,),
            )
        )
    else:
        found.append(
            Paragraph("missing", "No policy version is recorded.", owner=snapshot.owner("policy", "policy_publisher"))
        )
    if request.get("id"):
        facts = {
            "Request": str(request["id"]),
            "State": words(request.get("state")),
            "Alias": str(request.get("alias") or "not recorded"),
            "Change class": words(request.get("change_class")),
            "Requested": f"{moment(request.get('requested_at'))}, by the {words(request.get('requester_role'))}",
            "Evidence manifest": str(request.get("evidence_manifest") or "not frozen"),
        }
        source = record_source(
            request, "promotion request", "Promotion request", digest_key="evidence_manifest", at_key="requested_at"
        )
        found.append(
            Paragraph(
                "measured",
                "The version was put forward with this request.",
                (record_blocks.values("Request", facts),),
                (source,),
            )
        )
    else:
        found.append(
            Paragraph(
                "missing",
                "No promotion request is recorded for this version.",
                owner=snapshot.owner("request", "engineer"),
            )
        )
    return tuple(found)


def _permit(snapshot: Snapshot) -> tuple[Paragraph, ...]:
    permit = snapshot.part("permit")
    if not permit:
        return (
            Paragraph(
                "missing",
                "No serving permit was issued for this version.",
                owner=snapshot.owner("permit", "risk_officer"),
            ),
        )
    source = record_source(permit, "serving permit", "Serving permit", at_key="issued_at")
    return (
        Paragraph(
            "measured", "The version may be served under this permit.", (record_blocks.permit(permit),), (source,)
        ),
    )


def _appendices(snapshot: Snapshot) -> Iterator[Facts]:
    yield from model_blocks.methods(
        [row for row in snapshot.rows("evidence") if (row.get("payload") or {}).get("method")]
    )
    log = snapshot.part("log")
    if log:
        yield record_blocks.values(
            "Transparency log at the time of this document",
            {
                "Origin": str(log.get("origin") or "not recorded"),
                "Entries": f"{log['size']:,}" if log.get("size") is not None else "not recorded",
                "Root": str(log.get("root") or "not recorded"),
                "Checkpoint": moment(log.get("checkpoint_at")),
            },
        )
    if snapshot.part("environment"):
        yield record_blocks.values("Software that made this document", snapshot.part("environment"))


def _class(snapshot: Snapshot, *, with_points: bool = True) -> str:
    found = snapshot.part("classification")
    name = CLASSES.get(str(found.get("ai_act_class")), "not classified")
    points = found.get("annex_points") or ()
    return f"{name}, {listed(points)}" if with_points and points else sentence_case(name)


def _acts(law: Record) -> str:
    amended = f", as amended by {law['amended_by']}" if law.get("amended_by") else ""
    return f"{law['regulation']}{amended}"


def _register_digest(law: Record) -> str:
    return str(law["version"]).rpartition("sha256:")[2][:12]
