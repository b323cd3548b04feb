"""The review pack of one promotion request: all that those who decide are asked to weigh, on the day it was made.

Nobody regulates its form, so the sections are Placet's own, in the order of the review page: what is asked, what would
change, the evidence, what speaks against it, who has decided and who still has to.
"""

from __future__ import annotations

from collections.abc import Sequence

from reports.documents import record_answers as answers
from reports.documents import record_blocks
from reports.documents import version_answers as of_version
from reports.documents.content import Cell, Column, Facts, Paragraph, Table
from reports.documents.kind import Kind
from reports.documents.outline import Part, Wanted, sections
from reports.documents.snapshot import Record, Snapshot, record_source
from reports.documents.translation import N_, _
from reports.documents.wording import DASH, integer, known, listed, moment, spelled, words

_NO_REQUEST = N_("No promotion request is recorded.")


def asked(snapshot: Snapshot) -> list[Paragraph]:
    """Which version asks for which alias, under which restrictions, and until when people should have decided."""
    request, review = snapshot.part("request"), snapshot.part("review")
    if not review.get("id"):
        return []
    model = snapshot.part("model")
    facts = (
        (_("Request"), str(review.get("reference"))),
        (_("Asks for"), _("alias {alias}").format(alias=request.get("alias"))),
        (_("State"), words(request.get("state"))),
        (_("Change, as stated"), words(request.get("change_class"))),
        (
            _("Asked"),
            _("{requested_at}, by the {requester_role}").format(
                requested_at=moment(request.get("requested_at")), requester_role=words(request.get("requester_role"))
            ),
        ),
        (_("In answer to"), str(review.get("in_answer_to") or _("nothing"))),
        (_("Restrictions of use"), listed(review.get("use_restrictions") or (), empty=_("none stated"))),
        (_("To be decided by"), moment(review["due_at"]) if review.get("due_at") else _("no review is open")),
        (_("Verdict of the policy"), known(str(request.get("verdict") or _("not evaluated")))),
        (_("Evidence manifest"), str(request.get("evidence_manifest") or _("not frozen: evidence is still collected"))),
    )
    text = _("{name} version {version} asks for the alias {alias}.").format(
        name=model.get("name"), version=model.get("version"), alias=request.get("alias")
    )
    return [answers.measured(text, review, _("promotion request"), Facts(_("The request"), facts))]


def would_change(snapshot: Snapshot) -> list[Paragraph]:
    """What serves behind the alias now, which an approval would take away."""
    review = snapshot.part("review")
    if not review.get("id"):
        return []
    serving = review.get("serving")
    if not serving:
        return [
            answers.measured(_("Nothing serves behind the alias by an act of Placet."), review, _("promotion request"))
        ]
    which = _("This version") if serving.get("same") else _("Version {version}").format(version=serving.get("version"))
    digest = serving.get("artifact_digest") or _("not recorded")
    since = moment(serving.get("from"))
    text = _("{which} serves behind the alias {alias} since {since}, with the artifact digest {digest}.").format(
        which=which, alias=serving.get("alias"), since=since, digest=digest
    )
    return [answers.measured(text, serving, _("alias record"), digest_key="artifact_digest", at_key="from")]


def decided(snapshot: Snapshot) -> list[Paragraph]:
    """Every decision on the request, in all its rounds; that there is none is no gap while people still decide."""
    if rows := answers.approvals(snapshot):
        return rows
    review = snapshot.part("review")
    return [answers.measured(_("Nobody has decided yet."), review, _("promotion request"))] if review.get("id") else []


def stages(snapshot: Snapshot) -> list[Paragraph]:
    """Who signs, in order, and how many signatures of this round are given."""
    review = snapshot.part("review")
    rows: Sequence[Record] = review.get("stages") or ()
    if not review.get("id"):
        return []
    if not rows:
        return [
            answers.measured(_("The policy has no stage: passing checks are all that it asks."), review, _("request"))
        ]
    table = Table(
        _("Stages, in order"),
        (
            Column(_("Stage")),
            Column(_("Roles")),
            Column(_("Asks also for")),
            Column(_("Signatures asked"), numeric=True),
            Column(_("Given"), numeric=True),
        ),
        tuple(
            (
                Cell(spelled(row.get("name")).capitalize()),
                Cell(listed(words(role) for role in row.get("roles") or ())),
                Cell(words(row["requires"]) if row.get("requires") else DASH),
                Cell(integer(row.get("quorum"))),
                Cell(
                    integer(row.get("signed")),
                    tone="good" if row.get("signed", 0) >= row.get("quorum", 0) else "warn",
                ),
            )
            for row in rows
        ),
    )
    return [
        answers.measured(_("Who has to sign, and who has signed in this round."), review, _("promotion request"), table)
    ]


