"""How the records of a snapshot answer what the points ask for: a function for each thing, giving paragraphs or none.

Nothing here writes a sentence that the snapshot does not hold.
"""

from __future__ import annotations

from collections.abc import Iterable

from reports.documents import fairness_blocks, model_blocks, performance_blocks, quality_blocks, record_blocks
from reports.documents.content import Block, Declarant, Paragraph
from reports.documents.snapshot import Record, Snapshot, evidence_source, record_source
from reports.documents.translation import _, counted
from reports.documents.wording import decimal, integer, interval, known, listed, moment, number, words


def measured(
    text: str, source: Record, name: str, *blocks: Block | None, digest_key: str = "digest", at_key: str = "at"
) -> Paragraph:
    """Return a measured paragraph that rests on one record."""
    footnote = record_source(source, name, name.capitalize(), digest_key=digest_key, at_key=at_key)
    return Paragraph("measured", text, tuple(block for block in blocks if block is not None), (footnote,))


def from_evidence(text: str, row: Record, blocks: tuple[Block, ...]) -> Paragraph:
    """Return a measured paragraph that rests on one evidence."""
    return Paragraph("measured", text, blocks, (evidence_source(row),))


def _of_model(snapshot: Snapshot, text: str, *blocks: Block | None) -> Paragraph:
    return measured(
        text,
        snapshot.part("model"),
        _("model version record"),
        *blocks,
        digest_key="artifact_digest",
        at_key="created_at",
    )


def _system_declarant(system: Record) -> Declarant | None:
    role, at = system.get("recorded_by_role"), system.get("recorded_at")
    return Declarant(str(role), str(at)[:10], system.get("log_index")) if role and at else None


def said_by_system(snapshot: Snapshot, text: str) -> list[Paragraph]:
    """Return a paragraph declared by whoever recorded the system, or none if the record names nobody."""
    who = _system_declarant(snapshot.part("system"))
    return [Paragraph("declared", text, declared_by=who)] if who else []


# Point 1: general description


def purpose(snapshot: Snapshot) -> list[Paragraph]:
    """The intended purpose, as the system's record declares it."""
    text = snapshot.part("system").get("purpose")
    return said_by_system(snapshot, _("Intended purpose: {text}").format(text=text)) if text else []


def roles(snapshot: Snapshot) -> list[Paragraph]:
    """The roles in which the organisation acts."""
    acting = snapshot.part("system").get("ai_roles") or ()
    text = _("The organisation acts as {roles} of this system.").format(roles=listed(map(words, acting)))
    return said_by_system(snapshot, text) if acting else []


def version(snapshot: Snapshot) -> list[Paragraph]:
    """The model version and its relation to the one before."""
    model = snapshot.part("model")
    if not model.get("version"):
        return []
    return [
        _of_model(
            snapshot,
            _("The system runs this model version, identified by the digest of what was recorded of it.")
            if model.get("recorded")
            else _("The system runs this model version, identified by the digest of its artifact files."),
            record_blocks.model_identity(model),
        )
    ]


def software(snapshot: Snapshot) -> list[Paragraph]:
    """The package versions recorded with the model."""
    table = record_blocks.packages(snapshot.part("model").get("environment") or {})
    return [_of_model(snapshot, _("The model was recorded with these software versions."), table)] if table else []


def is_no_product(trace: Iterable[Record]) -> bool:
    """Return whether the trace of a classification says that the system is no product and no safety component."""
    return any(row.get("question") == "annex_i_position" and row.get("answer") == "none" for row in trace)


def not_a_product(snapshot: Snapshot) -> list[Paragraph]:
    """That no illustrations are owed, if the classification answered that the system is no product."""
    classification = snapshot.part("classification")
    role, at = classification.get("signed_by_role"), classification.get("signed_at")
    if not (is_no_product(classification.get("trace") or ()) and role and at):
        return []
    who = Declarant(str(role), str(at)[:10], classification.get("log_index"))
    return [
        Paragraph(
            "declared",
            _(
                "The system is neither a product nor a safety component under Annex I, so there is no product "
                "to illustrate."
            ),
            declared_by=who,
        )
    ]


# Point 2: elements and development


def training_run(snapshot: Snapshot) -> list[Paragraph]:
    """The run that made the version, and its parameters."""
    model = snapshot.part("model")
    if not model.get("run_id"):
        return []
    facts = (
        record_blocks.values(_("Parameters of the training run"), model["parameters"])
        if model.get("parameters")
        else None
    )
    return [
        _of_model(
            snapshot,
            _("The version was produced by training run {run_id}. Its recorded parameters:").format(
                run_id=model["run_id"]
            ),
            facts,
        )
    ]


