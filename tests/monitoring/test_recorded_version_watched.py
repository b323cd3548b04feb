"""A version that no MLflow holds is watched like others, once it was given rows with its own answers."""

from __future__ import annotations

import io
from datetime import timedelta

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile

from governance.accounts.services import create_token
from governance.approvals.models import Finding, State
from governance.common.errors import Forbidden, InvalidInput
from governance.evidence.errors import CannotProduce
from governance.policy import shipped
from monitoring import services, windows
from monitoring.errors import NoReference
from monitoring.models import Alert, ReferenceProfile
from registry import recorded_data, selectors
from registry.errors import DataGiven
from tests.factories import Cast, a_user, state_of
from tests.monitoring.monitor_world import JSON_LINES, START, a_frame, lines_of, measure, scores_of
from tests.outside import a_recorded_version, recorded
from tests.registry.test_outside_mlflow import approved, bodies, stated

WEEK = timedelta(days=7)
MEANS = {"label": "credit_risk", "positive_label": "bad", "favourable_label": "good"}


@pytest.fixture
def cast(db, storage, settings):
    """Everybody with a part in it, under the shipped policy."""
    return Cast(shipped.text("outside-mlflow"))


def rows(*, answers=None, **changes):
    """A file of 600 evaluated rows with what the version answered."""
    frame = a_frame(600, seed=1)
    frame["credit_risk"] = ["bad" if n % 3 == 0 else "good" for n in range(len(frame))]
    frame["prediction"] = scores_of(frame) if answers is None else answers
    sink = io.BytesIO()
    frame.assign(**changes).to_parquet(sink)
    return sink.getvalue()


def given(cast, version, content=None, **more):
    return recorded_data.give_data(
        model=str(version.model),
        number=version.number,
        person=cast.engineer,
        content=content or rows(),
        **{**MEANS, **more},
    )


def live(cast, version):
    promotion = approved(cast, version)
    stated(cast, promotion)
    return promotion


def test_without_answers_there_is_nothing_to_compare_with_and_it_is_said_what_to_send(cast):
    version = a_recorded_version(cast.system, cast.owner)
    live(cast, version)
    assert services.watch_live() == []
    with pytest.raises(NoReference, match="evaluation-data"):
        services.open_monitor(model=version.model, alias="in-use", actor=cast.owner)


def test_it_is_watched_by_itself_and_a_drift_alarm_suspends_its_approval_and_rolls_nothing_back(cast):
    version = a_recorded_version(cast.system, cast.owner)
    given(cast, version)
    promotion = live(cast, version)
    (monitor,) = services.watch_live()
    assert (monitor.alias, monitor.snapshot.features) == ("in-use", ["amount", "months", "purpose"])
    assert sent(monitor, weeks_ago=1).outcome == "stable"
    assert state_of(promotion.approval) == State.APPROVED
    assert sent(monitor, shift=1.5).outcome == "drift"
    reference = ReferenceProfile.objects.get()
    assert (reference.version_id, reference.rows, reference.isolation) == (version.pk, 600, "")
    alert = Alert.objects.get()
    assert "nothing is rolled back: its owner is asked to stop using it" in alert.effect
    assert state_of(promotion.approval) == State.SUSPENDED
    asked = Finding.objects.get(code="stop-asked")
    assert asked.owner == cast.owner
    assert selectors.live(version.model, "in-use").version_id == version.pk


def sent(monitor, *, weeks_ago=0, shift=0.0):
    """A week of records, and what it shows."""
    start = START - weeks_ago * WEEK
    body = lines_of(a_frame(500, seed=20, shift=shift), start=start)
    facts = {"content_type": JSON_LINES, "sender": a_user(name="Scoring")}
    services.accept_records(monitor_id=monitor.pk, batch_id=f"b-{weeks_ago}", body=body, **facts)
    return measure(monitor, start=start, end=start + WEEK)


