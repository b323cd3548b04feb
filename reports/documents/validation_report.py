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
from reports.documents.wording import moment, words

_NONE = "No validation of this version is recorded."


def identity(snapshot: Snapshot) -> list[Paragraph]:
    """Which validation it is, of what occasion, and where it stands."""
    found = snapshot.part("validation")
    if not found.get("id"):
        return []
    facts = {
        "Validation": str(found.get("number")),
        "Occasion": words(found.get("occasion")),
        "Validator (role)": words(found.get("validator_role")),
        "Opened": moment(found.get("opened_at")),
        "Work begun": moment(found.get("begun_at")),
        "State": words(found.get("state")),
        "Settled": moment(found.get("settled_at")),
        "Uploaded report": str(found.get("report_digest") or "none"),
    }
    text = "The validation that this report states."
    return [answers.measured(text, found, "validation", record_blocks.values("Validation", facts), at_key="opened_at")]


def plan(snapshot: Snapshot) -> list[Paragraph]:
    """Scope, methods and what was left out, as planned before the work."""
    return of_version.said(
        snapshot, "plan", ("scope", "Scope"), ("methods", "Methods"), ("out_of_scope", "Left out, and why")
    )


def independence(snapshot: Snapshot) -> list[Paragraph]:
    """The validator's declaration, and that Placet looked for a part in the work."""
    declared = of_version.said(
        snapshot, "independence", ("reporting_line", "Reporting line"), ("conflicts", "Conflicts of interest")
    )
    if not declared:
        return []
    text = (
        "Who trained the version, asked for it, made its evidence or owns the system can't validate it: this was "
        "refused by rule when the work began and when it was signed."
    )
    return [*declared, *of_version.of_validation(snapshot, text)]


def summary(snapshot: Snapshot) -> list[Paragraph]:
    """What the validator found."""
    return of_version.said(snapshot, "report", ("summary", "What was found"))


def limitations(snapshot: Snapshot) -> list[Paragraph]:
    """Where the validator says that the opinion does not reach."""
    return of_version.said(snapshot, "report", ("limitations", "Limitations"))


def validity(snapshot: Snapshot) -> list[Paragraph]:
    """Until when the permit lets the version be served."""
    found = snapshot.part("permit")
    if not found.get("expires_at"):
        return []
    text = f"The version may be served until {moment(found['expires_at'])}; a changed byte voids that."
    return [answers.measured(text, found, "serving permit", at_key="issued_at")]


def evaluated_on(snapshot: Snapshot) -> list[Paragraph]:
    """The population that the figures are about: the evaluation data."""
    found = snapshot.dataset("evaluation")
    if found is None:
        return []
    text = (
        f"Figures are about the {found.get('rows')} rows of the evaluation data with digest {found.get('digest')}, "
        "and say nothing of people whom these do not represent."
    )
    return [answers.measured(text, found, "data set record", at_key="recorded_at")]


def conditions(snapshot: Snapshot) -> list[Paragraph]:
    """What a signed opinion depends on; nothing can be said of it before."""
    found = snapshot.part("validation")
    if found.get("state") != "signed":
        return []
    if found.get("opinion") != "fit_with_conditions":
        return of_version.of_validation(snapshot, "The signed opinion names no condition.")
    done = "The conditions of the opinion were its findings; none of them is open."
    return of_version.open_conditions(snapshot) or of_version.of_validation(snapshot, done)


def signatories(snapshot: Snapshot) -> list[Paragraph]:
    """Who signed what, by role."""
    found = snapshot.part("validation")
    rows: list[tuple[Any, str, Any, str, Any]] = []
    sources: list[Source] = []
    if found.get("state") == "signed":
        opinion = of_version.OPINIONS.get(str(found.get("opinion")), words(found.get("opinion")))
        rows.append(
            (found.get("settled_at"), "Validation", found.get("validator_role"), opinion, found.get("log_index"))
        )
        sources.append(record_source(found, "validation", "Validation", at_key="settled_at"))
    for row in snapshot.rows("approvals"):
        rows.append((row.get("at"), f"Decision, {words(row.get('stage'))}", row.get("role"),
                     words(row.get("verdict")), row.get("log_index")))  # fmt: skip
        sources.append(record_source(row, "decision", "Signed decision", digest_key="statement_digest"))
    if not rows:
        return []
    table = Table(
        "Signatories by role",
        (Column("Signed", width=24), Column("What"), Column("Role"), Column("Said"), of_version.LOG),
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
        note="People appear by role; the log entry holds the pseudonym and what was signed.",
    )
    return [Paragraph("measured", "Who signed, in which role.", (table,), tuple(sources))]


