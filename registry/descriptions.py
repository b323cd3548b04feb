"""What is written down of a version that no MLflow holds, and the digest that stands for it. Pure.

Nobody gives Placet a vendor's model or a spreadsheet to digest. What a decision can name instead is what somebody wrote
down: whose product it is and which version, where it runs, and the digests of files or papers that pin it.
"""

import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any

import rfc8785

FORMAT = "placet-recorded-version/v1"
KINDS = {"vendor": "Vendor model", "llm": "Language model", "other": "Other"}
"""``other``: a scorecard in SAS, a spreadsheet, a set of rules."""
RUNS = {
    "endpoint": "At the supplier, called over a network",
    "hosted": "On servers of our own or rented ones",
    "desktop": "On people's computers, as a file or an add-in",
}
PINS = {"file": "File", "document": "Document"}
MOST_PINS = 50
NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,99}", re.ASCII)
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}", re.ASCII)
LONGEST = {"supplier": 200, "product": 200, "version": 100, "where": 300, "licence": 200, "summary": 2000}
NEEDED = {
    "vendor": ("supplier", "product", "version", "licence"),
    "llm": ("supplier", "product", "version", "licence"),
    "other": ("supplier", "product", "version"),
}
"""What each kind can't do without. A spreadsheet's supplier is the team that made it; what is bought comes on terms."""
LABELS = {
    "supplier": "Supplier",
    "product": "Product",
    "version": "Version there",
    "licence": "Licence or contract",
    "where": "Where",
    "summary": "What it does",
}
WORDS = {
    "supplier": "who supplies it",
    "product": "what it is called there",
    "version": "its version as the supplier calls it",
    "licence": "the licence or contract",
}


def description(
    *, name: str, system: str, kind: str, runs: str, pins: Sequence[Mapping[str, str]] = (), **texts: str
) -> dict[str, Any]:
    """Return what is recorded, in one form: texts trimmed, pins in order of their names.

    Args:
        name: what the model is called in Placet.
        system: the slug of the AI system that it is recorded for.
        kind: a key of :data:`KINDS`.
        runs: a key of :data:`RUNS`.
        pins: ``{what, name, digest}`` of files or papers that pin it; ``what`` is a key of :data:`PINS`.
        texts: those of :data:`LONGEST`; what is left out is empty.

    Raises:
        ValueError: says in a sentence what is missing or wrong.
    """
    if not NAME.fullmatch(name):
        raise ValueError("Name the model in small letters, digits, dots and hyphens, 100 at most, such as fraud-score.")
    if kind not in KINDS:
        raise ValueError(f"The kind is one of {', '.join(KINDS)}.")
    if runs not in RUNS:
        raise ValueError(f"Say where it runs: {', '.join(RUNS)}.")
    said = {key: texts.get(key, "").strip() for key in LONGEST}
    for key in NEEDED[kind]:
        if not said[key]:
            raise ValueError(f"Say {WORDS[key]}.")
    for key, longest in LONGEST.items():
        if len(said[key]) > longest:
            raise ValueError(f"{key} is at most {longest} characters.")
    return {"format": FORMAT, "name": name, "system": system, "kind": kind, "runs": runs, **said, "pins": _pins(pins)}


def _pins(given: Sequence[Mapping[str, str]]) -> list[dict[str, str]]:
    if len(given) > MOST_PINS:
        raise ValueError(f"At most {MOST_PINS} files or documents pin a version.")
    pins = []
    for row in given:
        pin = {key: str(row.get(key, "")).strip() for key in ("what", "name", "digest")}
        if pin["what"] not in PINS or not 0 < len(pin["name"]) <= 200:
            raise ValueError("Each pin says what it is (file or document), its name, and its digest.")
        if not _DIGEST.fullmatch(pin["digest"]):
            raise ValueError(f"The digest of {pin['name'][:80]} is no sha256:<64 hex digits>.")
        pins.append(pin)
    pins.sort(key=lambda pin: (pin["what"], pin["name"], pin["digest"]))
    if twice := next((one["name"] for one, other in pairwise(pins) if one == other), ""):
        raise ValueError(f"{twice} stands there twice.")
    return pins


def in_words(described: Mapping[str, Any]) -> dict[str, str]:
    """Return what was recorded, by what people call it and in the order in which they read it; no empty texts."""
    said = {
        "Kind": KINDS.get(described.get("kind", ""), ""),
        **{label: str(described.get(key) or "") for key, label in LABELS.items()},
        "Runs": RUNS.get(described.get("runs", ""), ""),
        **{
            f"{PINS.get(pin['what'], pin['what'])} {pin['name']}": str(pin["digest"])
            for pin in described.get("pins", ())
        },
    }
    return {label: text for label, text in said.items() if text}


def content(described: Mapping[str, Any]) -> bytes:
    """Return the bytes that the digest is over: RFC 8785 of the description."""
    return rfc8785.dumps(dict(described))


def has_files(described: Mapping[str, Any]) -> bool:
    """Return whether files pin it, so that somebody can hold what runs against it."""
    return any(pin["what"] == "file" for pin in described.get("pins", ()))
