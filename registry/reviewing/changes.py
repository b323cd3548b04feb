"""What differs between the candidate and what was last approved for the same alias."""

from collections.abc import Mapping
from typing import Any

from governance.approvals.models import GRANTED, State
from governance.evidence.models import Evidence
from governance.evidence.selectors import by_ids
from registry import descriptions
from registry.models import ModelVersion, PromotionRequest

NOT_SET, MOST_ONE_SIDED = "not set", 5
ONCE_GRANTED = (*GRANTED, State.REVOKED, State.LAPSED, State.RENEWED)
Row = dict[str, Any]


def last_approved(promotion: PromotionRequest) -> PromotionRequest | None:
    """Return the newest promotion of the model to the alias that was approved before this one was asked for."""
    return (
        PromotionRequest.objects.select_related(
            "version__evaluation_dataset", "version__trained_by", "approval__policy_version"
        )
        .filter(
            version__model=promotion.version.model_id,
            alias=promotion.alias,
            approval__state__in=ONCE_GRANTED,
            approval__settled_at__lt=promotion.made_at,
        )
        .exclude(pk=promotion.pk)
        .order_by("-approval__settled_at")
        .first()
    )


def changes_shown(promotion: PromotionRequest, evidence: list[Evidence]) -> dict[str, Any]:
    """Return ``{"from", "rows", "one_sided", "same"}``: what differs, and what does not; none before a first approval.

    Another kind of model has other parameters: what only one of the two has stands apart where it would hide the rest.
    """
    before = last_approved(promotion)
    if before is None:
        return {"from": None, "rows": [], "one_sided": [], "same": []}
    old, new = before.version, promotion.version
    rows = [
        _data(before, promotion),
        *(_recorded(old, new) if new.is_recorded else _made(old, new, before, evidence)),
        _policy(before, promotion),
        _row(
            "Use restrictions", _joined(before.approval.use_restrictions), _joined(promotion.approval.use_restrictions)
        ),
    ]
    changed = sorted((row for row in rows if row["changed"]), key=lambda row: "key" in row)
    one_sided = [row for row in changed if "key" in row and NOT_SET in (row["before"], row["after"])]
    apart = one_sided if len(one_sided) > MOST_ONE_SIDED else []
    return {
        "from": {"version": old.number, "approved_at": before.approval.settled_at, "reference": str(before)},
        "rows": [row for row in changed if row not in apart],
        "one_sided": apart,
        "same": [row for row in rows if not row["changed"]],
    }


def _made(old: ModelVersion, new: ModelVersion, before: PromotionRequest, evidence: list[Evidence]) -> list[Row]:
    """Compare what MLflow tells of how two versions were made."""
    old_libraries = _libraries(by_ids(before.approval.evidence_ids))
    return [
        _features(old, new),
        *_code(old, new),
        *mapping_rows("Parameter", old.parameters, new.parameters, plural="parameters", skip={"decision_threshold"}),
        _row("Decision threshold", f"{old.decision_threshold:.3f}", f"{new.decision_threshold:.3f}"),
        _row("Flavor", old.flavor, new.flavor),
        *mapping_rows("Library", old_libraries, _libraries(evidence), plural="libraries"),
        _row("Trained by", _name(old), _name(new)),
        _row("Artifact", _artifact(old), _artifact(new), changed=old.artifact_digest != new.artifact_digest),
    ]


def _recorded(old: ModelVersion, new: ModelVersion) -> list[Row]:
    """Compare what people wrote down of two versions that no MLflow holds."""
    was, now = (descriptions.in_words(version.described or {}) for version in (old, new))
    rows = [_row(label, was.get(label, NOT_SET), now.get(label, NOT_SET)) for label in dict.fromkeys([*was, *now])]
    digests = _short(old.artifact_digest), _short(new.artifact_digest)
    return [*rows, _row("Digest of what was recorded", *digests)]


def _row(item: str, before: str, after: str, *, note: str = "", changed: bool | None = None) -> Row:
    return {
        "item": item,
        "before": before,
        "after": after,
        "note": note,
        "changed": before != after if changed is None else changed,
    }


def _data(before: PromotionRequest, after: PromotionRequest) -> Row:
    old, new = (
        next((row["dataset"] for row in promotion.approval.required_evidence if row.get("dataset")), "")
        for promotion in (before, after)
    )
    if old == new:
        return _row("Evaluation data", _short(old), "same rows, same digest", changed=False)
    return _row(
        "Evaluation data", _short(old), _short(new), note="figures of the two versions are measured on different rows"
    )


def _features(old: ModelVersion, new: ModelVersion) -> Row:
    before, after = _inputs(old), _inputs(new)
    added, removed = [f for f in after if f not in before], [f for f in before if f not in after]
    said = [*(f"+ {name}" for name in added), *(f"without {name}" for name in removed)]
    return _row(
        "Features",
        f"{len(before)}",
        f"{len(after)}: {', '.join(said)}" if said else f"{len(after)}, the same",
        changed=bool(said),
    )


def _code(old: ModelVersion, new: ModelVersion) -> list[Row]:
    """Compare commit and source of the two versions' code; what a run did not say is not known, and no sameness."""
    before, after = old.code or {}, new.code or {}
    rows = []
    for item, key in (("Code, commit", "commit"), ("Code, source", "source")):
        was, now = str(before.get(key) or ""), str(after.get(key) or "")
        note = "" if was and now else "what a run does not say can't be compared"
        same = bool(was) and was == now
        rows.append(_row(item, was or "not known", now or "not known", note=note, changed=not same))
    return rows


def _inputs(version: ModelVersion) -> list[str]:
    """Return the columns a model takes: by its signature, else by what its data declares."""
    inputs = version.signature.get("inputs") or []
    named = [column["name"] for column in inputs if isinstance(column, dict) and column.get("name")]
    return named or list(version.evaluation_dataset.features if version.evaluation_dataset else [])


def mapping_rows(
    item: str,
    before: Mapping[str, Any],
    after: Mapping[str, Any],
    *,
    plural: str,
    skip: frozenset[str] | set[str] = frozenset(),
) -> list[Row]:
    """Return a row for each entry that differs between two mappings, and one for how many stayed the same."""
    keys = sorted((before.keys() | after.keys()) - skip)
    changed = [key for key in keys if before.get(key) != after.get(key)]
    rows = [
        _row(item, str(before.get(key, NOT_SET)), str(after.get(key, NOT_SET)), changed=True) | {"key": key}
        for key in changed
    ]
    if same := len(keys) - len(changed):
        said = f"{same} {'more' if changed else 'in all'}"
        rows.append(_row(plural.capitalize(), said, f"{said}, the same", changed=False))
    return rows


def _libraries(evidence: list[Evidence]) -> dict[str, str]:
    return next((item.environment["libraries"] for item in evidence if item.environment.get("libraries")), {})


def _policy(before: PromotionRequest, after: PromotionRequest) -> Row:
    old, new = before.approval.policy_version, after.approval.policy_version
    return _row(
        "Policy",
        str(old),
        str(new) if old.digest != new.digest else f"{new}, the same",
        changed=old.digest != new.digest,
    )


def _artifact(version: ModelVersion) -> str:
    return f"{_short(version.artifact_digest)}, {version.artifact_bytes / 1e6:.1f} MB"


def _name(version: ModelVersion) -> str:
    return version.trained_by.name if version.trained_by else "not known"


def _joined(lines: list[str]) -> str:
    return "; ".join(lines) or "none"


def _short(digest: str) -> str:
    value = digest.removeprefix("sha256:")
    return f"sha256:{value[:6]}…{value[-4:]}" if value else "none"
