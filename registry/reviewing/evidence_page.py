"""The page of one piece of evidence: on what rows, how sure, by whose definition, can you do it again."""

from collections.abc import Mapping
from typing import Any

from django.template import TemplateDoesNotExist
from django.template.loader import get_template

from governance.accounts.models import User
from governance.audit import selectors as log
from governance.common.errors import InvalidInput
from governance.evidence import comparing, levels, reproducing, schemas
from governance.evidence.models import Evidence, Reproduction
from governance.evidence.numbers import Pair, numbers, side_by_side
from governance.evidence.reproducing import PURE
from registry import evidence_reading
from registry.models import DatasetSnapshot, ModelVersion
from registry.reviewing.people import People, person_ids

Row = dict[str, Any]
ROWS_SHOWN = 400
DRAWN = PURE | {"evaluation"}
"""Types that have a template of their own for their figures."""


def evidence_page(evidence: Evidence, viewer: User, *, against: Evidence | None = None) -> Row:
    """Return the context of registry/evidence.html.

    Raises:
        InvalidInput: ``against`` is of another type.
    """
    version = evidence_reading.version_of(evidence)
    again = list(evidence.reproductions.select_related("asked_by").order_by("-made_at")[:20])
    people = People(person_ids([evidence.producer_id]))
    indexes = log.indexes_of([evidence.log_entry, *(row.log_entry for row in again)])
    partial, context = partial_context(evidence, version)
    table = numbers(_ordered(evidence), points=False)
    return {
        **context,
        "partial": partial,
        "evidence": evidence,
        "type": evidence.type,
        "version": version,
        "computed": evidence.origin == Evidence.Origin.COMPUTED,
        "producer": people.actor(evidence.producer_id),
        "index": indexes.get(evidence.log_entry),
        "may_read_log": viewer.has_perm("audit.read_log"),
        "rows": _on_what_rows(evidence),
        "sure": _how_sure(evidence.payload),
        "defined": _by_whose_definition(evidence, version),
        "made_with": _made_with(evidence),
        "why_not_again": evidence_reading.why_not_again(evidence),
        "again": [_again(row, indexes) for row in again],
        "figures": sorted(evidence.projection.items()),
        "numbers": table[:ROWS_SHOWN],
        "more_numbers": max(len(table) - ROWS_SHOWN, 0),
        "against": _against(evidence, against) if against else None,
        "others": _others(evidence, viewer),
    }


def partial_context(evidence: Evidence, version: ModelVersion | None = None) -> tuple[str, Row]:
    """Return the template that draws a type of evidence, empty where it has none, and what it is drawn from."""
    name = evidence.type.partition("/")[0]
    path = f"registry/_{name}.html"
    try:
        get_template(path)
        known = name in DRAWN
    except TemplateDoesNotExist:
        known = False
    version = version or evidence_reading.version_of(evidence)
    number = version.number if version else ""
    subject = {"name": evidence.subject_name.rpartition("/")[0], "version": number}
    baseline = ModelVersion.objects.filter(pk=evidence.baseline_id).first() if evidence.baseline_id else None
    context = {
        name: evidence.payload,
        "payload": evidence.payload,
        "subject": subject,
        "production_version": baseline.number if baseline else None,
    }
    return (path if known else ""), context


def _on_what_rows(evidence: Evidence) -> Row:
    data = DatasetSnapshot.objects.filter(digest=evidence.dataset_digest).first() if evidence.dataset_digest else None
    return {
        "digest": evidence.dataset_digest,
        "n": evidence.payload.get("n", evidence.payload.get("rows")),
        "known": data,
        "gone": reproducing.data_gone(evidence),
    }


def _how_sure(payload: Mapping[str, Any]) -> Row:
    method = payload.get("method")
    check = payload.get("reference_check")
    return {
        "methods": sorted(method.items()) if isinstance(method, dict) else [],
        "intervals": any(row.interval and row.low is not None for row in numbers(payload, points=False)),
        "check": check if isinstance(check, dict) else None,
    }