def expected_output(snapshot: Snapshot) -> list[Paragraph]:
    """The kind of model, its output and decision threshold."""
    model = snapshot.part("model")
    outputs = (model.get("signature") or {}).get("outputs") or ()
    if not outputs:
        return []
    threshold = (
        " " + _("A decision follows at a threshold of {threshold}.").format(threshold=decimal(model["threshold"]))
        if model.get("threshold") is not None
        else ""
    )
    table = record_blocks.signature(outputs, _("Output of the model, from its signature"))
    return [_of_model(snapshot, _("Expected output.") + threshold, table)]


def compute(snapshot: Snapshot) -> list[Paragraph]:
    """The computing resources recorded with the training run."""
    training = snapshot.part("model").get("training") or {}
    return (
        [
            _of_model(
                snapshot,
                _("Computing resources recorded with the training run."),
                record_blocks.values(_("Training"), training),
            )
        ]
        if training
        else []
    )


def datasets(snapshot: Snapshot) -> list[Paragraph]:
    """The data sets behind the version, by digest."""
    return [
        measured(
            _("Data set used for {role}.").format(role=words(row.get("role"))),
            row,
            _("data set record"),
            record_blocks.dataset(row),
            at_key="recorded_at",
        )
        for row in snapshot.rows("datasets")
    ]


def explanation(snapshot: Snapshot) -> list[Paragraph]:
    """SHAP as a technical aid to interpret outputs."""
    row = snapshot.evidence("explanation/v1")
    if row is None:
        return []
    text = _(
        "Technical aid to interpret the output: contributions of the features, measured with SHAP. An "
        "explanation describes the model, not the person."
    )
    return [from_evidence(text, row, model_blocks.explanation(row["payload"]))]


def human_reviews(snapshot: Snapshot) -> list[Paragraph]:
    """Signed human reviews: of single checks, and validations of the whole version."""
    return [
        from_evidence(
            _(
                "{review} by the {reviewer_role}. What was read and why stands in the log, under the "
                "commitment {statement}."
            ).format(
                review=_reviewed(payload),
                reviewer_role=words(payload.get("reviewer_role")),
                statement=payload.get("statement"),
            ),
            row,
            (),
        )
        for row in snapshot.rows("evidence")
        if row.get("type") == "human_review/v1" and (payload := row.get("payload"))
    ]


def _reviewed(payload: Record) -> str:
    if payload.get("kind") == "validation":
        return _("Validation of the version: {opinion}").format(opinion=words(payload.get("opinion")))
    return _("Human review of the check {check}: {verdict}").format(
        check=payload.get("check"), verdict=words(payload.get("verdict"))
    )


def standing_approvals(snapshot: Snapshot) -> list[Paragraph]:
    """Pre-determined changes that were approved in advance."""
    return [
        measured(
            _("Pre-determined change, approved in advance: {scope}. Valid until {expires_at}.").format(
                scope=row.get("scope"), expires_at=moment(row.get("expires_at"))
            ),
            row,
            _("standing approval"),
        )
        for row in snapshot.rows("standing_approvals")
        if row.get("scope")
    ]


def performance(snapshot: Snapshot) -> list[Paragraph]:
    """Accuracy on the evaluation data, against production on the same rows."""
    row = snapshot.evidence("performance/v1")
    if row is None:
        return []
    event = str((snapshot.dataset("evaluation") or {}).get("positive_label") or _("positive"))
    return [
        from_evidence(
            _("Accuracy was measured on the pinned evaluation data."),
            row,
            performance_blocks.performance(row["payload"], event=event),
        ),
        *calibration(snapshot),
    ]


def calibration(snapshot: Snapshot) -> list[Paragraph]:
    """Whether scores mean what they say."""
    row = snapshot.evidence("calibration/v1")
    if row is None:
        return []
    text = _("Whether predictions mean what they say was measured on the same data.")
    return [from_evidence(text, row, performance_blocks.calibration(row["payload"]))]


def fairness(snapshot: Snapshot) -> list[Paragraph]:
    """Rates by group, with the selection-ratio limit of the policy if it has one."""
    row = snapshot.evidence("fairness/v1")
    if row is None:
        return []
    limits = [
        check["limit"]
        for check in snapshot.rows("checks")
        if check.get("limit") is not None
        and "selection_ratio" in str(check.get("expression"))
        and check.get("better") != "lower"
    ]
    text = _("Potentially discriminatory impact was measured by group. A ratio is a flag for review and not a verdict.")
    return [from_evidence(text, row, fairness_blocks.fairness(row["payload"], limit=limits[0] if limits else None))]


