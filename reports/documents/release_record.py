"""How a system was classified and its version released: sections that stand behind the points of Annex IV."""

from __future__ import annotations

from collections.abc import Iterator

from reports.documents import record_blocks
from reports.documents.content import Declarant, Paragraph, Section
from reports.documents.snapshot import Record, Snapshot, record_source
from reports.documents.translation import N_, _
from reports.documents.wording import listed, moment, sentence_case, words

CLASSES = {
    "prohibited": N_("Prohibited practice"),
    "high": N_("High-risk"),
    "limited": N_("Transparency duties"),
    "minimal": N_("Minimal risk"),
    "out_of_scope": N_("Out of scope"),
}


def sections(snapshot: Snapshot) -> Iterator[Section]:
    """Yield the release record."""
    yield Section(
        "release",
        "R",
        _("Release record"),
        1,
        requirement=_("How the system was classified and this version released, as recorded."),
    )
    yield Section("release-classification", "R.1", _("Classification"), 2, paragraphs=classification(snapshot))
    yield Section("release-policy", "R.2", _("Policy and request"), 2, paragraphs=_policy_and_request(snapshot))
    yield Section("release-permit", "R.3", _("Serving permit"), 2, paragraphs=_permit(snapshot))


def classification(snapshot: Snapshot) -> tuple[Paragraph, ...]:
    """Return how the system is classified, by whom, and what is missing of it."""
    found = snapshot.part("classification")
    owner = snapshot.owner("classification", "owner")
    if not found.get("ai_act_class"):
        return (Paragraph("missing", _("The system is not classified under the AI Act."), owner=owner),)
    binds = (
        " " + _("The class binds from {applies_from}.").format(applies_from=found["applies_from"])
        if found.get("applies_from")
        else ""
    )
    said = {
        "class_": class_of(snapshot, with_points=False),
        "day": found.get("on_date") or snapshot.part("law")["as_of"],
    }
    if found.get("annex_points"):
        points = listed(found["annex_points"])
        text = _("{class_} under {points}, by the wording in force on {day}.").format(points=points, **said) + binds
    else:
        text = _("{class_}, by the wording in force on {day}.").format(**said) + binds
    table = (record_blocks.trace(found["trace"]),) if found.get("trace") else ()
    by = {kind: (found.get(f"{kind}_by_role"), found.get(f"{kind}_at")) for kind in ("signed", "proposed")}
    paragraphs: list[Paragraph] = []
    role, at = by["signed"] if all(by["signed"]) else by["proposed"]
    if role and at:
        who = Declarant(str(role), str(at)[:10], found.get("log_index"))
        paragraphs.append(Paragraph("declared", text, table, declared_by=who))
    if not all(by["signed"]):
        second = snapshot.owner("classification", "risk_officer")
        paragraphs.append(Paragraph("missing", _("The classification is not signed by a second person."), owner=second))
    return tuple(paragraphs)


def _policy_and_request(snapshot: Snapshot) -> tuple[Paragraph, ...]:
    policy, request = snapshot.part("policy"), snapshot.part("request")
    found: list[Paragraph] = []
    if policy.get("name") and policy.get("version"):
        facts = {
            _("Policy"): _("{name}, version {version}").format(name=policy["name"], version=policy["version"]),
            _("Digest"): policy.get("digest") or _("not recorded"),
            _("Published"): moment(policy.get("published_at")),
            _("Author (role)"): words(policy.get("author_role")),
            _("Publisher (role)"): words(policy.get("publisher_role")),
        }
        source = record_source(policy, _("policy version"), _("Policy version"), at_key="published_at")
        found.append(
            Paragraph(
                "measured",
                _("The release was decided under this policy."),
                (record_blocks.values(_("Policy"), facts),),
                (source,),
            )
        )
    else:
        found.append(
            Paragraph(
                "missing", _("No policy version is recorded."), owner=snapshot.owner("policy", "policy_publisher")
            )
        )
    if request.get("id"):
        facts = {
            _("Request"): str(request["id"]),
            _("State"): words(request.get("state")),
            _("Alias"): str(request.get("alias") or _("not recorded")),
            _("Change class"): words(request.get("change_class")),
            _("Requested"): _("{requested_at}, by the {requester_role}").format(
                requested_at=moment(request.get("requested_at")), requester_role=words(request.get("requester_role"))
            ),
            _("Evidence manifest"): str(request.get("evidence_manifest") or _("not frozen")),
        }
        source = record_source(
            request,
            _("promotion request"),
            _("Promotion request"),
            digest_key="evidence_manifest",
            at_key="requested_at",
        )
        found.append(
            Paragraph(
                "measured",
                _("The version was put forward with this request."),
                (record_blocks.values(_("Request"), facts),),
                (source,),
            )
        )
    else:
        found.append(
            Paragraph(
                "missing",
                _("No promotion request is recorded for this version."),
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
                _("No serving permit was issued for this version."),
                owner=snapshot.owner("permit", "risk_officer"),
            ),
        )
    source = record_source(permit, _("serving permit"), _("Serving permit"), at_key="issued_at")
    return (
        Paragraph(
            "measured", _("The version may be served under this permit."), (record_blocks.permit(permit),), (source,)
        ),
    )


def class_of(snapshot: Snapshot, *, with_points: bool = True) -> str:
    """Return the class of the system in words."""
    found = snapshot.part("classification")
    name = _(CLASSES.get(str(found.get("ai_act_class")), N_("not classified")))
    points = found.get("annex_points") or ()
    return f"{name}, {listed(points)}" if with_points and points else sentence_case(name)


def acts(law: Record) -> str:
    """Return the Act as the law part names it, with the act that amended it."""
    if law.get("amended_by"):
        return _("{regulation}, as amended by {amended_by}").format(
            regulation=law["regulation"], amended_by=law["amended_by"]
        )
    return str(law["regulation"])