def _by_whose_definition(evidence: Evidence, version: ModelVersion | None) -> list[Row]:
    """Return each definition that the figures rest on, with who gave it; nothing is guessed here."""
    found: list[Row] = []
    system = version.model.system if version else None
    if system and system.favourable_outcome:
        said = f"{system.name} declares it"
        found.append({"what": "Favourable outcome", "is": system.favourable_outcome, "by": said})
    data = DatasetSnapshot.objects.filter(digest=evidence.dataset_digest).first() if evidence.dataset_digest else None
    if data:
        by = f"the dataset {data.digest[7:19]}… declares it"
        if data.favourable_labels:
            labels = ", ".join(map(str, data.favourable_labels))
            found.append({"what": "Favourable label", "is": labels, "by": by})
        if data.positive_label:
            found.append({"what": "Positive label", "is": data.positive_label, "by": by})
        for feature, group in sorted((data.reference_groups or {}).items()):
            found.append({"what": f"Reference group of {feature}", "is": group, "by": by})
    threshold = evidence.settings.get("subject", {}).get("decision_threshold")
    computed = evidence.origin == Evidence.Origin.COMPUTED
    if threshold is not None:
        told = "the version's, as it was mirrored" if computed else "its sender says so"
        found.append({"what": "Decision threshold", "is": f"{threshold:g}", "by": told})
    for name, value in sorted(evidence.parameters.items()):
        text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
        by = "the policy asked for it" if computed else "its sender says so"
        found.append({"what": name.replace("_", " ").capitalize(), "is": text, "by": by})
    return found


def _made_with(evidence: Evidence) -> list[tuple[str, str]]:
    made, payload = evidence.environment, evidence.payload
    libraries = {**_texts(payload.get("libraries")), **_texts(made.get("libraries"))}
    level = levels.reached(made)
    rows = [
        ("Seed", made.get("seed", payload.get("seed"))),
        ("Python", made.get("python")),
        ("Libraries", ", ".join(f"{name} {version}" for name, version in sorted(libraries.items()))),
        ("Locked libraries", made.get("lock_digest")),
        ("Isolation", " · ".join(filter(None, (level, str(made.get("isolation") or ""))))),
        ("Made with", made.get("made_with")),
        ("Signed by key", made.get("signed_by")),
        ("Signed at", made.get("signed_at")),
    ]
    return [(name, str(value)) for name, value in rows if value not in (None, "")]


def _texts(value: Any) -> dict[str, str]:
    return {str(key): str(said) for key, said in value.items()} if isinstance(value, dict) else {}


def _again(row: Reproduction, indexes: Mapping[Any, int]) -> Row:
    return {
        "result": row.result,
        "label": row.get_result_display(),
        "tone": {"identical": "ok", "within": "ok", "differs": "bad"}.get(row.result, "warn"),
        "by": row.asked_by.name,
        "at": row.made_at,
        "reasons": row.reasons,
        "differences": row.differences[:50],
        "more": max(len(row.differences) - 50, 0),
        "index": indexes.get(row.log_entry),
    }


def _ordered(evidence: Evidence) -> Row:
    return schemas.in_order(evidence.type, evidence.payload)


def _against(evidence: Evidence, other: Evidence) -> Row:
    if other.type != evidence.type:
        raise InvalidInput(f"This is {evidence.type}, and the other {other.type}: only one type stands side by side.")
    pairs = side_by_side(_ordered(evidence), _ordered(other))
    return {
        "evidence": other,
        "pairs": [_pair(row) for row in pairs[:ROWS_SHOWN]],
        "more": max(len(pairs) - ROWS_SHOWN, 0),
        "differ": _not_alike(evidence, other),
    }


def _pair(row: Pair) -> Row:
    return {"path": row.path, "one": row.one, "other": row.other, "difference": row.difference}


def _not_alike(one: Evidence, other: Evidence) -> list[str]:
    """Return what keeps two pieces of evidence from being compared figure by figure, in sentences."""
    said = []
    if one.dataset_digest != other.dataset_digest:
        said.append("They were made on different data.")
    thresholds = [row.settings.get("subject", {}).get("decision_threshold") for row in (one, other)]
    if thresholds[0] != thresholds[1]:
        said.append(f"They were made at different decision thresholds: {thresholds[0]} and {thresholds[1]}.")
    if one.payload.get("method") != other.payload.get("method"):
        said.append("They were made by different methods.")
    if one.parameters != other.parameters:
        said.append("They were made with different parameters.")
    if one.origin != other.origin:
        said.append("One was computed by Placet, the other submitted.")
    versions = (row.payload.get("libraries") for row in (one, other))
    said += [f"Another version of {line}" for line in comparing.libraries_told(*map(_texts, versions))]
    return said


def _others(evidence: Evidence, viewer: User) -> list[Evidence]:
    """Return what this evidence can stand beside: of the same type, about the same model, newest first."""
    version = evidence_reading.version_of(evidence)
    if version is None:
        return []
    siblings = ModelVersion.objects.filter(model=version.model_id).values("pk")
    rows = evidence_reading.evidence_for(viewer).filter(type=evidence.type, subject_id__in=siblings)
    return list(rows.exclude(pk=evidence.pk).defer("payload", "projection", "environment")[:20])