def robustness(snapshot: Snapshot) -> list[Paragraph]:
    """What changes of the rows do to the answers."""
    row = snapshot.evidence("robustness/v1")
    if row is None:
        return []
    text = _(
        "The same rows were changed and the answers compared: noise, missing values, other categories, small changes."
    )
    return [from_evidence(text, row, quality_blocks.robustness(row["payload"]))]


def data_quality(snapshot: Snapshot) -> list[Paragraph]:
    """What the rows are like that the version was measured on."""
    row = snapshot.evidence("data_quality/v1")
    if row is None:
        return []
    text = _(
        "The evaluation data was examined: gaps, ranges, repeats, rows that were trained on, and whom it represents."
    )
    return [from_evidence(text, row, quality_blocks.data_quality(row["payload"]))]


def checks(snapshot: Snapshot) -> list[Paragraph]:
    """The outcome of every check of the policy."""
    rows, request, policy = snapshot.rows("checks"), snapshot.part("request"), snapshot.part("policy")
    if not rows or not request:
        return []
    verdict = (
        " " + _("Verdict of the policy: {verdict}.").format(verdict=known(str(request["verdict"])))
        if request.get("verdict")
        else ""
    )
    fixed = _("Metrics and limits were fixed before the test, in policy {name} version {version}.")
    text = fixed.format(name=policy.get("name"), version=policy.get("version")) + verdict
    paragraph = measured(
        text,
        request,
        _("policy evaluation"),
        record_blocks.checks(rows),
        digest_key="evidence_manifest",
        at_key="requested_at",
    )
    return [paragraph]


def approvals(snapshot: Snapshot) -> list[Paragraph]:
    """The signed and dated decisions on the test results."""
    rows = sorted(snapshot.rows("approvals"), key=lambda row: str(row.get("at") or ""))
    if not rows:
        return []
    sources = tuple(
        record_source(row, _("decision"), _("Signed decision"), digest_key="statement_digest") for row in rows
    )
    text = _("The test results were decided on by the responsible people, each decision dated and signed.")
    return [Paragraph("measured", text, (record_blocks.approvals(rows),), sources)]


def integrity(snapshot: Snapshot) -> list[Paragraph]:
    """That the served bytes are bound by digest and permit."""
    model, permit = snapshot.part("model"), snapshot.part("permit")
    if not model.get("artifact_digest") or not permit:
        return []
    text = _(
        "Approval and serving permit name the model by the digest of its artifact files; a changed byte voids both."
    )
    return [measured(text, permit, _("serving permit"), at_key="issued_at")]


# Point 3: monitoring, functioning and control


def overall_accuracy(snapshot: Snapshot) -> list[Paragraph]:
    """The overall level of accuracy, in one sentence."""
    row = snapshot.evidence("performance/v1")
    by_id = {
        metric.get("id"): metric.get("candidate") for metric in (row or {}).get("payload", {}).get("metrics") or ()
    }
    named = [
        (label, by_id[key])
        for key, label in (
            ("auc", _("area under the ROC curve")),
            ("accuracy", _("accuracy")),
            ("mae", _("mean absolute error")),
            ("r2", _("share of variance explained")),
        )
        if by_id.get(key) and by_id[key].get("value") is not None
    ]
    if row is None or not named:
        return []
    n = row["payload"].get("n")
    said = listed(
        f"{label} {number(value)}"
        + (" " + _("(95 % interval {interval})").format(interval=interval(value)) if interval(value) else "")
        for label, value in named
    )
    return [from_evidence(counted("Overall: {said}, on {n} rows.", n).format(said=said, n=integer(n)), row, ())]


def group_accuracy(snapshot: Snapshot) -> list[Paragraph]:
    """Accuracy for the groups on which the system is meant to be used."""
    row = snapshot.evidence("fairness/v1")
    blocks = fairness_blocks.group_rates(row["payload"]) if row else ()
    return (
        [from_evidence(_("For specific groups, with the number of persons behind each rate:"), row, blocks)]
        if row and blocks
        else []
    )


def input_specification(snapshot: Snapshot) -> list[Paragraph]:
    """The input data that the model signature asks for."""
    inputs = (snapshot.part("model").get("signature") or {}).get("inputs") or ()
    return (
        [
            _of_model(
                snapshot,
                _("Specification of the input data."),
                record_blocks.signature(inputs, _("Inputs of the model, from its signature")),
            )
        ]
        if inputs
        else []
    )


def findings(snapshot: Snapshot) -> list[Paragraph]:
    """Known limits: findings with owner and due date."""
    rows = snapshot.rows("findings")
    if not rows:
        return []
    sources = tuple(record_source(row, _("finding"), _("Finding"), at_key="opened_at") for row in rows)
    return [Paragraph("measured", _("Limits known from review."), (record_blocks.findings(rows),), sources)]
