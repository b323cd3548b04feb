"""A pass of the reconciler costs by the page and not by the model, and never takes Placet's own act for a bypass."""

from __future__ import annotations

import pytest
from django.db import connection, transaction
from django.test.utils import CaptureQueriesContext

from governance.approvals.models import Finding
from registry import alias_changes, applying, mlflow, promotions, reconcile
from registry.models import ModelVersion, RegisteredModel
from tests.factories import a_version
from tests.registry.test_reconcile import digest, live, put_live  # noqa: F401 (a fixture)


@pytest.mark.parametrize("work", [reconcile.watch_aliases, reconcile.mirror_registry])
def test_a_pass_costs_no_more_for_thirty_models_than_for_three(cast, tracking, monkeypatch, work):
    costs = []
    for models in (3, 30):
        for number in range(models):
            tracking.add(f"scoring-{number}", 1, location="mlflow-artifacts:/shared")
            tracking.aliases[f"scoring-{number}"]["challenger"] = 1
        with mlflow.Client() as client:
            reconcile.mirror_registry(client, reconcile.Report())
            calls = []
            ask = client._call

            def counted(*asked, _ask=ask, _made=calls, **more):
                _made.append(asked)
                return _ask(*asked, **more)

            monkeypatch.setattr(client, "_call", counted)
            with CaptureQueriesContext(connection) as queries:
                work(client, reconcile.Report())
        costs.append((len(calls), len(queries)))
    assert ModelVersion.objects.count() == 30
    assert costs[0] == costs[1]


def test_pages_are_followed_to_the_end(cast, tracking, monkeypatch):
    """The double answers one page; here it answers three, as MLflow does when there is more."""
    for number in range(1, 4):
        tracking.add("scoring", number)
    tracking.aliases["scoring"]["champion"] = 3
    answer = tracking.answer

    def paged(path, query, body):
        status, said = answer(path, query, body)
        for key in ("model_versions", "registered_models"):
            if isinstance(said, dict) and said.get(key):
                at = int(query.get("page_token") or 0)
                more = {"next_page_token": str(at + 1)} if at + 1 < len(said[key]) else {}
                return 200, {key: said[key][at : at + 1], **more}
        return status, said

    monkeypatch.setattr(tracking, "answer", paged)
    reconcile.reconcile()
    assert sorted(ModelVersion.objects.values_list("number", flat=True)) == [1, 2, 3]
    assert Finding.objects.get().title.startswith("Unapproved champion: MLflow has scoring version 3 there")


@pytest.mark.parametrize("pages", ["model_pages", "version_pages"])
def test_a_promotion_applied_in_the_middle_of_a_pass_is_no_finding(live, cast, tracking, monkeypatch, pages):  # noqa: F811
    second = a_version(cast.model, number=2, trained_by=cast.engineer)
    tracking.mirror(second)
    ask = getattr(mlflow.Client, pages)

    def meanwhile(client):
        put_live(cast, tracking, second)
        yield from ask(client)

    monkeypatch.setattr(mlflow.Client, pages, meanwhile)
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    assert list(Finding.objects.values_list("code", flat=True)) == []


def test_an_alias_that_is_put_back_before_anybody_looks_twice_is_still_seen(live, cast, tracking, monkeypatch):  # noqa: F811
    tracking.mirror(a_version(cast.model, number=2))
    tracking.aliases[cast.model.name]["champion"] = 2
    ask = mlflow.Client.version_pages

    def meanwhile(client):
        tracking.aliases[cast.model.name]["champion"] = 1
        yield from ask(client)

    monkeypatch.setattr(mlflow.Client, "version_pages", meanwhile)
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    assert Finding.objects.get().title.startswith(f"Unapproved champion: MLflow has {cast.model.name} version 2 there")


def test_an_alias_between_the_call_to_mlflow_and_its_note_is_no_finding(cast, tracking):
    version = a_version(cast.model, number=1, trained_by=cast.engineer)
    tracking.mirror(version)
    digest(version)
    made, _ = promotions.request_promotion(model=cast.model.name, version=1, alias="champion", requester=cast.engineer)
    tracking.aliases[cast.model.name]["champion"] = 1
    with transaction.atomic():
        applying._begin(made, actor=alias_changes.APPLIER)
    assert reconcile.run_pass("aliases", reconcile.watch_aliases).findings == []


def test_a_row_that_cannot_be_read_is_a_finding_and_the_next_is_still_seen(cast, tracking):
    tracking.add("broken", 1)
    tracking.versions["broken", 1]["version"] = "not a number"
    tracking.add("scoring", 1, stage="Production")
    reconcile.reconcile()
    found = set(Finding.objects.values_list("code", flat=True))
    assert found == {"unchecked", "unapproved-stage"}
    assert set(RegisteredModel.objects.values_list("name", flat=True)) >= {"broken", "scoring"}


def test_a_live_version_that_searches_hide_is_still_seen(live, cast, tracking, monkeypatch):  # noqa: F811
    """MLflow hides every version of a model of which one is marked as a prompt, and the model itself too."""
    other = a_version(cast.model, number=2)
    tracking.mirror(other)
    tracking.aliases[cast.model.name]["champion"] = 2
    monkeypatch.setattr(mlflow.Client, "version_pages", lambda client, name="": iter([[]]))
    monkeypatch.setattr(mlflow.Client, "model_pages", lambda client: iter([[]]))
    reconcile.run_pass("aliases", reconcile.watch_aliases)
    assert Finding.objects.get().title.startswith(f"Unapproved champion: MLflow has {cast.model.name} version 2 there")
