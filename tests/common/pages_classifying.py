"""Sample contexts of the pages that take a system in and classify it."""

from __future__ import annotations

from datetime import date
from itertools import groupby
from typing import Any

from governance.inventory.models import Modification
from governance.inventory.web.classification import STEPS
from governance.inventory.web.registration import ROLES
from governance.regulation.questionnaire import questionnaire
from tests.common.samples import OWNER, SYSTEM, UID, ago


def page(**more: Any) -> dict[str, Any]:
    """Every question, with what follows."""
    steps = []
    for number, rows in groupby(questionnaire(), key=lambda row: row.step):
        questions = []
        for row in rows:
            choices = [
                {"value": c.value, "label": c.label.replace("None of", "No"), "help": c.help, "chosen": False}
                for c in row.choices
            ]
            choices[0]["chosen"] = True
            shown = {"id": row.id, "text": row.text, "help": row.help, "kind": row.kind, "points": row.points[:3]}
            questions.append(shown | {"choices": choices})
        steps.append({"number": number, "title": STEPS[number], "questions": questions})
    point = {"id": "Annex III.5.b", "title": "Creditworthiness and credit scores of natural persons"}
    trace = [
        {"question": "Does it profile?", "conclusion": "It profiles.", "points": ["Art 6.2", "Art 6.3"], "step": 5}
    ]
    result = {
        "ai_act_class": "High-risk",
        "prohibited": True,
        "annex_points": [point, point],
        "duties": [
            point | {"formal_on": date(2026, 8, 2), "practical_on": date(2027, 12, 2), "transition": None},
            point
            | {
                "formal_on": date(2026, 8, 2),
                "practical_on": None,
                "transition": {"before": date(2026, 8, 2), "on": date(2026, 12, 2)},
            },
            point | {"formal_on": None, "practical_on": None, "transition": None},
        ],
        "applies_from": date(2027, 12, 2),
        "roles": ["provider", "deployer"],
        "general_purpose": "provider of one",
    }
    base = {
        "system": SYSTEM,
        "steps": steps,
        "trace": trace,
        "result": result,
        "placed_on": "2026-07-01",
        "tier": "2",
        "tiers": ("1", "2", "3", "4"),
    }
    return base | {"waiting": False, "error": "", "law": date(2026, 11, 1)} | more


def begun() -> dict[str, Any]:
    """The first step, while another proposal waits."""
    steps = page()["steps"][:1]
    return page(steps=steps, trace=[], result=None, waiting=True, error="Choose at least one answer.")


def new(**more: Any) -> dict[str, Any]:
    """The form, refused."""
    roles = [{"value": v, "label": label, "help": text, "chosen": v == "provider"} for v, label, text in ROLES]
    form = {"name": "<b>typed</b>", "purpose": "Short.", "owner": str(UID)}
    people = [{"pk": str(UID), "name": "Model owner"}]
    return {"people": people, "roles": roles, "form": form, "error": "Say for whom the system decides what."} | more


MODIFIED = {
    "open_again": "Consumer credit scoring was modified on 11 July 2026, so its class is open again: propose the "
    "classification anew and have a second person sign it.",
    "may_modify": True,
    "modifications": [
        {
            "pk": UID,
            "name": "M-2",
            "kind": "Change of the intended purpose",
            "what": "It scores small firms as well.\n<b>From July on.</b>",
            "purpose_before": "Scores applications for consumer credit.\nA credit officer confirms every refusal.",
            "class_before": "High-risk",
            "by": OWNER,
            "at": ago(days=3),
        },
        {
            "pk": UID,
            "name": "M-1",
            "kind": "Substantial modification (Art. 3(23))",
            "what": "Another model took the place of the scorecard.",
            "purpose_before": "",
            "class_before": "",
            "by": OWNER,
            "at": ago(days=210),
        },
    ],
}
"""What the page of a system says more once somebody declared that it is modified."""


def modification(**more: Any) -> dict[str, Any]:
    """The form, refused."""
    kinds = [{"value": v, "label": label, "chosen": v == "purpose"} for v, label in Modification.Kind.choices]
    form = {"what": "<b>typed</b>", "purpose": "Scores applications for consumer credit for a credit officer."}
    said = "Write down the intended purpose as it is from now on; this is what it was."
    return {"system": SYSTEM, "kinds": kinds, "form": form, "signed": "High-risk", "error": said} | more


CLASSIFYING: dict[str, tuple[str, Any]] = {
    "classify": ("inventory/classify.html", page),
    "classify-begun": ("inventory/classify.html", begun),
    "system-retire": ("inventory/system_retire.html", lambda: {"system": SYSTEM, "typed": "<b>typed</b>"}),
    "modification-new": ("inventory/modification_new.html", modification),
    "modification-new-blank": (
        "inventory/modification_new.html",
        lambda: modification(form={"what": ""}, signed="", error=""),
    ),
    "system-new": ("inventory/system_new.html", new),
    "system-new-blank": ("inventory/system_new.html", lambda: new(form={}, error="")),
}
