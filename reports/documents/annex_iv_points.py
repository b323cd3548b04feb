"""What each point of Annex IV asks for, and who owes it while it is missing.

Every ask ends in one of three ways: a record answers it (measured), a person does (declared), or nobody does and it
becomes a gap with an owner.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from reports.documents import annex_iv_answers as answers
from reports.documents import annex_iv_use as use
from reports.documents.content import Paragraph
from reports.documents.snapshot import Snapshot, declarant

Answer = Callable[[Snapshot], list[Paragraph]]


@dataclass(frozen=True)
class Ask:
    """One thing that a point wants.

    ``answer`` reads it from records; without one, only a declaration (same ``point`` and ``topic``) can close it.
    ``declarable`` says that a declaration may stand in for records; a measurement never has that. ``gap`` is the
    sentence of the gap page, empty where absence is no gap; ``owner`` is the role that owes it.
    """

    point: str
    gap: str = ""
    owner: str = "owner"
    topic: str = ""
    answer: Answer | None = None
    declarable: bool = False

    @property
    def may_be_declared(self) -> bool:
        """Whether a person's statement closes this ask."""
        return self.answer is None or self.declarable


ASKS: tuple[Ask, ...] = (
    Ask(
        "Annex IV.1.a", "The intended purpose is not recorded, or not by a named role.", "owner", answer=answers.purpose
    ),
    Ask("Annex IV.1.a", "The provider is not named.", "administrator", answer=answers.provider),
    Ask("Annex IV.1.a", "No model version is recorded.", "engineer", answer=answers.version),
    Ask("Annex IV.1.b", "How the system interacts with other hardware and software is not described.", "engineer"),
    Ask("Annex IV.1.c", "No software versions were recorded with the model.", "engineer", answer=answers.software),
    Ask("Annex IV.1.c", "The requirements for version updates are not described.", "engineer", topic="updates"),
    Ask("Annex IV.1.d", "The forms in which the system is put into service are not described.", "owner"),
    Ask("Annex IV.1.e", "The hardware on which the system is meant to run is not described.", "engineer"),
    Ask(
        "Annex IV.1.f",
        "Whether the system is part of a product is not declared.",
        "owner",
        answer=answers.not_a_product,
        declarable=True,
    ),
    Ask("Annex IV.1.g", "The user interface for the deployer is not described.", "owner"),
    Ask("Annex IV.1.h", "No instructions for use are attached.", "owner"),
    Ask("Annex IV.2.a", "No training run is recorded.", "engineer", answer=answers.training_run),
    Ask(
        "Annex IV.2.a",
        "Development steps and the use of pre-trained or third-party tools are not described.",
        "engineer",
        topic="methods",
    ),
    Ask(
        "Annex IV.2.b", "The model was logged without an output signature.", "engineer", answer=answers.expected_output
    ),
    Ask(
        "Annex IV.2.b",
        "Logic, design choices, assumptions, optimisation target and trade-offs are not described.",
        "engineer",
        topic="rationale",
    ),
    Ask(
        "Annex IV.2.c",
        "Computing resources for development and training were not recorded.",
        "engineer",
        topic="compute",
        answer=answers.compute,
        declarable=True,
    ),
    Ask("Annex IV.2.c", "The software architecture is not described.", "engineer", topic="architecture"),
    Ask("Annex IV.2.d", "No data set is recorded.", "engineer", answer=answers.datasets),
    Ask("Annex IV.2.d", "No data quality evidence is attached.", "engineer", answer=answers.data_quality),
    Ask(
        "Annex IV.2.d",
        "Provenance, selection, labelling and cleaning of the data are not described.",
        "engineer",
        topic="provenance",
    ),
    Ask("Annex IV.2.e", "No explanation evidence is attached.", "engineer", answer=answers.explanation),
    Ask("Annex IV.2.e", answer=answers.human_reviews),
    Ask(
        "Annex IV.2.e",
        "The human oversight measures needed under Article 14 are not assessed.",
        "owner",
        topic="oversight",
    ),
    Ask(
        "Annex IV.2.f",
        "Pre-determined changes are neither approved in advance nor declared absent.",
        "owner",
        answer=answers.standing_approvals,
        declarable=True,
    ),
    Ask("Annex IV.2.g", "No performance evidence is attached.", "engineer", answer=answers.performance),
    Ask("Annex IV.2.g", "No fairness evidence is attached.", "engineer", answer=answers.fairness),
    Ask("Annex IV.2.g", "No robustness evidence is attached.", "engineer", answer=answers.robustness),
    Ask(
        "Annex IV.2.g",
        "No policy evaluation is attached: metrics and limits fixed before the test are not shown.",
        "validator",
        answer=answers.checks,
    ),
    Ask(
        "Annex IV.2.g",
        "No signed and dated decision on the test results is attached.",
        "risk_officer",
        answer=answers.approvals,
    ),
    Ask("Annex IV.2.h", "No serving permit binds the bytes of the model.", "risk_officer", answer=answers.integrity),
    Ask("Annex IV.2.h", "Cybersecurity measures are not described.", "administrator", topic="measures"),
    Ask("Annex IV.3", "The overall accuracy is not measured.", "engineer", answer=answers.overall_accuracy),
    Ask(
        "Annex IV.3",
        "Accuracy for specific persons or groups is not measured.",
        "engineer",
        answer=answers.group_accuracy,
    ),
    Ask(
        "Annex IV.3", "The model was logged without an input signature.", "engineer", answer=answers.input_specification
    ),
    Ask("Annex IV.3", answer=answers.findings),
    Ask(
        "Annex IV.3",
        "Foreseeable unintended outcomes and sources of risk are not described.",
        "risk_officer",
        topic="unintended",
    ),
    Ask("Annex IV.3", "The human oversight measures for use are not described.", "owner", topic="oversight"),
    Ask("Annex IV.4", answer=use.success_criteria),
    Ask("Annex IV.4", "Why these metrics suit this system is not explained.", "validator"),
    Ask("Annex IV.5", answer=use.release_policy),
    Ask("Annex IV.5", "The risk management system under Article 9 is not described.", "risk_officer"),
    Ask("Annex IV.6", "No change over the lifecycle is recorded.", "owner", answer=use.changes),
    Ask("Annex IV.7", "Standards applied, or the solutions used instead, are not listed.", "owner"),
    Ask("Annex IV.8", "No EU declaration of conformity is attached.", "owner"),
    Ask("Annex IV.9", "No monitor is set up.", "owner", answer=use.monitor),
    Ask("Annex IV.9", "No window of the system in use has been evaluated.", "owner", answer=use.monitored_windows),
    Ask("Annex IV.9", "The post-market monitoring plan under Article 72(3) is not attached.", "owner", topic="plan"),
)


def paragraphs(snapshot: Snapshot, point: str) -> tuple[Paragraph, ...]:
    """Return what stands under one point: what records answer, then what people declared, then the gaps."""
    asked = [ask for ask in ASKS if ask.point == point]
    said = snapshot.declarations(point)
    measured: list[Paragraph] = []
    gaps: list[Paragraph] = []
    open_to_declaration = [ask for ask in asked if ask.may_be_declared]
    for ask in asked:
        found = ask.answer(snapshot) if ask.answer else []
        measured += found
        # A declaration without a topic is clear only where the point has a single thing to declare.
        topics = {ask.topic, ""} if len(open_to_declaration) == 1 else {ask.topic}
        closed = ask.may_be_declared and any((row.get("topic") or "") in topics for row in said)
        if ask.gap and not found and not closed:
            gaps.append(Paragraph("missing", ask.gap, owner=snapshot.owner(point, ask.owner)))
    declared = [Paragraph("declared", str(row["text"]), declared_by=declarant(row)) for row in said]
    return (*measured, *declared, *gaps)
