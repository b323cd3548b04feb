"""How a system was classified and its version released: sections that stand behind the points of Annex IV."""

from __future__ import annotations

from collections.abc import Iterator

from reports.documents import record_blocks
from reports.documents.content import Declarant, Paragraph, Section
from reports.documents.snapshot import Record, Snapshot, record_source
from reports.documents.wording import listed, moment, sentence_case, words

CLASSES = {
    "prohibited": "Prohibited practice",
    "high": "High-risk",
    "limited": "Transparency duties",
    "minimal": "Minimal risk",
    "out_of_scope": "Out of scope",
}


def sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yield the release record."""
    yield Section(
        "release",
        "R",
        "Release record",
        1,
        requirement="How the system was classified and this version released, as recorded.",
    )
    yield Section("release-classification", "R.1", "Classification", 2, paragraphs=classification(snapshot))
    yield Section("release-policy", "R.2", "Policy and request", 2, paragraphs=_policy_and_request(snapshot))
    yield Section("release-permit", "R.3", "Serving permit", 2, paragraphs=_permit(snapshot))


def classification(snapshot: Snapshot) -> tuple[Paragraph, ...]:
    """Return how the system is classified, by whom, and what is missing of it."""
    found = snapshot.part("classification")
    owner = snapshot.owner("classification", "owner")
    if not found.get("ai_act_class"):
        return (Paragraph("missing", "The system is not classified under the AI Act.", owner=owner),)
    binds = f" The class binds from {found['applies_from']}." if found.get("applies_from") else ""
    points = f" under {listed(found['annex_points'])}" if found.get("annex_points") else ""
    day = found.get("on_date") or snapshot.part("law")["as_of"]
    text = f"{class_of(snapshot, with_points=False)}{points}, by the wording in force on {day}.{binds}"
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


def class_of(snapshot: Snapshot, *, with_points: bool = True) -> str:
    """Return the class of the system in words."""
    found = snapshot.part("classification")
    name = CLASSES.get(str(found.get("ai_act_class")), "not classified")
    points = found.get("annex_points") or ()
    return f"{name}, {listed(points)}" if with_points and points else sentence_case(name)


def acts(law: Record) -> str:
    """Return the Act as the law part names it, with the act that amended it."""
    amended = f", as amended by {law['amended_by']}" if law.get("amended_by") else ""
    return f"{law['regulation']}{amended}"
