"""Sample contexts of the pages about evidence."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from governance.evidence.numbers import numbers, side_by_side
from tests import payloads
from tests.common.samples import NOW, UID, a_digest, ago

VERSION = SimpleNamespace(model_id=UID, model="credit-risk", number=2, artifact_digest=a_digest("bytes"))
PAYLOADS = {
    "performance": payloads.performance(),
    "fairness": payloads.fairness(),
    "explanation": payloads.explanation(),
    "evaluation": payloads.evaluation(),
}


def _row(name: str, **more: Any) -> SimpleNamespace:
    base = {
        "pk": UID,
        "type": f"{name}/v1",
        "subject_name": "credit-risk/2",
        "subject_digest": a_digest("bytes"),
        "baseline_digest": a_digest("before") if name == "performance" else "",
        "payload_digest": a_digest("payload"),
        "made_at": ago(hours=3),
        "origin": "computed",
        "files": {"statement.dsse.json": a_digest("signed"), "payload.json": a_digest("payload")},
    }
    return SimpleNamespace(**(base | more))


def evidence(name: str = "fairness", **more: Any) -> dict[str, Any]:
    """Computed evidence that was made again three times, with another result each time."""
    payload = PAYLOADS[name]
    reasons = ["scikit-learn: 1.9.0 then, 1.9.1 now.", "Python: 3.11.9 then, 3.12.1 now."]
    differences = [
        {"path": "features[sex].groups[female].selection_ratio.value", "then": 0.93, "now": 0.91, "within": False},
        {"path": "features[sex].groups[female].tpr.value", "then": 0.85, "now": 0.8500000000001, "within": True},
    ]
    again = {"by": "Auditor", "at": ago(hours=1), "reasons": [], "differences": [], "more": 0, "index": 812}
    results = [
        again
        | {"result": "differs", "label": "Differs", "tone": "bad", "reasons": reasons, "differences": differences},
        again | {"result": "identical", "label": "Identical", "tone": "ok", "index": None},
        again
        | {
            "result": "impossible",
            "label": "Can't be made again",
            "tone": "warn",
            "reasons": ["No longer reproducible since 1 November 2026: the data was deleted."],
        },
    ]
    base = {
        name: payload,
        "payload": payload,
        "subject": {"name": "credit-risk", "version": 2},
        "production_version": 1 if name == "performance" else None,
        "partial": f"registry/_{name}.html",
        "evidence": _row(name),
        "type": f"{name}/v1",
        "version": VERSION,
        "computed": True,
        "producer": {"name": "Evidence worker", "role": "Placet"},
        "index": 803,
        "may_read_log": True,
        "rows": {"digest": a_digest("rows"), "n": 300, "known": True, "gone": ""},
        "sure": {
            "methods": sorted(payload["method"].items()),
            "intervals": True,
            "check": payload.get("reference_check"),
        },
        "defined": [
            {"what": "Favourable outcome", "is": "credit granted", "by": "Consumer credit scoring declares it"},
            {"what": "Positive label", "is": "bad", "by": "the dataset 3f2a90c1b7d4… declares it"},
            {"what": "Decision threshold", "is": "0.3", "by": "the version's, as it was mirrored"},
            {"what": "Sensitive features", "is": "sex, age_group", "by": "the policy asked for it"},
        ],
        "made_with": [
            ("Seed", "2451076839"),
            ("Python", "3.11.9"),
            ("Libraries", "numpy 2.4.0, scikit-learn 1.9.0, fairlearn 0.15.0"),
            ("Locked libraries", a_digest("lock")),
            ("Isolation", "full · userns+netns+pidns+filesystem+rlimits+seccomp"),
        ],
        "why_not_again": "",
        "again": results,
        "figures": [("selection_ratio.worst", 0.88), ("selection_ratio.worst_ci_low", None), ("n", 300)],
        "numbers": numbers(payload, points=False),
        "more_numbers": 0,
        "chart_titles": ["Selection-rate ratio of female, sex", "Rates by threshold, sex", "Calibration within groups"],
        "against": None,
        "others": [_row(name, pk=UID, subject_name="credit-risk/1")],
    }
    return base | more


def submitted() -> dict[str, Any]:
    """Evidence that a pipeline pushed: it can't be made again here, and its data is not kept."""
    return evidence(
        computed=False,
        evidence=_row("fairness", origin="submitted"),
        producer={"name": "R pipeline", "role": "Service account"},
        rows={"digest": a_digest("theirs"), "n": 300, "known": None, "gone": ""},
        made_with=[("Made with", "R 4.5.1, fairmodels 1.2.1"), ("Signed by key", a_digest("key"))],
        why_not_again="It was submitted; Placet did not make it, so only its sender can make it again.",
        again=[],
        index=None,
        may_read_log=False,
    )