def kept_out(snapshot: Snapshot) -> list[Paragraph]:
    """Who may not sign, by role and reason."""
    review = snapshot.part("review")
    rows: Sequence[Record] = review.get("excluded") or ()
    if not rows:
        return []
    table = Table(
        _("Who may not sign"),
        (Column(_("Role")), Column(_("Why"))),
        tuple((Cell(words(row.get("role"))), Cell(listed(map(words, row.get("reasons") or ())))) for row in rows),
        note=_("One row is one person."),
    )
    text = _("Those who had a part in the version can't decide on it: the database refuses their signature.")
    return [answers.measured(text, review, _("promotion request"), table)]


def discussed(snapshot: Snapshot) -> list[Paragraph]:
    """Who commented when. Words stand on the request's page alone, where they can be erased."""
    review = snapshot.part("review")
    rows: Sequence[Record] = review.get("comments") or ()
    if not review.get("id"):
        return []
    if not rows:
        return [answers.measured(_("Nobody commented on the request."), review, _("promotion request"))]
    table = Table(
        _("Comments"),
        (Column(_("Roles")), Column(_("Written")), of_version.log_column()),
        tuple(
            (
                Cell(listed(map(words, row.get("roles") or ()))),
                Cell(moment(row.get("at"))),
                record_blocks.index_cell(row),
            )
            for row in rows
        ),
        note=_("What was written stands on the page of the request, from where it can be erased; a document stays."),
    )
    sources = tuple(record_source(row, _("comment"), _("Comment")) for row in rows)
    return [Paragraph("measured", _("Who commented on the request."), (table,), sources)]


PARTS = (
    Part(
        "asked",
        N_("What is asked"),
        N_("Which version, for which alias and purpose, and where the request stands."),
        (
            Wanted(asked, _NO_REQUEST, "engineer"),
            Wanted(answers.purpose, N_("The intended purpose is not recorded."), "owner"),
        ),
    ),
    Part(
        "change",
        N_("What would change"),
        N_("What serves now, and what the version is made of."),
        (
            Wanted(would_change, _NO_REQUEST, "engineer"),
            Wanted(of_version.identity, N_("No model version is recorded."), "engineer"),
            Wanted(answers.training_run, N_("No training run is recorded."), "engineer"),
        ),
    ),
    Part(
        "checks",
        N_("Policy and checks"),
        N_("Limits that were published before the request, and what was measured against each."),
        (
            Wanted(of_version.policy, N_("No policy version is recorded."), "policy_publisher"),
            Wanted(answers.checks, N_("No check of the policy was evaluated yet."), "engineer"),
            Wanted(of_version.waivers),
            Wanted(of_version.criteria),
        ),
    ),
    Part(
        "evidence",
        N_("Evidence"),
        N_("What was measured of the version, with uncertainty."),
        (
            Wanted(answers.performance, N_("No performance evidence is attached."), "engineer"),
            Wanted(answers.calibration),
            Wanted(answers.fairness, N_("No fairness evidence is attached."), "engineer"),
            Wanted(answers.explanation, N_("No explanation of what drives the output is attached."), "engineer"),
            Wanted(answers.robustness),
            Wanted(answers.data_quality),
            Wanted(of_version.evidence),
        ),
    ),
    Part(
        "against",
        N_("What speaks against it"),
        N_("Validation, findings and human reviews."),
        (
            Wanted(
                of_version.opinion, N_("No signed opinion of a validator on this version is recorded."), "validator"
            ),
            Wanted(of_version.tests),
            Wanted(answers.findings),
            Wanted(answers.human_reviews),
        ),
    ),
    Part(
        "decisions",
        N_("Decisions"),
        N_("Who decided, who still has to, and who may not."),
        (
            Wanted(decided, _NO_REQUEST, "engineer"),
            Wanted(stages),
            Wanted(kept_out),
            Wanted(of_version.restrictions),
            Wanted(of_version.permits),
        ),
    ),
    Part(
        "discussion",
        N_("Discussion"),
        N_("Who said something about the request."),
        (Wanted(discussed, _NO_REQUEST, "engineer"),),
    ),
)

KIND = Kind(
    id="review-pack",
    title=N_("Review pack"),
    subtitle=N_("One promotion request, for those who decide on it"),
    outline="",
    duty="both",
    caveat=N_("It decides nothing: decisions are signed in Placet and stand in the log."),
    before=sections(PARTS),
    counted=False,
)
