"""A prediction that was logged, explained by its id: real records through the intake, a real model in its sandbox."""

import json
import re

import mlflow.sklearn
import numpy as np
import pandas as pd
import pytest
from django.core.cache import cache
from django.test import Client
from django.urls import reverse
from sklearn.linear_model import LogisticRegression

from governance.accounts.roles import Role
from governance.audit.models import Entry, Payload
from governance.evidence.tasks import run_job
from monitoring.services import open_monitor
from reports import looks
from reports.explanation import local
from reports.web import records as pages
from tests.factories import a_system, a_user, a_version, given
from tests.reports.flavors import WORDS, rows, save
from tests.reports.jobs import a_job, a_version_of

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.filterwarnings("ignore")]


class World:
    """A version with an explanation, a monitor of it, and somebody who may read both."""

    def __init__(self, folder):
        self.folder = folder
        self.model = save(folder, mlflow.sklearn.save_model, LogisticRegression().fit(rows(), WORDS))
        columns = [{"name": name, "type": "double"} for name in "abc"]
        frame = rows().assign(label=WORDS)
        self.version = a_version_of(folder, frame, features=list("abc"), columns=columns)
        self.engineer = a_user(Role.ENGINEER, name="Engineer")
        self.monitor = self.watched("champion")
        self.client = Client()
        self.client.force_login(self.engineer)

    def watched(self, alias):
        return open_monitor(model=self.version.model, alias=alias, actor=self.engineer, version=self.version)

    def explained(self):
        job = a_job(None, "explanation/v1", version=self.version)
        run_job(str(job.pk))
        job.refresh_from_db()
        assert job.error == ""

    def says(self, record):
        place = list(self.model.classes_).index("bad")
        return float(self.model.predict_proba(pd.DataFrame([record]))[0, place])

    def send(self, batch, *records, version=None, monitor=None):
        path = f"/api/v1/monitors/{(monitor or self.monitor).pk}/records?batch={batch}"
        path += f"&version={(version or self.version).number}"
        body = "\n".join(map(json.dumps, records))
        sent = self.client.post(path, body, content_type="application/x-ndjson")
        assert sent.status_code == 201, sent.content

    def ask(self, **sent):
        return self.client.post(address(self.version), sent)


def address(version):
    return reverse("record-explain", args=[version.model_id, version.number])


@pytest.fixture
def enqueued(monkeypatch):
    """The looks that a worker was told about."""
    seen = []
    monkeypatch.setattr(pages, "enqueue_on_commit", lambda task, *ids: seen.extend(ids))
    return seen


@pytest.fixture
def world(settings, tmp_path, enqueued):
    settings.STORAGE_ROOT = tmp_path / "storage"
    return World(tmp_path / "model")


RECORD = {"a": 0.25, "b": -1.5, "c": 0.125}


def page_of(world, enqueued, **sent):
    """Ask, let the worker work, and read the page as a person does: without tags and doubled spaces."""
    answer = world.ask(**sent)
    assert answer.status_code == 302, answer.content.decode()
    looks.work(enqueued[-1])
    page = world.client.get(answer.headers["Location"]).content.decode()
    return page, " ".join(re.sub("<[^>]+>", " ", page).split())


@pytest.mark.slow
def test_a_logged_prediction_is_explained_and_compared_with_what_the_model_says_now(world, enqueued):
    world.explained()
    said = world.says(RECORD)
    at = "2026-11-02T08:00:00Z"
    world.send(
        "b-1",
        RECORD | {"prediction": said, "prediction_id": "client-77", "predicted_at": at},
        RECORD | {"prediction": 1 - said, "prediction_id": "client-78", "predicted_at": at},
        {"a": 1.0, "b": 1.0, "c": None, "prediction": 0.1, "prediction_id": "client-79", "predicted_at": at},
    )
    before = Entry.objects.count()
    _, text = page_of(world, enqueued, prediction="client-77", day="2026-11-02", most="2", mutable=["a", "b"])
    assert f"The model said {said:.6f} then and says {said:.6f} now, in the sandbox. They agree within" in text
    assert "A change that turns the decision" in text
    assert "-1.5" in text
    kept = cache.get(f"look:{enqueued[-1]}")
    result = kept["result"]
    assert kept["record"] == {}
    assert sum(row["phi"] for row in result["contributions"]) == pytest.approx(result["score"] - result["base"])
    assert result["said"] == pytest.approx(said)

    entry = Entry.objects.latest("recorded_at")
    assert Entry.objects.count() == before + 1
    assert '"event":"explanation.read"' in str(vars(entry))
    assert '"record":"of a logged prediction"' in str(vars(entry))
    assert "client-77" not in str(vars(entry))
    assert "client-77" in str(vars(Payload.objects.get(entry=entry)))

    page, text = page_of(world, enqueued, prediction="client-78")
    assert f"The model said {1 - said:.6f} then and says {said:.6f} now" in text
    assert f"They differ by {abs(1 - 2 * said):.3f}, more than" in text
    assert "At the threshold 0.300 the decision is another one." in text
    assert "client-78" not in page


