"""The instructions for use that a provider gives to deployers, Article 13(3)."""

from __future__ import annotations

from reports.documents import record_answers as answers
from reports.documents import third_parties
from reports.documents.asks import Ask
from reports.documents.kind import Kind

KIND = Kind(
    id="instructions",
    title="Instructions for use",
    subtitle="Supports Article 13(3) of Regulation (EU) 2024/1689",
    outline="Article 13",
    duty="provider",
    groups=("Art 13.3",),
    stem="Art 13.",
    asks=(
        Ask("Art 13.3.b", answers.version, "No model version is recorded.", "engineer"),
        Ask("Art 13.3.b.i", answers.purpose, "The intended purpose is not recorded.", "owner"),
        Ask("Art 13.3.b.ii", answers.performance, "No performance evidence is attached.", "engineer"),
        Ask("Art 13.3.b.ii", answers.robustness, "No robustness evidence is attached.", "engineer"),
        Ask("Art 13.3.b.iii", answers.findings),
        Ask("Art 13.3.b.iii", third_parties.known_of_bases),
        Ask("Art 13.3.b.iv", answers.explanation, "No explanation evidence is attached.", "engineer"),
        Ask(
            "Art 13.3.b.v", answers.fairness, "Performance for specific persons or groups is not measured.", "engineer"
        ),
        Ask("Art 13.3.b.v", answers.group_accuracy),
        Ask(
            "Art 13.3.b.vi", answers.input_specification, "The model was logged without an input signature.", "engineer"
        ),
        Ask("Art 13.3.b.vi", answers.datasets, "No data set is recorded.", "engineer"),
        Ask("Art 13.3.b.vi", answers.data_quality, "No data quality evidence is attached.", "engineer"),
        Ask("Art 13.3.b.vii", answers.expected_output, "The model was logged without an output signature.", "engineer"),
        Ask("Art 13.3.c", answers.standing_approvals, settles="predetermined-changes"),
        Ask("Art 13.3.e", answers.software),
    ),
)
