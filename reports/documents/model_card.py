"""The model card of one version: what it is and is for, what was measured of it, who decided, how it is watched."""

from __future__ import annotations

from collections.abc import Callable

from reports.documents import record_answers as answers
from reports.documents import release_record
from reports.documents import use_answers as use
from reports.documents import version_answers as of_version
from reports.documents.content import Paragraph
from reports.documents.kind import Kind
from reports.documents.outline import Part, Wanted, sections
from reports.documents.snapshot import Snapshot
from reports.documents.translation import N_


def data_for(role: str) -> Callable[[Snapshot], list[Paragraph]]:
    """Return an answer with the data sets of one role."""

    def answer(snapshot: Snapshot) -> list[Paragraph]:
        shown = answers.datasets(snapshot)
        return [row for row, data in zip(shown, snapshot.rows("datasets"), strict=True) if data.get("role") == role]

    return answer


def accuracy(snapshot: Snapshot) -> list[Paragraph]:
    """Performance alone; whether scores mean what they say has a section of its own."""
    return answers.performance(snapshot)[:1]


def classification(snapshot: Snapshot) -> list[Paragraph]:
    """The class of the system that the version serves."""
    return list(release_record.classification(snapshot))


PARTS = (
    Part(
        "identification",
        N_("Identification"),
        N_("Which version this card is about, and under which permits it may be served."),
        (
            Wanted(of_version.identity, N_("No model version is recorded."), "engineer"),
            Wanted(of_version.permits, N_("No permit was issued for this version."), "risk_officer"),
            Wanted(of_version.served),
            Wanted(classification),
        ),
    ),
    Part(
        "intended-use",
        N_("Intended use and limits"),
        N_("What the version is for, how its output is to be read, and where it is not to be relied on."),
        (
            Wanted(answers.purpose, N_("The intended purpose is not recorded."), "owner"),
            Wanted(of_version.restrictions),
            Wanted(answers.findings),
        ),
        ("output-interpretation", "unintended-outcomes", "vulnerable-groups", "oversight-measures"),
    ),
    Part(
        "making",
        N_("How it was made"),
        N_("The training run, its parameters and the software that the version was run with."),
        (
            Wanted(answers.training_run, N_("No training run is recorded for this version."), "engineer"),
            Wanted(answers.software, N_("No software versions are recorded for this version."), "engineer"),
        ),
        ("development-methods", "design-rationale"),
    ),
    Part(
        "data",
        N_("Training and evaluation data"),
        N_("The snapshots of data by their digests, and what was found when the evaluation data was examined."),
        (
            Wanted(data_for("training"), N_("No training data is recorded for this version."), "engineer"),
            Wanted(data_for("evaluation"), N_("No evaluation data is recorded for this version."), "engineer"),
            Wanted(answers.data_quality, N_("No data quality evidence is attached."), "engineer"),
        ),
        ("data-provenance",),
    ),
    Part(
        "performance",
        N_("Performance"),
        N_("Figures on the pinned evaluation data, each with its interval and its source."),
        (Wanted(accuracy, N_("No performance evidence is attached."), "engineer"),),
        ("metric-choice",),
    ),
    Part(
        "calibration",
        N_("Calibration"),
        N_("Whether a predicted probability means what it says."),
        (Wanted(answers.calibration, N_("No calibration evidence is attached."), "engineer"),),
    ),
    Part(
        "fairness",
        N_("Fairness"),
        N_("Rates by group. A ratio is a flag for review and not a verdict."),
        (
            Wanted(answers.fairness, N_("Differences between groups are not measured."), "engineer"),
            Wanted(answers.group_accuracy),
        ),
    ),
    Part(
        "explainability",
        N_("Explainability"),
        N_("Which features make up the output. An explanation describes the model, not a person."),
        (Wanted(answers.explanation, N_("No explanation evidence is attached."), "engineer"),),
    ),
    Part(
        "robustness",
        N_("Robustness"),
        N_("What changes of the input do to the output."),
        (Wanted(answers.robustness, N_("No robustness evidence is attached."), "engineer"),),
    ),
    Part(
        "decisions",
        N_("Decisions"),
        N_("What was asked for this version, what the policy said, and who decided."),
        (
            Wanted(of_version.requests, N_("No promotion of this version was asked for."), "engineer"),
            Wanted(answers.checks, N_("No check of a policy was evaluated for this version."), "validator"),
            Wanted(answers.human_reviews),
            Wanted(answers.approvals, N_("No decision on this version is recorded."), "risk_officer"),
            Wanted(of_version.waivers),
            Wanted(of_version.opinion, N_("No signed validation of this version is recorded."), "validator"),
        ),
    ),
    Part(
        "monitoring",
        N_("Monitoring"),
        N_("What was seen of this version's own traffic since it is in use."),
        (
            Wanted(use.monitor, N_("No monitor is set up for the model."), "owner"),
            Wanted(use.monitored_windows, N_("No window of this version in use has been evaluated."), "owner"),
        ),
    ),
)

KIND = Kind(
    id="model-card",
    title=N_("Model card"),
    subtitle=N_("One model version"),
    outline="",
    duty="both",
    caveat=N_("Neither a validation nor a declaration of conformity."),
    before=sections(PARTS),
    counted=False,
)
