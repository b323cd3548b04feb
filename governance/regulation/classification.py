"""Classify an AI system under the EU AI Act from answers, deterministically, with a trace that says how.

The order is the Act's: scope, prohibited practices, products (Annex I), use cases (Annex III), profiling, derogation,
transparency, general-purpose models. The class follows the wording in force on a day; when its duties start to bind is
a separate date. The result supports a decision that two people sign; it is not legal advice.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date
from typing import Literal

from governance.regulation.exclusions import EXCLUSIONS, excluded
from governance.regulation.form import NONE, Answer, Question
from governance.regulation.questionnaire import questionnaire
from governance.regulation.register import Register, load

AiActClass = Literal["prohibited", "high", "limited", "minimal", "out_of_scope"]
GeneralPurpose = Literal["no", "gpai", "gpai_systemic"]


class AnswersInvalid(ValueError):
    """An answer names an unknown question or choice, or has the wrong shape. The message says what to change."""


class AnswersIncomplete(AnswersInvalid):
    """Questions that the other answers call for are open; ``questions`` holds their ids in order."""

    def __init__(self, questions: tuple[str, ...]) -> None:
        self.questions = questions
        super().__init__(f"Answer these questions too: {', '.join(questions)}.")


@dataclass(frozen=True)
class TraceStep:
    """One answered question as it was put (``text``), and what follows from it. ``points`` are register ids."""

    step: int
    question: str
    text: str
    answer: Answer
    conclusion: str
    points: tuple[str, ...] = ()


@dataclass(frozen=True)
class Classification:
    """The class of a system, and why.

    ``annex_points`` are the points of Annex I or III that make it high-risk (or, under the derogation, would have).
    ``duties`` are the extra points that follow: Article 50 cases, the documentation of a derogation. ``applies_from``
    is the first date on which the class binds (None where the class carries no duty or the register has no date).
    ``law_version`` names the register used.
    """

    ai_act_class: AiActClass
    annex_points: tuple[str, ...]
    trace: tuple[TraceStep, ...]
    law_version: str
    on_date: date
    roles: tuple[str, ...] = ()
    duties: tuple[str, ...] = ()
    applies_from: date | None = None
    general_purpose: GeneralPurpose = "no"

    def as_dict(self) -> dict[str, object]:
        """Return it as JSON types, in a stable order: what a record or a document snapshot stores."""
        return {
            "ai_act_class": self.ai_act_class,
            "annex_points": list(self.annex_points),
            "roles": list(self.roles),
            "duties": list(self.duties),
            "applies_from": self.applies_from.isoformat() if self.applies_from else None,
            "general_purpose": self.general_purpose,
            "law_version": self.law_version,
            "on_date": self.on_date.isoformat(),
            "trace": [
                {
                    "step": row.step,
                    "question": row.question,
                    "text": row.text,
                    "answer": row.answer if isinstance(row.answer, str) else list(row.answer),
                    "conclusion": row.conclusion,
                    "points": list(row.points),
                }
                for row in self.trace
            ],
        }


def classify(
    answers: Mapping[str, str | Iterable[str]], *, register: Register | None = None, on_date: date | None = None
) -> Classification:
    """Return the class that follows from ``answers``.

    Args:
        answers: question id to the chosen value, or to a list of values for questions of kind ``many``. Answers to
            questions that the others do not call for are checked for form and otherwise ignored.
        register: the law; the one shipped with this release by default.
        on_date: the day whose wording counts; the register's as-of date by default.

    Raises:
        AnswersInvalid: unknown question or choice, or ``none`` together with another choice.
        AnswersIncomplete: a question that must be asked has no answer.
    """
    law = register or load()
    walk = _Walk(law, on_date or law.as_of, answers)
    return walk.run()


def follow(
    answers: Mapping[str, str | Iterable[str]], *, register: Register | None = None, on_date: date | None = None
) -> tuple[tuple[TraceStep, ...], Classification | None]:
    """Return the trace as far as the answers go, and the class once nothing is open: for a form that is filled in.

    Args: as of :func:`classify`.

    Raises:
        AnswersInvalid: unknown question or choice, or ``none`` together with another choice.
    """
    law = register or load()
    walk = _Walk(law, on_date or law.as_of, answers)
    try:
        found = walk.run()
    except AnswersIncomplete:
        found = None
    return tuple(walk.trace), found


@dataclass
class _Walk:
    law: Register
    day: date
    raw: Mapping[str, str | Iterable[str]]
    trace: list[TraceStep] = field(default_factory=list)
    annex_points: list[str] = field(default_factory=list)
    duties: list[str] = field(default_factory=list)
    binding: list[date] = field(default_factory=list)
    high: bool = False

    def __post_init__(self) -> None:
        self.questions = {question.id: question for question in questionnaire(self.law, on_date=self.day)}
        unknown = sorted(set(self.raw) - set(self.questions))
        if unknown:
            raise AnswersInvalid(f"There is no question {unknown[0]!r}; questionnaire() lists them.")
        self.answers = {key: _checked(self.questions[key], value) for key, value in self.raw.items()}

    def run(self) -> Classification:
        if not self._in_scope():
            return self._result("out_of_scope")
        if self._prohibited():
            return self._result("prohibited", general_purpose=self._general_purpose())
        self._product()
        self._use_case()
        transparent = self._transparency()
        purpose = self._general_purpose()
        ai_act_class: AiActClass = "high" if self.high else "limited" if transparent else "minimal"
        return self._result(ai_act_class, general_purpose=purpose)

    # Each step below needs its answers, writes its part of the trace and says what follows.

    def _in_scope(self) -> bool:
        if self._one("is_ai_system") == "no":
            self._note("is_ai_system", "Not an AI system: the Act does not apply.")
            return False
        self._note("is_ai_system", "An AI system (Article 3(1)).")
        roles, linked = self._need("operator_roles", "union_link")
        if roles == (NONE,):
            self._note(
                "operator_roles", "No operator role: the Act places no duty on the organisation for this system."
            )
            return False
        self._note(
            "operator_roles",
            f"Acts as {_listed(roles)}.",
            ("Art 3.3", "Art 3.4") if "provider" in roles else ("Art 3.4",),
        )
        if linked == "no":
            self._note("union_link", "No link to the Union (Article 2(1)): out of scope.")
            return False
        self._note("union_link", "Within the territorial scope (Article 2(1)).")
        excluded = self._one("scope_exclusion")
        if excluded != NONE:
            self._note("scope_exclusion", f"Excluded from the Act: {self._label('scope_exclusion', excluded)}.")
            return False
        self._note("scope_exclusion", "No exclusion of Article 2 covers it: in scope.")
        return True

    def _prohibited(self) -> bool:
        named = self._many("prohibited_practices")
        if not named:
            self._note("prohibited_practices", "No practice of Article 5(1).")
            return False
        practices = self._standing(named)
        said = (
            "A practice of Article 5(1): prohibited, with no approval path."
            if practices
            else "Named in Article 5(1), and excluded by the same wording."
        )
        self._note("prohibited_practices", said, named)
        self._note_exclusions(named)
        self._binds(practices)
        return bool(practices)

    def _product(self) -> None:
        position = self._one("annex_i_position")
        if position == NONE:
            self._note("annex_i_position", "Neither a product nor a safety component under Annex I.", ("Art 6.1.a",))
            return
        legislation = self._many("annex_i_legislation")
        self._note("annex_i_position", f"{self._label('annex_i_position', position)}.", ("Art 6.1.a",))
        if not legislation:
            self._note(
                "annex_i_legislation", "Not under legislation of Annex I: Article 6(1) does not apply.", ("Art 6.1.a",)
            )
            return
        self._note("annex_i_legislation", "Covered by legislation of Annex I.", legislation)
        if position == "safety_component" and self._one("assistance_only") == "yes":
            if self._one("failure_endangers") == "no":
                self._note("assistance_only", "Assistance only: not a safety component.", ("Art 6.1a",))
                self._note(
                    "failure_endangers", "Its failure endangers nobody: Article 6(1) does not apply.", ("Art 6.1b",)
                )
                return
            self._note("assistance_only", "Assistance only.", ("Art 6.1a",))
            self._note(
                "failure_endangers",
                "Its failure would endanger health and safety: a safety component all the same.",
                ("Art 6.1b",),
            )
        if self._one("third_party_assessment") != "health_safety":
            self._note(
                "third_party_assessment",
                "No third-party assessment for health and safety: Article 6(1) does not apply.",
                ("Art 6.1.b", "Art 6.1c"),
            )
            return
        section_b = any(point.startswith("Annex I.B.") for point in legislation)
        limit = (
            " For Section B products only Articles 6(1), 60a and 102 to 112 apply (Article 2(2))." if section_b else ""
        )
        self._note("third_party_assessment", f"High-risk under Article 6(1).{limit}", ("Art 6.1", "Art 6.1.b"))
        self.high = True
        self.annex_points += legislation
        self._binds(("Art 6.1",), route="annex_i")

    def _use_case(self) -> None:
        listed = self._many("annex_iii_uses")
        if not listed:
            self._note("annex_iii_uses", "Not a use listed in Annex III.", ("Art 6.2",))
            return
        standing = self._standing(listed)
        self._note("annex_iii_uses", "Listed in Annex III.", listed)
        self._note_exclusions(listed)
        if not standing:
            return
        self.annex_points += standing
        if self._high_by_annex_iii():
            self.high = True
            self._binds(("Art 6.2",))
        else:
            # Article 6(4) and 49(2): the way out of high risk is itself documented and registered.
            self.duties += [
                "Art 6.4",
                "Art 49.2",
                *(point.id for point in self.law.points_of("Annex VIII.B") if self._live(point.id)),
            ]

    def _high_by_annex_iii(self) -> bool:
        if self._one("profiling") == "yes":
            self._note(
                "profiling",
                "It profiles natural persons: high-risk, whatever else holds.",
                ("Art 6.2", "Art 6.3.profiling"),
            )
            return True
        self._note("profiling", "No profiling of natural persons: the derogation is open.", ("Art 6.3.profiling",))
        if self._one("significant_risk") == "yes":
            self._note("significant_risk", "A significant risk of harm: high-risk.", ("Art 6.2", "Art 6.3"))
            return True
        self._note("significant_risk", "No significant risk of harm.", ("Art 6.3",))
        conditions = self._many("derogation")
        if not conditions:
            self._note("derogation", "None of the conditions (a) to (d): high-risk.", ("Art 6.2", "Art 6.3"))
            return True
        self._note(
            "derogation",
            "Not high-risk under Article 6(3): document the assessment and register it.",
            (*conditions, "Art 6.4"),
        )
        return False

    def _transparency(self) -> bool:
        named = self._many("transparency_cases")
        if not named:
            self._note("transparency_cases", "No transparency case of Article 50.")
            return False
        cases = self._standing(named)
        said = (
            "Transparency duties of Article 50 apply, in addition to the class."
            if cases
            else "Named in Article 50, and excluded by the same wording."
        )
        self._note("transparency_cases", said, named)
        self._note_exclusions(named)
        self.duties += cases
        self._binds(cases)
        return bool(cases)

    def _general_purpose(self) -> GeneralPurpose:
        answer = self._one("general_purpose_model")
        if answer == "no":
            self._note("general_purpose_model", "No general-purpose AI model is provided.")
            built_on = self._one("built_on_general_purpose_model") == "yes"
            self._note(
                "built_on_general_purpose_model",
                "Built on another's general-purpose model: its provider owes the information of Annex XII."
                if built_on
                else "Not built on a general-purpose AI model of another provider.",
                ("Art 53.1.b",) if built_on else (),
            )
            return "no"
        systemic = answer == "gpai_systemic"
        self._note(
            "general_purpose_model",
            "Provider of a model with systemic risk: Chapter V, Section 3 applies too."
            if systemic
            else "Provider of a general-purpose AI model: Chapter V applies to the model.",
            ("Art 51.1.a",) if systemic else (),
        )
        if not systemic and "training_compute" in self.questions:
            systemic = self._one("training_compute") == "yes"
            self._note(
                "training_compute",
                "Above the threshold: high-impact capabilities are presumed, so Chapter V, Section 3 applies too."
                if systemic
                else "Not above the threshold: nothing is presumed.",
                ("Art 51.2",),
            )
        if "model_marketed_before" in self.questions:
            self._note("model_marketed_before", self._said_of_the_market())
        return "gpai_systemic" if systemic else "gpai"

    def _said_of_the_market(self) -> str:
        early, rule = self._one("model_marketed_before"), self.law.model_transition
        if rule is None or early == "no":
            return "No transitional rule moves the dates of the model."
        if early == "unknown":
            return f"Whether {rule.basis} moves the dates of the model is not known, so none is moved."
        return f"{rule.basis}: the points for the model apply from {rule.applies_from.isoformat()}."

    def _standing(self, points: tuple[str, ...]) -> tuple[str, ...]:
        """Return the points that no exclusion takes out; each exclusion must be answered."""
        self._need(*(EXCLUSIONS[point].question for point in points if point in EXCLUSIONS))
        gone = excluded(points, self.answers)
        return tuple(point for point in points if point not in gone)

    def _note_exclusions(self, points: tuple[str, ...]) -> None:
        gone = excluded(points, self.answers)
        for point in points:
            if point in gone:
                self._note(EXCLUSIONS[point].question, f"Excluded from {point} by its own wording.", (point,))
            elif point in EXCLUSIONS:
                self._note(EXCLUSIONS[point].question, f"The exclusion in {point} does not cover it.", (point,))

    def _result(self, ai_act_class: AiActClass, *, general_purpose: GeneralPurpose = "no") -> Classification:
        roles = self.answers.get("operator_roles", ())
        return Classification(
            ai_act_class=ai_act_class,
            annex_points=tuple(self.annex_points),
            trace=tuple(self.trace),
            law_version=self.law.version,
            on_date=self.day,
            roles=tuple(role for role in roles if role != NONE),
            duties=tuple(self.duties),
            applies_from=min(self.binding, default=None),
            general_purpose=general_purpose,
        )

    def _need(self, *ids: str) -> tuple[Answer, ...]:
        missing = tuple(key for key in ids if key not in self.answers)
        if missing:
            asked = [
                key
                for key, question in self.questions.items()
                if question.is_asked(self.answers) and key not in self.answers
            ]
            raise AnswersIncomplete(tuple(dict.fromkeys((*asked, *missing))))
        return tuple(self.answers[key] for key in ids)

    def _one(self, key: str) -> str:
        (answer,) = self._need(key)
        return str(answer)

    def _many(self, key: str) -> tuple[str, ...]:
        """Return the chosen values without ``none``."""
        (answer,) = self._need(key)
        return tuple(value for value in answer if value != NONE)

    def _note(self, key: str, conclusion: str, points: tuple[str, ...] = ()) -> None:
        question = self.questions[key]
        self.trace.append(TraceStep(question.step, key, question.text, self.answers[key], conclusion, points))

    def _label(self, key: str, value: str) -> str:
        return next(choice.label for choice in self.questions[key].choices if choice.value == value)

    def _live(self, point_id: str) -> bool:
        return self.law.in_force(point_id, self.day) is not False

    def _binds(self, points: Iterable[str], *, route: Literal["annex_i", "annex_iii"] = "annex_iii") -> None:
        dates = (self.law.applies_from(point, route=route).earliest for point in points)
        self.binding += [day for day in dates if day is not None]


def _checked(question: Question, value: str | Iterable[str]) -> Answer:
    """Return the answer in its stored form: a value, or the chosen values in the order of the form."""
    allowed = [choice.value for choice in question.choices]
    if question.kind == "one":
        if not isinstance(value, str) or value not in allowed:
            raise AnswersInvalid(f"Answer {question.id!r} with one of: {', '.join(allowed)}.")
        return value
    given = [value] if isinstance(value, str) else list(value)
    wrong = [item for item in given if item not in allowed]
    if wrong:
        raise AnswersInvalid(f"{question.id!r} has no choice {wrong[0]!r}; the choices are: {', '.join(allowed)}.")
    if not given:
        raise AnswersInvalid(f"Choose at least one answer to {question.id!r}; {NONE!r} says that none applies.")
    if NONE in given and len(set(given)) > 1:
        raise AnswersInvalid(f"{question.id!r}: {NONE!r} cannot stand beside another choice.")
    return tuple(item for item in allowed if item in given)


def _listed(values: Iterable[str]) -> str:
    words = [value.replace("_", " ") for value in values]
    return words[0] if len(words) == 1 else f"{', '.join(words[:-1])} and {words[-1]}"
