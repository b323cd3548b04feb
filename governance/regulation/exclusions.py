"""What a point leaves out by its own wording: each exclusion is a question, so that it is answered and kept.

The texts follow the register's paraphrases. An exclusion takes out the point it stands in and no other.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

EXCLUDED = "yes"
"""The answer that takes a point out."""


@dataclass(frozen=True)
class Exclusion:
    """What ``point`` leaves out; ``question`` is the id under which it is asked."""

    point: str
    question: str
    text: str


_ALL = (
    Exclusion(
        "Art 5.1.d",
        "objective_facts_only",
        "Does it only support a human assessment that already rests on objective, verifiable facts about an offence?",
    ),
    Exclusion("Art 5.1.f", "medical_or_safety_only", "Does it infer emotions for medical or safety reasons only?"),
    Exclusion(
        "Art 5.1.g", "biometric_labelling_only", "Does it only label or filter biometric datasets acquired lawfully?"
    ),
    Exclusion(
        "Art 5.1.h",
        "identification_strictly_necessary",
        "Is it used only where strictly necessary to search for victims, to prevent an imminent threat or to find a "
        "suspect of an Annex II offence, with the safeguards of Article 5(2) to (7)?",
    ),
    Exclusion(
        "Annex III.1.a",
        "biometric_verification_only",
        "Does it only verify that a person is who they claim to be?",
    ),
    Exclusion("Annex III.5.b", "fraud_detection_only", "Is its only purpose to detect financial fraud?"),
    Exclusion("Annex III.7.d", "travel_document_verification_only", "Does it only verify travel documents?"),
    Exclusion(
        "Annex III.8.b",
        "campaign_logistics_only",
        "Does it only organise or optimise campaigns, with an output to which voters are not directly exposed?",
    ),
    Exclusion(
        "Art 50.1",
        "interaction_obvious",
        "Is it obvious to everybody who deals with it that it is an AI system, or is it authorised by law to detect, "
        "prevent, investigate or prosecute crime?",
    ),
    Exclusion("Art 50.2", "assistive_editing_only", "Does it only assist with standard editing?"),
    Exclusion(
        "Art 50.4.text",
        "editorial_responsibility",
        "Does a human review each text, and does somebody hold editorial responsibility for its publication?",
    ),
)

EXCLUSIONS: Mapping[str, Exclusion] = MappingProxyType({row.point: row for row in _ALL})
"""Every exclusion by its point."""
EXCLUDED_BY = tuple((row.point, row.question) for row in _ALL)
"""Each point with the question that takes it out: for ``form.Condition``."""


def excluded(points: Iterable[str], answers: Mapping[str, Any]) -> tuple[str, ...]:
    """Return those of the points that the answers take out."""
    return tuple(
        point for point in points if point in EXCLUSIONS and answers.get(EXCLUSIONS[point].question) == EXCLUDED
    )
