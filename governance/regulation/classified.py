"""What a signed classification says of a system, in the words in which the register is asked about it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

from governance.regulation.classification import AiActClass, Classification, GeneralPurpose
from governance.regulation.exclusions import excluded
from governance.regulation.form import NONE
from governance.regulation.register import Route

Situation = Literal[
    "in_scope",
    "prohibited",
    "annex_iii",
    "annex_i_a",
    "annex_i_b",
    "exempted",
    "transparency",
    "gpai",
    "gpai_systemic",
]

NAMING = ("prohibited_practices", "transparency_cases")
"""Questions whose answers are points that bind the system themselves."""


@dataclass(frozen=True)
class Classified:
    """One system as its signed classification has it.

    Attributes:
        annex_points: of Annex I or III that make it high-risk or, for another class, would have.
        roles: of the organisation, by the words of the questionnaire.
        named: points that the answers name: practices of Article 5, cases of Article 50.
        placed_on: the day on which it was placed on the market or put into service; None is not known.
        early_model: whether the general-purpose model was on the market before the day that the register's rule for
            such models names; None is not known.
        exempted: whether the derogation of Article 6(3) takes its uses of Annex III out, so that it is high-risk, if at
            all, by Annex I alone.
        law_version: of the register that it was classified under.
    """

    ai_act_class: AiActClass
    annex_points: tuple[str, ...] = ()
    roles: tuple[str, ...] = ()
    named: tuple[str, ...] = ()
    general_purpose: GeneralPurpose = "no"
    placed_on: date | None = None
    early_model: bool | None = None
    exempted: bool = False
    law_version: str = ""

    @property
    def situations(self) -> tuple[Situation, ...]:
        """What it is to the Act; several hold at once, and none for a system out of scope."""
        if self.ai_act_class == "out_of_scope":
            return ()
        found: list[Situation] = ["prohibited"] if self.ai_act_class == "prohibited" else []
        if not found and self._under("Annex III."):
            found.append("annex_iii" if self._listed else "exempted")
        if self.ai_act_class == "high":
            found += ["annex_i_a"] if self._under("Annex I.A.") else []
            found += ["annex_i_b"] if self._under("Annex I.B.") else []
        if self.named and self.ai_act_class != "prohibited":
            found.append("transparency")
        if self.general_purpose != "no":
            found.append("gpai")
        if self.general_purpose == "gpai_systemic":
            found.append("gpai_systemic")
        # Article 2(2): of a product of Annex I.B the Act asks next to nothing, so not Article 4 either.
        return tuple(found) if found == ["annex_i_b"] else (*found, "in_scope")

    @property
    def routes(self) -> tuple[Route, ...]:
        """By which dates the duties of high-risk systems bind it; those of Annex III for all that are not products."""
        found: list[Route] = []
        if self.ai_act_class == "high" and self._under("Annex I."):
            found.append("annex_i")
        if not found or self._listed:
            found.append("annex_iii")
        return tuple(found)

    @property
    def _listed(self) -> bool:
        """Whether it is high-risk by a use of Annex III."""
        return self.ai_act_class == "high" and not self.exempted and self._under("Annex III.")

    @property
    def is_provider(self) -> bool:
        """Whether the provider's points are the organisation's; a product manufacturer's are (Article 25(3))."""
        return bool({"provider", "product_manufacturer"} & set(self.roles))

    @property
    def is_deployer(self) -> bool:
        """Whether the deployer's points are the organisation's."""
        return "deployer" in self.roles

    def _under(self, prefix: str) -> bool:
        return any(point.startswith(prefix) for point in self.annex_points)


def classified(found: Classification, *, placed_on: date | None = None) -> Classified:
    """Return what :func:`governance.regulation.classification.classify` found, to ask the register about it."""
    return from_record(
        ai_act_class=found.ai_act_class,
        annex_points=found.annex_points,
        trace=[{"question": step.question, "answer": step.answer, "points": step.points} for step in found.trace],
        law_version=found.law_version,
        placed_on=placed_on,
    )


def from_record(
    *,
    ai_act_class: AiActClass,
    annex_points: Iterable[str],
    trace: Iterable[Mapping[str, Any]],
    law_version: str,
    roles: Iterable[str] = (),
    placed_on: date | None = None,
) -> Classified:
    """Return what a stored classification says.

    The stored trace is read and the answers aren't walked again: what was signed stands, whatever the questionnaire
    has become since.

    Args:
        trace: the stored steps, mappings with ``question``, ``answer`` and ``points``.
        roles: for a trace that names none.
    """
    steps = {step["question"]: step for step in trace}
    answers = {question: step.get("answer", ()) for question, step in steps.items()}
    answer = answers.get("operator_roles", ())
    said = [answer] if isinstance(answer, str) else list(answer)
    named = [point for key in NAMING for point in steps.get(key, {}).get("points", ())]
    purpose = answers.get("general_purpose_model", "no")
    if purpose == "gpai" and answers.get("training_compute") == "yes":
        purpose = "gpai_systemic"
    return Classified(
        ai_act_class=ai_act_class,
        annex_points=tuple(annex_points),
        roles=tuple(role for role in said if role != NONE) or tuple(roles),
        named=tuple(point for point in named if point not in excluded(named, answers)),
        general_purpose=purpose if purpose in {"gpai", "gpai_systemic"} else "no",
        placed_on=placed_on,
        early_model={"yes": True, "no": False}.get(str(answers.get("model_marketed_before"))),
        exempted=bool(set(answers.get("derogation", ())) - {NONE}),
        law_version=law_version,
    )