def test_another_version_is_compared_with_its_own_answers(cast):
    first = a_recorded_version(cast.system, cast.owner)
    given(cast, first)
    live(cast, first)
    (monitor,) = services.watch_live()
    second = recorded(cast.system, cast.owner, version="2026-09")
    with pytest.raises(CannotProduce, match="was given no evaluation data"):
        windows.reference_of(monitor, second)
    given(cast, second, rows(answers=[0.9] * 600))
    second.refresh_from_db()
    profile = windows.reference_of(monitor, second).profile
    answers = next(column for column in profile["columns"] if column["name"] == "prediction")
    assert answers["mean"] == pytest.approx(0.9)
    third = recorded(cast.system, cast.owner, version="2026-10")
    given(cast, third, rows(another=[1.0] * 600))
    third.refresh_from_db()
    with pytest.raises(CannotProduce, match="other features"):
        windows.reference_of(monitor, third)


def test_data_is_given_once_by_who_records_and_the_log_has_it(cast):
    version = a_recorded_version(cast.system, cast.owner)
    with pytest.raises(Forbidden):
        recorded_data.give_data(
            model=str(version.model), number=version.number, person=cast.validator, content=rows(), **MEANS
        )
    made = given(cast, version, sensitive_features=["purpose"])
    data = made.evaluation_dataset
    assert (data.rows, data.features, data.sensitive_features) == (600, ["amount", "months"], ["purpose"])
    assert [body["event"] for body in bodies()[:2]] == ["version.data_given", "dataset.mirrored"]
    assert {body["actor"].rpartition(":")[2] for body in bodies()[:2]} == {str(cast.engineer.pk)}
    with pytest.raises(DataGiven):
        given(cast, version, rows(answers=[0.1] * 600))


@pytest.mark.parametrize(
    ("content", "more", "said"),
    [
        (b"no table", {}, "can't be used"),
        ("no answers", {}, "no column 'prediction'"),
        ("words", {}, "numbers are needed"),
        ("gaps", {}, "without a finite number"),
        ("good", {"label": "outcome"}, "no label column"),
        ("good", {"positive_label": None}, "lacks 'positive_label'"),
        ("good", {"sensitive_features": ["sex"]}, "lacks the sensitive features"),
    ],
)
def test_what_can_not_be_used_is_refused_with_a_sentence(cast, content, more, said):
    bad = {"words": ["high"] * 600, "gaps": [float("nan")] * 600}
    if content == "no answers":
        frame, sink = a_frame(30, seed=1).assign(credit_risk="good"), io.BytesIO()
        frame.to_parquet(sink)
        content = sink.getvalue()
    elif isinstance(content, str):
        content = rows(answers=bad.get(content))
    version = a_recorded_version(cast.system, cast.owner)
    with pytest.raises(InvalidInput, match=said):
        given(cast, version, content, **more)
    version.refresh_from_db()
    assert version.evaluation_dataset is None


def test_over_the_api_the_same(cast, client):
    version = a_recorded_version(cast.system, cast.owner)
    token = create_token(holder=cast.engineer, label="mine", scopes=["promotions:write", "promotions:read"])
    person = {"HTTP_AUTHORIZATION": f"Bearer {token}"}
    where = "/api/v1/evaluation-data"
    file = SimpleUploadedFile("evaluated.parquet", rows())
    means = {
        "model": str(version.model),
        "version": 1,
        "label_column": "credit_risk",
        "positive_label": "bad",
        "favourable_label": "good",
    }
    answer = client.post(where, {**means, "file": file}, **person)
    assert answer.status_code == 201, answer.content
    said = answer.json()
    assert (said["rows"], said["label_column"], said["features"]) == (
        600,
        "credit_risk",
        ["amount", "months", "purpose"],
    )
    again = client.post(where, {**means, "file": SimpleUploadedFile("e.parquet", rows())}, **person)
    assert (again.status_code, again.json()["title"]) == (409, "The version has evaluation data already")
