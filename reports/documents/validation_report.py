"""The validation report of one version, for people in model risk: criteria, work, challenge, outcome and its limits.

It is organised by what model risk guidance asks of a validation (SR 26-2 and its predecessor SR 11-7): independence,
effective challenge, outcome, limits and follow-up. The guidance numbers no points, so the sections are Placet's own.
"""

from __future__ import annotations

from typing import Any

from reports.documents import record_answers as answers
from reports.documents import record_blocks
from reports.documents import version_answers as of_version
from reports.documents.content import Cell, Column, Paragraph, Source, Table
from reports.documents.kind import Kind
from reports.documents.outline import Part, Wanted, sections
from reports.documents.snapshot import Snapshot, record_source
from reports.documents.translation import N_, _
from reports.documents.wording import moment, words

_NONE = N_("No validation of this version is recorded.")


def identity(snapshot: Snapshot) -> list[Paragraph]:
    """Which validation it is, of what occasion, and where it stands."""
    found = snapshot.part("validation")
    if not found.get("id"):
        return []
    facts = {
        _("Validation"): str(found.get("number")),
        _("Occasion"): words(found.get("occasion")),
        _("Validator (role)"): words(found.get("validator_role")),
        _("Opened"): moment(found.get("opened_at")),
        _("Work begun"): moment(found.get("begun_at")),
        _("State"): words(found.get("state")),
        _("Settled"): moment(found.get("settled_at")),
        _("Uploaded report"): str(found.get("report_digest") or _("none")),
    }
    text = _("The validation that this report states.")
    return [
        answers.measured(text, found, _("validation"), record_blocks.values(_("Validation"), facts), at_key="opened_at")
    ]


def plan(snapshot: Snapshot) -> list[Paragraph]:
    """Scope, methods and what was left out, as planned before the work."""
    return of_version.said(
        snapshot, "plan", ("scope", _("Scope")), ("methods", _("Methods")), ("out_of_scope", _("Left out, and why"))
    )


def independence(snapshot: Snapshot) -> list[Paragraph]:
    """The validator's declaration, and that Placet looked for a part in the work."""
    declared = of_version.said(
        snapshot, "independence", ("reporting_line", _("Reporting line")), ("conflicts", _("Conflicts of interest"))
    )
    if not declared:
        return []
    text = _(
        "Who trained the version, asked for it, made its evidence or owns the system can't validate it: "
        "this was refused by rule when the work began and when it was signed."
    )
    return [*declared, *of_version.of_validation(snapshot, text)]


def summary(snapshot: Snapshot) -> list[Paragraph]:
    """What the validator found."""
    return of_version.said(snapshot, "report", ("summary", _("What was found")))


def limitations(snapshot: Snapshot) -> list[Paragraph]:
    """Where the validator says that the opinion does not reach."""
    return of_version.said(snapshot, "report", ("limitations", _("Limitations")))


def validity(snapshot: Snapshot) -> list[Paragraph]:
    """Until when the permit lets the version be served."""
    found = snapshot.part("permit")
    if not found.get("expires_at"):
        return []
    text = _("The version may be served until {expires_at}; a changed byte voids that.").format(
        expires_at=moment(found["expires_at"])
    )
    return [answers.measured(text, found, _("serving permit"), at_key="issued_at")]


def evaluated_on(snapshot: Snapshot) -> list[Paragraph]:
    """The population that the figures are about: the evaluation data."""
    found = snapshot.dataset("evaluation")
    if found is None:
        return []
    text = _(
        "Figures are about the {rows} rows of the evaluation data with digest {digest}, and say nothing of "
        "people whom these do not represent."
    ).format(rows=found.get("rows"), digest=found.get("digest"))
    return [answers.measured(text, found, _("data set record"), at_key="recorded_at")]


def conditions(snapshot: Snapshot) -> list[Paragraph]:
    """What a signed opinion depends on; nothing can be said of it before."""
    found = snapshot.part("validation")
    if found.get("state") != "signed":
        return []
    if found.get("opinion") != "fit_with_conditions":
        return of_version.of_validation(snapshot, _("The signed opinion names no condition."))
    done = _("The conditions of the opinion were its findings; none of them is open.")
    return of_version.open_conditions(snapshot) or of_version.of_validation(snapshot, done)


