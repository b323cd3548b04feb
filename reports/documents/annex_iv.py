"""The technical documentation of Annex IV: what each point wants of records, and the release record behind them.

What a point wants of people is asked by the system's record.
"""

from __future__ import annotations

from reports.documents import record_answers as answers
from reports.documents import release_record, third_parties
from reports.documents import use_answers as use
from reports.documents import version_answers as of_version
from reports.documents.asks import Ask
from reports.documents.kind import Kind
from reports.documents.translation import N_

ASKS: tuple[Ask, ...] = (
    Ask("Annex IV.1.a", answers.purpose, N_("The intended purpose is not recorded, or not by a named role."), "owner"),
    Ask("Annex IV.1.a", answers.roles),
    Ask("Annex IV.1.a", answers.version, N_("No model version is recorded."), "engineer"),
    Ask("Annex IV.1.c", answers.software, N_("No software versions were recorded with the model."), "engineer"),
    Ask("Annex IV.1.f", answers.not_a_product, settles="product-part"),
    Ask("Annex IV.1.h", use.instructions, N_("No instructions for use are attached."), "owner"),
    Ask("Annex IV.2.a", answers.training_run, N_("No training run is recorded."), "engineer"),
    Ask("Annex IV.2.a", third_parties.supplied),
    Ask("Annex IV.2.a", third_parties.built_on),
    Ask("Annex IV.2.a", third_parties.known_of_bases),
    Ask("Annex IV.2.b", answers.expected_output, N_("The model was logged without an output signature."), "engineer"),
    Ask("Annex IV.2.c", answers.compute, settles="compute"),
    Ask("Annex IV.2.d", answers.datasets, N_("No data set is recorded."), "engineer"),
    Ask("Annex IV.2.d", answers.data_quality, N_("No data quality evidence is attached."), "engineer"),
    Ask("Annex IV.2.e", answers.explanation, N_("No explanation evidence is attached."), "engineer"),
    Ask("Annex IV.2.e", answers.human_reviews),
    Ask("Annex IV.2.f", answers.standing_approvals, settles="predetermined-changes"),
    Ask("Annex IV.2.g", answers.performance, N_("No performance evidence is attached."), "engineer"),
    Ask("Annex IV.2.g", answers.fairness, N_("No fairness evidence is attached."), "engineer"),
    Ask("Annex IV.2.g", answers.robustness, N_("No robustness evidence is attached."), "engineer"),
    Ask(
        "Annex IV.2.g",
        answers.checks,
        N_("No policy evaluation is attached: metrics and limits fixed before the test are not shown."),
        "validator",
    ),
    Ask(
        "Annex IV.2.g",
        answers.approvals,
        N_("No signed and dated decision on the test results is attached."),
        "risk_officer",
    ),
    Ask("Annex IV.2.h", answers.integrity, N_("No serving permit binds the bytes of the model."), "risk_officer"),
    Ask("Annex IV.3", answers.overall_accuracy, N_("The overall accuracy is not measured."), "engineer"),
    Ask(
        "Annex IV.3", answers.group_accuracy, N_("Accuracy for specific persons or groups is not measured."), "engineer"
    ),
    Ask("Annex IV.3", answers.input_specification, N_("The model was logged without an input signature."), "engineer"),
    Ask("Annex IV.3", answers.findings),
    Ask("Annex IV.4", of_version.criteria, N_("No success criteria are signed for the system."), "owner"),
    Ask("Annex IV.5", use.release_policy("2(g)")),
    Ask("Annex IV.6", use.changes, N_("No change over the lifecycle is recorded."), "owner"),
    Ask("Annex IV.8", use.declaration_of_conformity, N_("No EU declaration of conformity is attached."), "owner"),
    Ask("Annex IV.9", use.monitor, N_("No monitor is set up."), "owner"),
    Ask("Annex IV.9", use.monitored_windows, N_("No window of the system in use has been evaluated."), "owner"),
    Ask(
        "Annex IV.9",
        use.monitoring_plan,
        N_("The post-market monitoring plan under Article 72(3) is not attached."),
        "owner",
    ),
)

KIND = Kind(
    id="annex-iv",
    title=N_("Technical documentation"),
    subtitle=N_("Supports Article 11(1) and Annex IV of Regulation (EU) 2024/1689"),
    outline="Annex IV",
    duty="provider",
    groups=("Annex IV",),
    stem="Annex IV.",
    asks=ASKS,
    page_starts=("1", "2", "R"),
    after=release_record.sections,
)
