"""The questions that classify an AI system, as data for forms, in the order of the Act."""

from __future__ import annotations

from datetime import date

from governance.regulation.exclusions import EXCLUDED_BY, EXCLUSIONS
from governance.regulation.form import NONE, Choice, Condition, Question
from governance.regulation.register import Register, load

_YES_NO = (Choice("yes", "Yes"), Choice("no", "No"))
_ROLES = ("provider", "deployer", "importer", "distributor", "authorised_representative", "product_manufacturer")
_IN_SCOPE = (
    Condition("is_ai_system", ("yes",)),
    Condition("operator_roles", _ROLES),
    Condition("union_link", ("yes",)),
    Condition("scope_exclusion", (NONE,)),
)
_NOT_PROHIBITED = (*_IN_SCOPE, Condition("prohibited_practices", (NONE,), EXCLUDED_BY))


def questionnaire(register: Register | None = None, *, on_date: date | None = None) -> tuple[Question, ...]:
    """Return all questions in the order in which they are asked.

    Args:
        register: the law; the one shipped with this release by default.
        on_date: only wordings that are part of the law on this day become choices (a wording whose dates the register
            does not record does); the register's as-of date by default.
    """
    law = register or load()
    day = on_date or law.as_of
    return (
        *_scope(),
        *_prohibited(law, day),
        *_products(law, day),
        *_use_cases(law, day),
        *_derogation(law, day),
        *_transparency(law),
        *_general_purpose(law),
    )


def _point_choices(law: Register, day: date, prefix: str, none_label: str) -> tuple[Choice, ...]:
    listed = tuple(
        Choice(point.id, f"{point.id}: {_plain_title(point.title)}", point.requirement)
        for point in law.points_of(prefix)
        if law.in_force(point.id, day) is not False and point.status != "deleted"
    )
    return (*listed, Choice(NONE, none_label))


def _exclusions(prefix: str, step: int, chosen_in: str, asked_when: tuple[Condition, ...]) -> tuple[Question, ...]:
    """Return the questions about what points under a reference leave out; each is asked if its point was chosen."""
    return tuple(
        Question(
            id=row.question,
            step=step,
            text=row.text,
            kind="one",
            choices=_YES_NO,
            help=f"An exclusion written into {row.point}. A system that also does what the point covers is not "
            "excluded.",
            points=(row.point,),
            asked_when=(*asked_when, Condition(chosen_in, (row.point,))),
        )
        for row in EXCLUSIONS.values()
        if row.point.startswith(f"{prefix}.")
    )


def _plain_title(title: str) -> str:
    """Drop the register's editorial remark, such as ``(inserted; from 2026-12-02)``."""
    head, mark, _ = title.partition(" (")
    return head if mark and title.endswith(")") else title


def _scope() -> tuple[Question, ...]:
    return (
        Question(
            id="is_ai_system",
            step=1,
            text="Is it an AI system: does it infer, from the input it receives, how to generate predictions, scores, "
            "content, "
            "recommendations or decisions?",
            kind="one",
            choices=_YES_NO,
            help="Article 3(1). A model that learned from data, such as a credit score, is one. Fixed rules written "
            "by people alone are not.",
        ),
        Question(
            id="operator_roles",
            step=1,
            text="In which roles does your organisation act for this system?",
            kind="many",
            choices=(
                Choice(
                    "provider",
                    "Provider",
                    "Develops it, or has it developed, and puts it on the market or into service under its own name.",
                ),
                Choice("deployer", "Deployer", "Uses it under its own authority."),
                Choice("importer", "Importer"),
                Choice("distributor", "Distributor"),
                Choice("authorised_representative", "Authorised representative"),
                Choice(
                    "product_manufacturer",
                    "Product manufacturer",
                    "Places it on the market with its product under its own name.",
                ),
                Choice(NONE, "None of these"),
            ),
            help="Article 3(3) to (8). The role is per system and can change: a new name on it, a substantial "
            "modification or a new purpose "
            "makes a provider (Article 25(1)). A bank that builds a model and uses it is provider and deployer.",
            points=("Art 3.3", "Art 3.4", "Art 25.1.a", "Art 25.1.b", "Art 25.1.c"),
            asked_when=(Condition("is_ai_system", ("yes",)),),
        ),
        Question(
            id="union_link",
            step=1,
            text="Is it placed on the market or put into service in the Union, used by a deployer there, or is its "
            "output used there?",
            kind="one",
            choices=_YES_NO,
            help="Article 2(1).",
            asked_when=(Condition("is_ai_system", ("yes",)),),
        ),
        Question(
            id="scope_exclusion",
            step=1,
            text="Does one of the exclusions of Article 2 cover every use of the system?",
            kind="one",
            choices=(
                Choice(NONE, "No"),
                Choice("defence", "Military, defence or national security only", "Article 2(3)."),
                Choice(
                    "third_country_authority", "Third-country authority under a cooperation agreement", "Article 2(4)."
                ),
                Choice("research", "Made and used for scientific research and development only", "Article 2(6)."),
                Choice(
                    "before_market",
                    "Research, testing or development before it is put into service",
                    "Article 2(8); not testing in real-world conditions.",
                ),
                Choice("personal", "Personal, non-professional use by a natural person", "Article 2(10)."),
            ),
            help="Open-source licensing is not listed: it does not exempt prohibited, high-risk or Article 50 systems "
            "(Article 2(12)).",
            asked_when=(Condition("is_ai_system", ("yes",)), Condition("union_link", ("yes",))),
        ),
    )