@pytest.mark.slow
def test_what_can_not_be_found_is_told_on_the_page(world, enqueued):
    world.explained()
    third = a_version(world.version.model, number=3, evaluation_dataset=world.version.evaluation_dataset)
    world.send("b-1", RECORD | {"prediction": 0.5, "prediction_id": "p-3"}, version=third)
    before = Entry.objects.count()
    page, text = page_of(world, enqueued, prediction="p-3")
    assert "Prediction p-3 was made by version 3 of" in text
    assert f'href="{address(third)}"' in page
    assert "no record has the prediction_id p-4" in page_of(world, enqueued, prediction="p-4")[1]
    world.send("b-2", RECORD | {"prediction": 0.5, "prediction_id": "p-5"})
    world.send("b-3", RECORD | {"prediction": 0.6, "prediction_id": "p-5"})
    assert "Prediction p-5 was logged 2 times with different content" in page_of(world, enqueued, prediction="p-5")[1]
    assert Entry.objects.count() == before  # nothing of a record was shown

    other = rows().assign(label=WORDS)[["a", "label"]]
    fewer = a_version_of(world.folder, other, features=["a"], columns=[{"name": "a", "type": "double"}])
    narrow = open_monitor(
        model=world.version.model, alias="narrow", actor=world.engineer,
        version=a_version(world.version.model, number=4, evaluation_dataset=fewer.evaluation_dataset),
    )  # fmt: skip
    world.send("b-4", {"a": 0.5, "prediction": 0.5, "prediction_id": "p-6"}, monitor=narrow)
    text = page_of(world, enqueued, prediction="p-6")[1]
    assert "The record lacks features that the model needs: b, c." in text


def test_outside_the_system_of_the_model_there_is_no_page(world, enqueued):
    world.send("b-1", RECORD | {"prediction": 0.5, "prediction_id": "p-1"})
    elsewhere = a_user(name="Elsewhere")
    given(elsewhere, Role.ENGINEER, system_id=a_system().pk)
    stranger = Client()
    stranger.force_login(elsewhere)
    assert stranger.post(address(world.version), {"prediction": "p-1"}).status_code == 404
    assert enqueued == []


@pytest.mark.parametrize(
    ("sent", "message"),
    [
        ({"prediction": "p-1", "row": "3"}, "Name one record"),
        ({"prediction": "p-1", "features": "{}"}, "Name one record"),
        ({"prediction": "p" * 1001}, "at most 1,000 characters"),
        ({"prediction": "p\x00q"}, "all of them printable"),
        ({"prediction": "p-1", "day": "2 November"}, "must be a date as in 2026-11-02"),
    ],
)
def test_what_can_not_be_a_question_is_told(world, enqueued, monkeypatch, sent, message):
    data = world.version.evaluation_dataset
    monkeypatch.setattr(looks, "evidence_of", lambda version: type("E", (), {"dataset_digest": data.digest}))
    answer = world.ask(**sent)
    assert answer.status_code == 422
    assert message in answer.content.decode()
    assert enqueued == []
    assert world.ask(prediction="p-1").status_code == 302


def test_then_and_now_differ_by_more_than_the_tolerance_of_their_unit():
    def compared(logged, said, task):
        found = local.then_and_now(logged, said, task=task, threshold=0.3)
        return found["differs"], found["turned"]

    assert compared(0.5, 0.5 + 9e-7, "binary") == (False, False)
    assert compared(float(np.float32(0.1)), 0.1, "binary") == (False, False)
    assert compared(0.5, 0.5 + 2e-6, "binary") == (True, False)
    assert compared(0.3, 0.3 - 2e-7, "binary") == (False, True)
    assert compared(2_000_000.0, 2_000_001.0, "regression") == (False, False)
    assert compared(2_000_000.0, 2_000_003.0, "regression") == (True, False)
    assert compared(0.5, 0.9, "multiclass") == (None, None)


def test_a_missing_whole_number_or_truth_is_refused_and_never_taken_for_another():
    like = pd.DataFrame({"n": [1, 2], "yes": [True, False], "x": [0.5, 1.0]})
    assert np.isnan(local.one_row({"n": 1, "yes": True, "x": None}, like)["x"][0])
    assert local.one_row({"n": None}, pd.DataFrame({"n": pd.array([1, None], dtype="Int64")}))["n"].isna().all()
    for name in ("n", "yes"):
        with pytest.raises(ValueError, match=f"{name} is missing, and its column, .*, has no missing values"):
            local.one_row({"n": 1, "yes": True, "x": 0.5} | {name: None}, like)
