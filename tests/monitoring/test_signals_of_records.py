"""From records, late labels and a policy to a drift run: what the policy names is read, judged, and acted upon."""

import json
from datetime import timedelta

import numpy as np
import pytest
from monitor_world import START, a_frame, make_world, measure, scores_of, send
from sklearn.metrics import accuracy_score, roc_auc_score

from governance.approvals.models import ApprovalRequest, State
from governance.common.clock import rfc3339
from governance.evidence.schemas import first_problem
from monitoring import gathering, keeping, services
from monitoring.intake import JSON_LINES
from monitoring.models import Alert

pytestmark = pytest.mark.django_db(transaction=True)

WEEK = timedelta(days=7)
BEGIN = START - 12 * WEEK
TERMS = """\
  latency: {watch: 300, limit: 600}
  kpis:
    margin: {better: higher, watch: 2, limit: 6}
  performance: {metric: roc_auc, watch: 0.03, limit: 0.1}
  estimated_performance: {metric: accuracy, watch: 0.05, limit: 0.1}
  selection_ratio: {watch: 0.85, limit: 0.7}
  tpr_difference: {watch: 0.15, limit: 0.3}
"""
NAMED = {"latency", "kpi", "performance", "estimated_performance", "selection_ratio", "tpr_difference"}


def people(n, *, seed):
    """Rows with what becomes of them, by the chance that this world's model says, and their sex."""
    frame, rng = a_frame(n, seed=seed), np.random.default_rng(seed)
    outcome = np.where(rng.random(n) < scores_of(frame), "bad", "good")
    return frame.assign(credit_risk=outcome, sex=rng.choice(["female", "male"], n))


@pytest.fixture
def named(db, storage):
    """A world whose policy names every signal."""
    return make_world(terms=TERMS, reference=people(1500, seed=1))


@pytest.fixture
def watched(named):
    monitor = services.open_monitor(model=named.model, alias="champion", actor=named.owner)
    return keeping.set_intake(
        monitor_id=monitor.pk, intake={"kpis": ["margin"], "sensitive": ["sex"]}, actor=named.owner
    )


def week(monitor, world, place=0, *, n=800, ids=True, slow=1.0, margin=30.0, drop=(), unfair=0.0):
    """Send one week of records; return its people with scores."""
    rng = np.random.default_rng([7, place])
    frame = people(n, seed=50 + place)
    frame["prediction"] = np.where((frame["sex"] == "female") & (rng.random(n) < unfair), 0.99, scores_of(frame))
    frame["latency_ms"], frame["margin"] = rng.lognormal(4, 0.6, n) * slow, rng.normal(margin, 8, n)
    frame["prediction_id"] = [f"{place}-{row}" for row in range(n)]
    sent = frame.drop(columns=["credit_risk", *drop, *([] if ids else ["prediction_id"])])
    start = BEGIN + place * WEEK
    lines = [
        json.dumps(row | {"predicted_at": rfc3339(start + number * WEEK / n)})
        for number, row in enumerate(sent.to_dict("records"))
    ]
    send(monitor, world, "\n".join(lines).encode(), f"week-{place}")
    return frame


def label(monitor, world, frame, *, batch="labels", turned=False):
    other = {"bad": "good", "good": "bad"}
    lines = [
        json.dumps({"prediction_id": row["prediction_id"], "label": other[found] if turned else found})
        for row in frame.to_dict("records")
        if (found := row["credit_risk"])
    ]
    services.accept_labels(
        monitor_id=monitor.pk,
        batch_id=batch,
        body="\n".join(lines).encode(),
        content_type=JSON_LINES,
        sender=world.service,
    )


def measured(monitor, place=0):
    run = measure(monitor, start=BEGIN + place * WEEK, end=BEGIN + (place + 1) * WEEK)
    assert first_problem("drift/v1", run.evidence.payload) is None
    return run, {row["signal"]: row for row in run.evidence.payload["signals"]}


def test_a_week_has_every_figure_that_the_policy_names_of_the_version_that_served(watched, named):
    frame = week(watched, named)
    label(watched, named, frame.head(500))
    run, found = measured(watched)
    assert found.keys() >= NAMED
    assert (run.outcome, Alert.objects.count()) == ("stable", 0)
    assert run.evidence.payload["version"] == "credit-risk/2"
    assert found["latency"]["value"] == np.quantile(frame["latency_ms"], 0.95, method="inverted_cdf")
    assert found["kpi"]["current"]["value"] == pytest.approx(frame["margin"].mean())
    known = frame.head(500)
    auc = roc_auc_score(known["credit_risk"] == "bad", known["prediction"])
    assert found["performance"]["current"]["value"] == pytest.approx(auc)
    assert (found["performance"]["labelled"], found["performance"]["coverage"]) == (500, 500 / 800)
    reference = people(1500, seed=1)
    said = scores_of(reference)
    assert found["performance"]["reference"]["value"] == pytest.approx(
        roc_auc_score(reference["credit_risk"] == "bad", said)
    )
    assert found["estimated_performance"]["calibration"]["observed"] == pytest.approx(
        accuracy_score(reference["credit_risk"] == "bad", said >= 0.5)
    )
    shares = (frame["prediction"] < 0.5).groupby(frame["sex"]).mean()  # the event is bad, so below is favourable
    ratio = found["selection_ratio"]
    assert {ratio["group"], ratio["against"]} == {"female", "male"}
    assert ratio["value"] == pytest.approx(shares.min() / shares.max())
    good = known[known["credit_risk"] == "good"]
    tpr = (good["prediction"] < 0.5).groupby(good["sex"]).mean()
    assert found["tpr_difference"]["value"] == pytest.approx(tpr.max() - tpr.min())
    assert run.evidence.environment["inputs"]["labels"].startswith("sha256:")
    assert run.evidence.payload["settings"]["latency"] == {"watch": 300, "limit": 600, "quantile": 0.95}