def signatories(snapshot: Snapshot) -> list[Paragraph]:
    """Who signed what, by role."""
    found = snapshot.part("validation")
    rows: list[tuple[Any, str, Any, str, Any]] = []
    sources: list[Source] = []
    if found.get("state") == "signed":
        opinion = of_version.opinion_of(found)
        rows.append(
            (found.get("settled_at"), _("Validation"), found.get("validator_role"), opinion, found.get("log_index"))
        )
        sources.append(record_source(found, _("validation"), _("Validation"), at_key="settled_at"))
    for row in snapshot.rows("approvals"):
        rows.append((row.get("at"), _("Decision, {stage}").format(stage=words(row.get('stage'))), row.get("role"),
                     words(row.get("verdict")), row.get("log_index")))  # fmt: skip
        sources.append(record_source(row, _("decision"), _("Signed decision"), digest_key="statement_digest"))
    if not rows:
        return []
    table = Table(
        _("Signatories by role"),
        (
            Column(_("Signed"), width=24),
            Column(_("What")),
            Column(_("Role")),
            Column(_("Said")),
            of_version.log_column(),
        ),
        tuple(
            (
                Cell(moment(at)),
                Cell(what),
                Cell(words(role)),
                Cell(said),
                record_blocks.index_cell({"log_index": index}),
            )
            for at, what, role, said, index in sorted(rows, key=lambda row: str(row[0] or ""))
        ),
        note=_("People appear by role; the log entry holds the pseudonym and what was signed."),
    )
    return [Paragraph("measured", _("Who signed, in which role."), (table,), tuple(sources))]


PARTS = (
    Part(
        "scope",
        N_("Scope"),
        N_("Which version was validated, for what purpose, and what the validator planned before the work."),
        (
            Wanted(identity, _NONE, "validator"),
            Wanted(of_version.identity, N_("No model version is recorded."), "engineer"),
            Wanted(answers.purpose, N_("The intended purpose is not recorded."), "owner"),
            Wanted(plan, N_("No plan of a validation is recorded."), "validator"),
        ),
    ),
    Part(
        "criteria",
        N_("Criteria fixed before"),
        N_("What counts as success and which limits hold, and when each was fixed."),
        (
            Wanted(of_version.criteria, N_("No success criteria are signed for the system."), "validator"),
            Wanted(of_version.policy, N_("No policy version is recorded."), "policy_publisher"),
        ),
        ("metric-choice",),
    ),
    Part(
        "independence",
        N_("Independence"),
        N_("What the validator declares of their own position, and what the rules of the log keep apart."),
        (Wanted(independence, N_("No declaration of independence is recorded."), "validator"),),
    ),
    Part(
        "checks",
        N_("Checks"),
        N_("Each check of the policy with value, interval, limit and outcome."),
        (
            Wanted(answers.checks, N_("No check of a policy was evaluated for this version."), "validator"),
            Wanted(of_version.waivers),
        ),
    ),
    Part(
        "challenge",
        N_("Effective challenge"),
        N_("What was set against the model and against the people who want it: tests, challengers, reviews, refusals."),
        (
            Wanted(of_version.tests, N_("No test of a validator's own is recorded."), "validator"),
            Wanted(answers.human_reviews),
            Wanted(of_version.requests, N_("No promotion of this version was asked for."), "engineer"),
        ),
    ),
    Part(
        "findings",
        N_("Findings"),
        N_("Each with its severity, whose it is, when it is due and whether it is closed."),
        (
            Wanted(
                of_version.findings_raised, N_("No finding of a validation is recorded for this version."), "validator"
            ),
            Wanted(of_version.other_findings),
        ),
    ),
    Part(
        "outcome",
        N_("Outcome"),
        N_("What the validator concludes, and what was found."),
        (
            Wanted(of_version.opinion, N_("No signed opinion on this version is recorded."), "validator"),
            Wanted(summary, N_("What was found is not written down."), "validator"),
            Wanted(answers.overall_accuracy, N_("No performance evidence is attached."), "engineer"),
        ),
    ),
    Part(
        "evidence",
        N_("The evidence it rests on"),
        N_("Every evidence about this version, by digest and place in the log."),
        (Wanted(of_version.evidence, N_("No evidence about this version is attached."), "engineer"),),
    ),
    Part(
        "validity",
        N_("Limits of validity"),
        N_("Where and until when the outcome can be relied on."),
        (
            Wanted(limitations, N_("The limits of the validation are not written down."), "validator"),
            Wanted(evaluated_on, N_("No evaluation data is recorded for this version."), "engineer"),
            Wanted(validity, N_("No permit limits how long this version may be served."), "risk_officer"),
            Wanted(of_version.restrictions),
        ),
        ("unintended-outcomes",),
    ),
    Part(
        "conditions",
        N_("Conditions"),
        N_("What has to be done for the outcome to hold."),
        (Wanted(conditions, N_("Whether conditions are met can't be said before an opinion is signed."), "validator"),),
    ),
    Part(
        "signatories",
        N_("Signatories"),
        N_("Who signed the validation and the decisions, by role."),
        (Wanted(signatories, N_("Nobody has signed a validation of or a decision on this version."), "validator"),),
    ),
)

KIND = Kind(
    id="validation-report",
    title=N_("Validation report"),
    subtitle=N_("One model version; organised as model risk guidance (SR 26-2) asks of a validation"),
    outline="",
    duty="both",
    caveat=N_(
        "It states what was recorded of a validation; the validator's signature is in the log, not under this page."
    ),
    before=sections(PARTS),
    counted=False,
)
