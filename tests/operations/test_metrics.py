"""``/metrics``: who reads it, what it says, and that dashboard, rules and reference name what there is."""

from __future__ import annotations

import json
import re
from datetime import timedelta
from typing import Any

import pytest
import yaml
from django.db import OperationalError
from django.test import Client
from prometheus_client.parser import text_string_to_metric_families
from pytest_django.fixtures import Settings
from redis.exceptions import ConnectionError as BrokerAway

from governance.common import alive, clock
from governance.config.operations import asking, measures
from governance.config.operations.measures import METRICS
from governance.evidence.models import EvidenceJob
from tests.arch.tree import ROOT

TOKEN = "of-the-scraper"
EXAMPLES = ROOT / "examples" / "operations"
NAME = re.compile(r"\bplacet_[a-z_]+")


@pytest.fixture(autouse=True)
def _token(settings: Settings) -> None:
    settings.METRICS_TOKEN = TOKEN


def scraped(client: Client) -> dict[tuple[str, tuple[str, ...]], float]:
    """Return every sample of a scrape by name and label values, read as Prometheus does."""
    answer = client.get("/metrics", headers={"Authorization": f"Bearer {TOKEN}", "Host": "10.1.2.3:8000"})
    assert answer.status_code == 200
    assert answer["Content-Type"].startswith("text/plain; version=0.0.4")
    families = text_string_to_metric_families(answer.content.decode())
    return {(one.name, tuple(one.labels.values())): one.value for family in families for one in family.samples}


def test_without_the_setting_there_is_no_such_address(client: Client, settings: Settings):
    settings.METRICS_TOKEN = ""
    assert client.get("/metrics").status_code == 404
    assert client.get("/metrics", headers={"Authorization": "Bearer "}).status_code == 404


@pytest.mark.parametrize("shown", ["", "Bearer", "Bearer other", f"Basic {TOKEN}", TOKEN, "Bearer ä"])
def test_another_token_reads_nothing(client: Client, shown: str):
    answer = client.get("/metrics", headers={"Authorization": shown})
    assert (answer.status_code, answer["WWW-Authenticate"]) == (401, "Bearer")
    assert b"placet_" not in answer.content


def test_every_metric_is_given_and_no_other(client: Client, db: None):
    alive.tell("beat")
    found = scraped(client)
    assert {name for name, _ in found} == METRICS.keys() - {"placet_anchor_age_seconds", "placet_anchors_failing"}
    assert all(value == 1 for (name, _), value in found.items() if name == "placet_collected")
    assert found["placet_notary_working", ()] == 0
    assert found["placet_gate_answers_total", ("refused",)] == 0
    assert found["placet_sign_of_life_age_seconds", ("beat",)] < 60


def test_figures_are_those_of_the_tables(client: Client, db: None, django_assert_max_num_queries: Any):
    now = clock.now()
    for number, state in enumerate(["queued", "queued", "running"]):
        EvidenceJob.objects.create(
            type="fairness/v1",
            subject_digest="sha256:a",
            subject_name="credit-risk v1",
            inputs_digest=f"sha256:{number}",
            state=state,
            made_at=now - timedelta(minutes=number),
        )
    with django_assert_max_num_queries(80):  # most of them begin and end a group's limit of time
        found = scraped(client)
    assert found["placet_evidence_jobs", ("queued",)] == 2
    assert found["placet_evidence_jobs", ("running",)] == 1
    assert found["placet_evidence_jobs", ("failed",)] == 0
    assert 60 <= found["placet_evidence_job_oldest_waiting_seconds", ()] < 120


def test_a_group_that_cant_be_asked_is_absent_and_says_so(client: Client, db: None, monkeypatch: pytest.MonkeyPatch):
    def away() -> Any:
        raise BrokerAway("nothing listens there")

    def slow() -> Any:
        raise OperationalError("canceling statement due to statement timeout")
        yield

    monkeypatch.setattr(asking, "broker", away)
    monkeypatch.setattr(measures, "GROUPS", {**measures.GROUPS, "findings": slow})
    found = scraped(client)
    assert {labels for (name, labels), value in found.items() if name == "placet_collected" and value == 0} == {
        ("broker",),
        ("findings",),
    }
    assert not any(name in {"placet_queue_messages", "placet_findings_open"} for name, _ in found)
    assert found["placet_log_entries", ()] >= 0


def test_names_and_labels_follow_prometheus_conventions():
    for name, kind in METRICS.items():
        assert name.endswith("_total") == (kind.type == "counter"), name
        assert set(kind.labels) <= {"group", "state", "within", "severity", "queue", "part", "kind", "verdict"}
        assert ("_age" in name or "_lag" in name or "waiting_sec" in name) <= name.endswith("_seconds"), name


def test_each_metric_is_explained_in_the_reference_with_its_labels():
    rows = dict(
        re.findall(
            r"^\| `(placet_\w+)` \| (\w+ \|[^|]*)\|", (ROOT / "docs/reference/metrics.md").read_text(), re.MULTILINE
        )
    )
    assert rows.keys() == METRICS.keys()
    for name, kind in METRICS.items():
        assert rows[name].split(" |")[0] == kind.type, name
        assert re.findall(r"`(\w+)`", rows[name]) == list(kind.labels), name


def test_the_dashboard_and_the_rules_name_metrics_that_there_are():
    dashboard = json.loads((EXAMPLES / "grafana-dashboard.json").read_text())
    shown = {
        name for panel in dashboard["panels"] for target in panel["targets"] for name in NAME.findall(target["expr"])
    }
    rules = yaml.safe_load((EXAMPLES / "prometheus-rules.yaml").read_text())["groups"][0]["rules"]
    watched = {name for rule in rules for name in NAME.findall(rule["expr"])}
    assert shown <= METRICS.keys()
    assert watched <= METRICS.keys()
    assert len(shown) > 15
    assert watched >= {"placet_notary_lag_seconds", "placet_anchor_age_seconds", "placet_sign_of_life_age_seconds"}
    assert all(rule["annotations"]["runbook"].startswith("docs/how-to/watch-placet.md#") for rule in rules)
    guide = (ROOT / "docs/how-to/watch-placet.md").read_text()
    assert all(f"\n### {rule['annotations']['runbook'].partition('#')[2]}\n" in guide for rule in rules)
