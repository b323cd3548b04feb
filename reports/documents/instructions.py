"""The instructions for use that a provider gives to deployers, Article 13(3)."""

from __future__ import annotations

from reports.documents import record_answers as answers
from reports.documents import third_parties
from reports.documents.asks import Ask
from reports.documents.kind import Kind
from reports.documents.translation import N_

KIND = Kind(
    id="instructions",
    title=N_("Instructions for use"),
    subtitle=N_("Supports Article 13(3) of Regulation (EU) 2024/1689"),
    outline=N_("Article 13"),
    duty="provider",
    groups=("Art 13.3",),
    stem="Art 13.",
    asks=(
        Ask("Art 13.3.b", answers.version, N_("No model version is recorded."), "engineer"),
        Ask("Art 13.3.b.i", answers.purpose, N_("The intended purpose is not recorded."), "owner"),
        Ask("Art 13.3.b.ii", answers.performance, N_("No performance evidence is attached."), "engineer"),
        Ask("Art 13.3.b.ii", answers.robustness, N_("No robustness evidence is attached."), "engineer"),
        Ask("Art 13.3.b.iii", answers.findings),
        Ask("Art 13.3.b.iii", third_parties.known_of_bases),
        Ask("Art 13.3.b.iv", answers.explanation, N_("No explanation evidence is attached."), "engineer"),
        Ask(
            "Art 13.3.b.v",
            answers.fairness,
            N_("Performance for specific persons or groups is not measured."),
            "engineer",
        ),
        Ask("Art 13.3.b.v", answers.group_accuracy),
        Ask(
            "Art 13.3.b.vi",
            answers.input_specification,
            N_("The model was logged without an input signature."),
            "engineer",
        ),
        Ask("Art 13.3.b.vi", answers.datasets, N_("No data set is recorded."), "engineer"),
        Ask("Art 13.3.b.vi", answers.data_quality, N_("No data quality evidence is attached."), "engineer"),
        Ask(
            "Art 13.3.b.vii",
            answers.expected_output,
            N_("The model was logged without an output signature."),
            "engineer",
        ),
        Ask("Art 13.3.c", answers.standing_approvals, settles="predetermined-changes"),
        Ask("Art 13.3.e", answers.software),
    ),
)