PARTS = (
    Part(
        "scope",
        "Scope",
        "Which version was validated, for what purpose, and what the validator planned before the work.",
        (
            Wanted(identity, _NONE, "validator"),
            Wanted(of_version.identity, "No model version is recorded.", "engineer"),
            Wanted(answers.purpose, "The intended purpose is not recorded.", "owner"),
            Wanted(plan, "No plan of a validation is recorded.", "validator"),
        ),
    ),
    Part(
        "criteria",
        "Criteria fixed before",
        "What counts as success and which limits hold, and when each was fixed.",
        (
            Wanted(of_version.criteria, "No success criteria are signed for the system.", "validator"),
            Wanted(of_version.policy, "No policy version is recorded.", "policy_publisher"),
        ),
        ("metric-choice",),
    ),
    Part(
        "independence",
        "Independence",
        "What the validator declares of their own position, and what the rules of the log keep apart.",
        (Wanted(independence, "No declaration of independence is recorded.", "validator"),),
    ),
    Part(
        "checks",
        "Checks",
        "Each check of the policy with value, interval, limit and outcome.",
        (
            Wanted(answers.checks, "No check of a policy was evaluated for this version.", "validator"),
            Wanted(of_version.waivers),
        ),
    ),
    Part(
        "challenge",
        "Effective challenge",
        "What was set against the model and against the people who want it: tests, challengers, reviews, refusals.",
        (
            Wanted(of_version.tests, "No test of a validator's own is recorded.", "validator"),
            Wanted(answers.human_reviews),
            Wanted(of_version.requests, "No promotion of this version was asked for.", "engineer"),
        ),
    ),
    Part(
        "findings",
        "Findings",
        "Each with its severity, whose it is, when it is due and whether it is closed.",
        (
            Wanted(of_version.findings_raised, "No finding of a validation is recorded for this version.", "validator"),
            Wanted(of_version.other_findings),
        ),
    ),
    Part(
        "outcome",
        "Outcome",
        "What the validator concludes, and what was found.",
        (
            Wanted(of_version.opinion, "No signed opinion on this version is recorded.", "validator"),
            Wanted(summary, "What was found is not written down.", "validator"),
            Wanted(answers.overall_accuracy, "No performance evidence is attached.", "engineer"),
        ),
    ),
    Part(
        "evidence",
        "The evidence it rests on",
        "Every evidence about this version, by digest and place in the log.",
        (Wanted(of_version.evidence, "No evidence about this version is attached.", "engineer"),),
    ),
    Part(
        "validity",
        "Limits of validity",
        "Where and until when the outcome can be relied on.",
        (
            Wanted(limitations, "The limits of the validation are not written down.", "validator"),
            Wanted(evaluated_on, "No evaluation data is recorded for this version.", "engineer"),
            Wanted(validity, "No permit limits how long this version may be served.", "risk_officer"),
            Wanted(of_version.restrictions),
        ),
        ("unintended-outcomes",),
    ),
    Part(
        "conditions",
        "Conditions",
        "What has to be done for the outcome to hold.",
        (Wanted(conditions, "Whether conditions are met can't be said before an opinion is signed.", "validator"),),
    ),
    Part(
        "signatories",
        "Signatories",
        "Who signed the validation and the decisions, by role.",
        (Wanted(signatories, "Nobody has signed a validation of or a decision on this version.", "validator"),),
    ),
)

KIND = Kind(
    id="validation-report",
    title="Validation report",
    subtitle="One model version; organised as model risk guidance (SR 26-2) asks of a validation",
    outline="",
    duty="both",
    caveat="It states what was recorded of a validation; the validator's signature is in the log, not under this page.",
    before=sections(PARTS),
    counted=False,
)