def _prohibited(law: Register, day: date) -> tuple[Question, ...]:
    choices = _point_choices(law, day, "Art 5.1", "None of these")
    return (
        Question(
            id="prohibited_practices",
            step=2,
            text="Does the system do, or is it meant to do, any of these practices?",
            kind="many",
            choices=choices,
            help="Article 5(1). There is no approval path for a prohibited practice.",
            points=tuple(choice.value for choice in choices if choice.value != NONE),
            asked_when=_IN_SCOPE,
        ),
        *_exclusions("Art 5", 2, "prohibited_practices", _IN_SCOPE),
    )


def _products(law: Register, day: date) -> tuple[Question, ...]:
    product = Condition("annex_i_position", ("product", "safety_component"))
    component = Condition("annex_i_position", ("safety_component",))
    return (
        Question(
            id="annex_i_position",
            step=3,
            text="Is the system itself a product, or meant to be a safety component of a product, under the "
            "legislation of Annex I?",
            kind="one",
            choices=(
                Choice("product", "It is such a product itself"),
                Choice("safety_component", "It is meant as a safety component of one"),
                Choice(NONE, "Neither"),
            ),
            help="Article 6(1)(a).",
            points=("Art 6.1", "Art 6.1.a"),
            asked_when=_NOT_PROHIBITED,
        ),
        Question(
            id="annex_i_legislation",
            step=3,
            text="Under which legislation?",
            kind="many",
            choices=_point_choices(law, day, "Annex I", "None of these"),
            help="For products of Section B only Articles 6(1), 60a and 102 to 112 apply (Article 2(2)).",
            asked_when=(*_NOT_PROHIBITED, product),
        ),
        Question(
            id="assistance_only",
            step=3,
            text="Is it solely for user assistance, performance optimisation, service efficiency, automation, "
            "convenience or quality control "
            "without a safety function?",
            kind="one",
            choices=_YES_NO,
            points=("Art 6.1a",),
            asked_when=(*_NOT_PROHIBITED, component),
        ),
        Question(
            id="failure_endangers",
            step=3,
            text="Would its failure or malfunction endanger health and safety?",
            kind="one",
            choices=_YES_NO,
            points=("Art 6.1b",),
            asked_when=(*_NOT_PROHIBITED, component, Condition("assistance_only", ("yes",))),
        ),
        Question(
            id="third_party_assessment",
            step=3,
            text="Must the product undergo third-party conformity assessment before it is put on the market or into "
            "service?",
            kind="one",
            choices=(
                Choice("health_safety", "Yes, for health and safety risks"),
                Choice("other_risks", "Yes, but only for other risks, such as use of the radio spectrum"),
                Choice("no", "No"),
            ),
            help="Article 6(1)(b) and 6(1c).",
            points=("Art 6.1.b", "Art 6.1c"),
            asked_when=(*_NOT_PROHIBITED, product),
        ),
    )


def _use_cases(law: Register, day: date) -> tuple[Question, ...]:
    choices = _point_choices(law, day, "Annex III", "None of these")
    return (
        Question(
            id="annex_iii_uses",
            step=4,
            text="For which of these uses is the system meant?",
            kind="many",
            choices=choices,
            help="Article 6(2). Choose by intended purpose, not by technique. Evaluating the creditworthiness of "
            "natural persons is 5(b).",
            points=("Art 6.2",),
            asked_when=_NOT_PROHIBITED,
        ),
        *_exclusions("Annex III", 4, "annex_iii_uses", _NOT_PROHIBITED),
    )