def test_what_the_records_have_no_column_for_is_absent(watched, named):
    week(watched, named, drop=["latency_ms", "margin", "sex"])
    _, found = measured(watched)
    assert NAMED & found.keys() == {"performance", "estimated_performance"}
    assert found["performance"]["reason"] == "Of the labelled records: fewer than 100 have a label."
    assert (found["performance"]["labelled"], found["performance"]["coverage"]) == (0, 0.0)


def test_without_a_policy_that_names_them_nothing_more_is_read(monitor, world, monkeypatch):
    def read(*_, **__):
        raise AssertionError("records were read")

    monkeypatch.setattr(gathering, "rows_between", read)
    monkeypatch.setattr(gathering.labels, "pairs", read)
    monkeypatch.setattr(gathering, "dataset_bytes", read)
    send(monitor, world, b"\n".join(
        json.dumps(row | {"prediction": 0.5, "predicted_at": rfc3339(BEGIN)}).encode()
        for row in a_frame(200, seed=3).to_dict("records")))  # fmt: skip
    run = measure(monitor, start=BEGIN, end=BEGIN + WEEK)
    assert not NAMED & {row["signal"] for row in run.evidence.payload["signals"]}


@pytest.mark.parametrize(
    ("change", "signal", "says"),
    [
        ({"slow": 8.0}, "latency", "5 % of the answers take"),
        ({"unfair": 0.7}, "selection_ratio", "of sex female and"),
    ],
)
def test_a_breach_of_a_signal_suspends_what_the_policy_says_it_suspends(watched, named, change, signal, says):
    week(watched, named, **change)
    run, found = measured(watched)
    assert (found[signal]["outcome"], run.outcome) == ("breach", "drift")
    alert = Alert.objects.get()
    assert (alert.severity, alert.version) == ("breach", named.version)
    assert says in alert.title
    assert ApprovalRequest.objects.get(pk=named.approval.pk).state == State.SUSPENDED


def test_labels_that_contradict_the_scores_are_a_breach_and_the_estimate_can_not_see_it(watched, named):
    frame = week(watched, named)
    label(watched, named, frame, turned=True)
    run, found = measured(watched)
    assert (found["performance"]["outcome"], found["estimated_performance"]["outcome"]) == ("breach", "stable")
    assert "with labels roc auc is 0." in Alert.objects.get().title
    assert run.outcome == "drift"


def test_a_kpi_is_compared_with_the_windows_of_the_version_before(watched, named):
    for place in range(9):
        week(watched, named, place, margin=30.0 if place < 8 else 10.0)
        run, found = measured(watched, place)
    row = found["kpi"]
    assert (row["windows"], row["outcome"], run.outcome) == (8, "breach", "drift")
    assert row["value"] == pytest.approx(20, abs=1)
    assert "margin is 9." in Alert.objects.get().title


@pytest.fixture
def late(db, storage):
    return make_world(terms=TERMS + "  labels_after: P7D\n", reference=people(1500, seed=1))


def test_late_labels_are_of_the_window_that_ended_so_long_before(late):
    monitor = services.open_monitor(model=late.model, alias="champion", actor=late.owner)
    first = week(monitor, late, 0, drop=["margin", "sex"])
    week(monitor, late, 1, drop=["margin", "sex"])
    label(monitor, late, first)
    _, found = measured(monitor, 1)
    assert found["performance"]["window"] == {"start": rfc3339(BEGIN), "end": rfc3339(BEGIN + WEEK)}
    assert (found["performance"]["labelled"], found["performance"]["outcome"]) == (800, "stable")


def test_groups_are_named_as_in_fairness_evidence():
    found = gathering.groups_of(
        {"sex": ["f", "m", None, "m"], "flag": [True, False, True, True], "kids": [0.0, 2.0, 2.0, None],
         "age": list(range(4 * 4))[:4] , "many": [f"{i}" for i in range(4)]},
        {"sex": "f", "kids": "0"},
    )  # fmt: skip
    assert found.names["sex"] == ("f", "m", "not stated")
    assert (found.references["sex"], found.references["kids"], found.references["flag"]) == (0, 0, 1)
    assert found.names["kids"] == ("0", "2", "not stated")
    assert found.codes["sex"].tolist() == [0, 1, 2, 1]
    assert "income" not in gathering.groups_of({"income": [float(i) for i in range(13)]}, {}).codes