def evaluated() -> dict[str, Any]:
    """What a language model's evaluation elsewhere found."""
    said = submitted()
    changed = {name: said[name] for name in ("computed", "producer", "rows", "made_with", "why_not_again", "again")}
    row = _row("evaluation", origin="submitted")
    return evidence("evaluation", **changed, evidence=row, chart_titles=[], defined=said["defined"][:1])


def beside() -> dict[str, Any]:
    """Two versions side by side, made at different thresholds."""
    other = payloads.fairness(ratio=0.8)
    other["features"][0]["groups"][1]["selection_ratio"] |= {
        "value": None, "low": None, "high": None, "reason": "Fewer than 30 events.",
    }  # fmt: skip
    pairs = [
        {"path": row.path, "one": row.one, "other": row.other, "difference": row.difference}
        for row in side_by_side(PAYLOADS["fairness"], other)
    ]
    differ = [
        "They were made at different decision thresholds: 0.3 and 0.5.",
        "One was computed by Placet, the other submitted.",
    ]
    row = _row("fairness", subject_name="credit-risk/1")
    return evidence(against={"evidence": row, "pairs": pairs, "more": 12, "differ": differ})


def attempts(**more: Any) -> dict[str, Any]:
    """Every kind of attempt: at work, waiting, computed, submitted, failed three times, cancelled."""
    tries = [
        SimpleNamespace(began_at=ago(hours=9 - n), reason="The worker died, or lost its connection.") for n in range(3)
    ]
    job = {
        "job": UID, "dataset": a_digest("rows"), "message": "", "error": "", "attempts": [], "steps_done": 0,
        "steps_total": 0, "remaining": None, "may_cancel": False, "may_retry": False,
    }  # fmt: skip
    made = {
        "pk": UID,
        "at": ago(hours=2),
        "state": "computed",
        "by": "",
        "dataset": a_digest("rows"),
        "digest": a_digest("x"),
    }
    rows = [
        job
        | {
            "at": NOW,
            "state": "running",
            "message": "Scoring in the isolated child",
            "steps_done": 1,
            "steps_total": 3,
            "remaining": 42.0,
            "may_cancel": True,
        },
        made,
        made | {"state": "submitted", "by": "R pipeline", "at": ago(hours=4)},
        job
        | {
            "at": ago(hours=6),
            "state": "failed",
            "error": "The worker died in each of 3 attempts; its memory or time limit may be too small.",
            "attempts": tries,
            "may_retry": True,
        },
        job | {"at": ago(hours=9), "state": "cancelled", "error": "Cancelled: the wrong data were pinned."},
    ]
    base = {
        "version": VERSION,
        "types": [{"type": "fairness/v1", "rows": rows}, {"type": "performance/v1", "rows": [made]}],
        "running": True,
        "requests": [],
    }
    return base | more


EVIDENCE: dict[str, tuple[str, Any]] = {
    "evidence-fairness": ("registry/evidence.html", evidence),
    "evidence-performance": ("registry/evidence.html", lambda: evidence("performance")),
    "evidence-explanation": ("registry/evidence.html", lambda: evidence("explanation")),
    "evidence-submitted": ("registry/evidence.html", submitted),
    "evidence-evaluation": ("registry/evidence.html", evaluated),
    "evidence-beside": ("registry/evidence.html", beside),
    "evidence-list": ("registry/evidence_list.html", attempts),
    "evidence-list-empty": ("registry/evidence_list.html", lambda: attempts(types=[], running=False)),
}