def _derogation(law: Register, day: date) -> tuple[Question, ...]:
    uses = tuple(choice.value for choice in _point_choices(law, day, "Annex III", "") if choice.value != NONE)
    listed = (*_NOT_PROHIBITED, Condition("annex_iii_uses", uses, EXCLUDED_BY))
    return (
        Question(
            id="profiling",
            step=5,
            text="Does it profile natural persons: does it process personal data to evaluate aspects of a person, "
            "such as their economic situation?",
            kind="one",
            choices=_YES_NO,
            help="A listed system that profiles is always high-risk (Article 6(3), last subparagraph). Scoring a "
            "person's credit is profiling.",
            points=("Art 6.3.profiling",),
            asked_when=listed,
        ),
        Question(
            id="significant_risk",
            step=6,
            text="Does it pose a significant risk of harm to health, safety or fundamental rights, including by "
            "materially influencing a decision?",
            kind="one",
            choices=_YES_NO,
            points=("Art 6.3",),
            asked_when=(
                *listed,
                Condition("profiling", ("no",)),
            ),
        ),
        Question(
            id="derogation",
            step=6,
            text="Which of these conditions does it meet?",
            kind="many",
            choices=(
                Choice("Art 6.3.a", "It performs a narrow procedural task"),
                Choice("Art 6.3.b", "It improves the result of a finished human activity"),
                Choice(
                    "Art 6.3.c",
                    "It detects patterns or deviations in decisions and does not replace the human assessment",
                ),
                Choice("Art 6.3.d", "It performs a preparatory task to an assessment"),
                Choice(NONE, "None of these"),
            ),
            help="Both tests must hold: no significant risk, and one of these. The assessment is then documented "
            "(6(4)) and registered (49(2)).",
            points=("Art 6.3.a", "Art 6.3.b", "Art 6.3.c", "Art 6.3.d"),
            asked_when=(*listed, Condition("profiling", ("no",)), Condition("significant_risk", ("no",))),
        ),
    )


def _transparency(law: Register) -> tuple[Question, ...]:
    cases = ("Art 50.1", "Art 50.2", "Art 50.3", "Art 50.4.deepfake", "Art 50.4.text")
    return (
        Question(
            id="transparency_cases",
            step=7,
            text="Does any of these transparency cases apply?",
            kind="many",
            choices=(
                *(
                    Choice(case, f"{case}: {_plain_title(law.point(case).title)}", law.point(case).requirement)
                    for case in cases
                ),
                Choice(NONE, "None of these"),
            ),
            help="Article 50. These duties add to those of a high-risk system; they are not a tier of their own.",
            points=cases,
            asked_when=_NOT_PROHIBITED,
        ),
        *_exclusions("Art 50", 7, "transparency_cases", _NOT_PROHIBITED),
    )


def _general_purpose(law: Register) -> tuple[Question, ...]:
    """Return the questions about the model behind a system, which are asked whatever the system's class."""
    provided = (*_IN_SCOPE, Condition("general_purpose_model", ("gpai", "gpai_systemic")))
    rule = law.model_transition
    return (
        Question(
            id="general_purpose_model",
            step=8,
            text="Does your organisation provide a general-purpose AI model?",
            kind="one",
            choices=(
                Choice("no", "No"),
                Choice("gpai", "Yes"),
                Choice(
                    "gpai_systemic",
                    "Yes, with systemic risk",
                    "High-impact capabilities or a Commission decision (Article 51).",
                ),
            ),
            help="Independent of the steps before: it concerns the model, not this system.",
            points=("Art 51.1.a", "Art 51.1.b"),
            asked_when=_IN_SCOPE,
        ),
        *(
            (
                Question(
                    id="training_compute",
                    step=8,
                    text="Is the compute with which the model was trained above the threshold of Article 51(2)?",
                    kind="one",
                    choices=_YES_NO,
                    help=law.point("Art 51.2").requirement,
                    points=("Art 51.2",),
                    asked_when=(*_IN_SCOPE, Condition("general_purpose_model", ("gpai",))),
                ),
            )
            if "Art 51.2" in law.points
            else ()
        ),
        *(
            (
                Question(
                    id="model_marketed_before",
                    step=8,
                    text=f"Was the model placed on the market before {rule.marketed_before.isoformat()}?",
                    kind="one",
                    choices=(*_YES_NO, Choice("unknown", "Not known")),
                    help=f"{rule.basis}: the provider's points for such a model apply from "
                    f"{rule.applies_from.isoformat()}.",
                    asked_when=provided,
                ),
            )
            if rule
            else ()
        ),
        Question(
            id="built_on_general_purpose_model",
            step=8,
            text="Is the system built on a general-purpose AI model of another provider?",
            kind="one",
            choices=_YES_NO,
            help="A large language model, for example, whether called over an interface or run and adapted by you.",
            points=("Art 53.1.b",),
            asked_when=(*_IN_SCOPE, Condition("general_purpose_model", ("no",))),
        ),
    )
