"""The pages of evidence: each question about a figure is answered there, and downloads are what they say."""

from __future__ import annotations

import io
import json
import re
from hashlib import sha256
from xml.etree import ElementTree as ET

import pyarrow.parquet as pq
import pytest
from django.test import Client

from governance.evidence import jobs, services, storage, tasks
from governance.evidence.models import Evidence, EvidenceJob, Reproduction
from governance.evidence.numbers import numbers, side_by_side
from governance.evidence.producers import Product
from tests import payloads
from tests.factories import a_system, a_user, a_version, attach, submit

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture(autouse=True)
def _own_storage(settings, tmp_path) -> None:
    """A storage of the test's own: some of these tests spoil it."""
    settings.STORAGE_ROOT = tmp_path


@pytest.fixture
def told(monkeypatch) -> list[str]:
    """The ids of the jobs that the broker was told; no broker is asked."""
    ids: list[str] = []
    monkeypatch.setattr(tasks.run_job, "delay", ids.append)
    return ids


def browser(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text(answer) -> str:
    assert answer.status_code == 200, answer.content
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", answer.content.decode()))


def evidence_of(made, kind) -> Evidence:
    return Evidence.objects.get(subject_id=made.version_id, type=kind)


def test_the_page_answers_on_what_rows_how_sure_by_whose_definition_and_again(cast):
    made = cast.reviewed()
    assert storage.put(b"evaluation") == made.version.evaluation_dataset.digest
    for kind in ("performance/v1", "fairness/v1", "explanation/v1"):
        item = evidence_of(made, kind)
        said = text(browser(cast.validator).get(f"/evidence/{item.pk}"))
        assert "computed by Placet" in said
        assert "300" in said
        for words in ("On what rows", "How sure", "By whose definition", "Can you do it again", "95 %, beside each"):
            assert words in said, (kind, words)
        for definition in ("credit granted", "good", "bad", "Decision threshold", "Reference group of sex male"):
            assert definition in said, (kind, definition)
        assert item.payload["reference_check"]["library"] in said
        assert item.payload_digest[7:13] in said
        assert "Do it again" in said
    said = text(browser(cast.validator).get(f"/evidence/{evidence_of(made, 'fairness/v1').pk}"))
    assert "Min share 0.05 the policy asked for it" in said
    storage.path_of(made.version.evaluation_dataset.digest).unlink()
    said = text(browser(cast.validator).get(f"/evidence/{evidence_of(made, 'fairness/v1').pk}"))
    assert "Do it again" not in said
    assert "No longer reproducible" in said


def test_submitted_evidence_says_so_on_its_page_the_review_page_and_the_list(cast):
    made = cast.promotion()
    attach(made.approval, payloads.performance(production=False))
    attach(made.approval, payloads.explanation())
    item = submit(made.approval, payloads.fairness(), a_user(name="Robin Sender"))
    client = browser(cast.validator)
    words = "ubmitted by Robin Sender, not computed by Placet"
    for path in (
        f"/evidence/{item.pk}",
        f"/approvals/{made.approval_id}",
        f"/models/{cast.model.pk}/versions/1/evidence",
    ):
        assert words in text(client.get(path)), path
    assert "Do it again" not in text(client.get(f"/evidence/{item.pk}"))
    computed = evidence_of(made, "performance/v1")
    assert f'href="/evidence/{computed.pk}"' in client.get(f"/approvals/{made.approval_id}").content.decode()


def test_the_json_is_the_bytes_whose_digest_the_log_names(cast):
    item = evidence_of(cast.reviewed(), "fairness/v1")
    answer = browser(cast.validator).get(f"/evidence/{item.pk}/payload.json")
    assert "sha256:" + sha256(answer.content).hexdigest() == item.payload_digest
    assert json.loads(answer.content) == item.payload
    assert answer.headers["Content-Disposition"].startswith('attachment; filename="fairness-')
    assert "sandbox" in answer.headers["Content-Security-Policy"]


def test_the_parquet_has_every_number_once_with_its_interval(cast):
    item = evidence_of(cast.reviewed(), "fairness/v1")
    table = pq.read_table(io.BytesIO(browser(cast.validator).get(f"/evidence/{item.pk}/numbers.parquet").content))
    assert table.column_names == ["path", "value", "low", "high", "n", "denominator", "reason"]
    rows = {row["path"]: row for row in table.to_pylist()}
    assert len(rows) == table.num_rows == len(numbers(item.payload))
    woman = rows["features[sex].groups[female].selection_ratio"]
    stored = item.payload["features"][0]["groups"][1]["selection_ratio"]
    assert (woman["value"], woman["low"], woman["high"], woman["n"]) == (
        stored["value"],
        stored["low"],
        stored["high"],
        stored["n"],
    )
    assert table.schema.metadata[b"payload_digest"].decode() == item.payload_digest


def test_each_chart_is_an_svg_of_its_own_with_title_description_and_colours_and_no_script(cast):
    made = cast.reviewed()
    compared = attach(made.approval, payloads.performance(production=True))
    for item in (compared, evidence_of(made, "fairness/v1"), evidence_of(made, "explanation/v1")):
        client = browser(cast.validator)
        page = client.get(f"/evidence/{item.pk}")
        titles = page.context["chart_titles"]
        assert len(titles) > 0, item.type
        for place, title in enumerate(titles, start=1):
            assert title in text(page)
            answer = client.get(f"/evidence/{item.pk}/charts/{place}.svg")
            assert answer.status_code == 200
            drawn = ET.fromstring(answer.content)  # noqa: S314 (our own)
            assert drawn.tag == f"{SVG}svg"
            assert drawn.find(f"{SVG}title").text == title
            assert drawn.find(f"{SVG}desc") is not None
            style = drawn.find(f"{SVG}style").text
            assert "#" in style
            assert "var(" not in style
            assert answer.headers["Content-Disposition"].startswith("attachment")
            assert answer.headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert client.get(f"/evidence/{item.pk}/charts/{len(titles) + 1}.svg").status_code == 404


def test_names_with_markup_stay_words_on_the_page_and_in_the_charts(cast):
    made = cast.promotion()
    payload = payloads.fairness()
    payload["features"][0]["groups"][1]["group"] = '</svg><script>alert("x")</script>'
    item = attach(made.approval, payload)
    client = browser(cast.validator)
    for path in (f"/evidence/{item.pk}", f"/evidence/{item.pk}?against={item.pk}"):
        assert b"<script>alert" not in client.get(path).content
    for place in range(1, len(client.get(f"/evidence/{item.pk}").context["chart_titles"]) + 1):
        drawn = client.get(f"/evidence/{item.pk}/charts/{place}.svg").content
        ET.fromstring(drawn)  # noqa: S314 (our own)
        assert b"<script" not in drawn


def test_files_are_handed_out_by_name_as_they_were_put(cast):
    made = cast.promotion()
    job = services.request_evidence(
        evidence_type="fairness/v1",
        subject_digest=made.approval.subject_digest,
        subject_name=made.approval.subject_name,
        subject_id=made.version_id,
    )
    product = Product(payloads.fairness(), {}, files={"notes.html": b"<script>1</script>"})
    item = services.finish(job.pk, services.claim(job.pk), product)
    client = browser(cast.validator)
    answer = client.get(f"/evidence/{item.pk}/files/notes.html")
    assert b"".join(answer.streaming_content) == b"<script>1</script>"
    assert (answer.headers["Content-Type"], answer.headers["X-Content-Type-Options"]) == (
        "application/octet-stream",
        "nosniff",
    )
    assert client.get(f"/evidence/{item.pk}/files/other").status_code == 404
    assert client.get(f"/evidence/{item.pk}/files/..%2F..%2Fetc%2Fpasswd").status_code == 404
    storage.path_of(item.files["notes.html"]).write_bytes(b"changed")
    assert client.get(f"/evidence/{item.pk}/files/notes.html").status_code == 404, "nobody gets other bytes"


def test_two_versions_stand_side_by_side_and_what_is_not_alike_is_said(cast):
    one, two = cast.reviewed(number=1), cast.promotion(number=2, decision_threshold=0.4)
    attach(two.approval, payloads.performance(auc=0.8))
    first, second = evidence_of(one, "performance/v1"), evidence_of(two, "performance/v1")
    client = browser(cast.validator)
    page = client.get(f"/evidence/{second.pk}?against={first.pk}")
    said = text(page)
    assert "different decision thresholds" in said
    assert "different data" not in said
    pairs = {row["path"]: row for row in page.context["against"]["pairs"]}
    row = pairs["metrics[auc].candidate"]
    assert row["difference"] == pytest.approx(0.8 - 0.779)
    assert client.get(f"/evidence/{second.pk}?against={evidence_of(one, 'fairness/v1').pk}").status_code == 422
    for wrong in ("nonsense", "0b9c6a52-6b2c-4a5e-9d6d-0f2f5a1c9d11"):
        assert client.get(f"/evidence/{second.pk}?against={wrong}").status_code == 404


def test_a_number_that_is_undefined_or_absent_has_no_difference():
    one = {"a": {"value": None, "low": None, "high": None, "n": 3, "reason": "too few"}, "b": 2, "c": 5}
    other = {"a": {"value": 0.5, "low": 0.4, "high": 0.6, "n": 9}, "b": 1.5}
    found = {row.path: row for row in side_by_side(one, other)}
    assert (found["a"].difference, found["b"].difference, found["c"].difference) == (None, 0.5, None)
    assert found["a"].one.reason == "too few"
    assert found["c"].other is None


def test_slices_are_paired_by_what_they_are_and_not_by_their_place():
    def payload(*names):
        return {"slices": {"rows": [{"slice": [{"feature": "sex", "value": name}], "n": len(name)} for name in names]}}

    found = side_by_side(payload("female", "male"), payload("male", "female"))
    assert [(row.path, row.difference) for row in found] == [
        ("slices.rows[sex female].n", 0.0),
        ("slices.rows[sex male].n", 0.0),
    ]


def test_doing_it_again_is_a_button_and_its_result_stands_on_the_page(cast, told, monkeypatch):
    made = cast.reviewed()
    item = evidence_of(made, "fairness/v1")
    auditor = a_user("auditor", name="Ada Auditor")
    client = browser(auditor)
    answer = client.post(f"/evidence/{item.pk}/reproduce", follow=True)
    assert "Asked for" in text(answer)
    job = EvidenceJob.objects.get(again=item.pk)
    services.finish_again(job.pk, services.claim(job.pk), Product(payloads.fairness(ratio=0.9), {"python": "3.12.1"}))
    said = text(client.get(f"/evidence/{item.pk}"))
    assert "Differs" in said
    assert "asked by Ada Auditor" in said
    assert "selection_ratio" in said
    assert "3.12.1 now" in said
    assert Reproduction.objects.get().result == "differs"


def test_the_list_leaves_nothing_out_and_its_jobs_can_be_steered(cast, told):
    made = cast.reviewed()
    failed = services.request_evidence(
        evidence_type="fairness/v1",
        subject_digest=made.version.artifact_digest,
        subject_name=made.version.subject_name,
        subject_id=made.version_id,
    )
    services.fail(failed.pk, services.claim(failed.pk), "The model was refused.", again=False)
    running = services.request_evidence(
        evidence_type="explanation/v1",
        subject_digest=made.version.artifact_digest,
        subject_name=made.version.subject_name,
        subject_id=made.version_id,
    )
    services.heartbeat(running.pk, services.claim(running.pk), steps_done=1, steps_total=4, message="SHAP")
    path = f"/models/{cast.model.pk}/versions/1/evidence"
    page = browser(cast.engineer).get(path)
    said = text(page)
    for words in ("The model was refused.", "1 of 4", "SHAP", "Try again", "Cancel", str(made)):
        assert words in said, words
    states = {group["type"]: [row["state"] for row in group["rows"]] for group in page.context["types"]}
    assert states == {
        "explanation/v1": ["running", "computed"],
        "fairness/v1": ["failed", "computed"],
        "performance/v1": ["computed"],
    }
    reader = browser(cast.validator)
    assert "Try again" not in text(reader.get(path))
    assert reader.post(f"/evidence-jobs/{failed.pk}/retry").status_code == 403
    assert reader.post(f"/evidence-jobs/{running.pk}/cancel", {"reason": "mine"}).status_code == 403
    client = browser(cast.engineer)
    assert "1 to 400" in text(client.post(f"/evidence-jobs/{running.pk}/cancel", {"reason": " "}, follow=True))
    said = text(client.post(f"/evidence-jobs/{running.pk}/cancel", {"reason": "Wrong data."}, follow=True))
    assert "Cancelled: Wrong data." in said
    said = text(client.post(f"/evidence-jobs/{failed.pk}/retry", follow=True))
    assert "A new job is made" in said
    assert EvidenceJob.objects.get(retry_of=failed).enqueued_at, "the broker is told"
    assert "can't be" not in said


def test_whose_request_waits_for_a_job_may_cancel_it_and_a_stranger_sees_nothing(cast, told):
    made = cast.promotion()
    job = EvidenceJob.objects.get(subject_id=made.version_id, type="fairness/v1")
    other = a_user()
    here = a_system()
    from tests.factories import given

    given(other, "engineer", system_id=here.pk)
    for path in (
        f"/models/{cast.model.pk}/versions/1/evidence",
        f"/evidence/{attach(made.approval, payloads.explanation()).pk}",
    ):
        assert browser(other).get(path).status_code == 404
    assert browser(other).post(f"/evidence-jobs/{job.pk}/cancel", {"reason": "mine"}).status_code == 404
    assert browser(cast.engineer).get(f"/models/{cast.model.pk}/versions/99/evidence").status_code == 404
    jobs.cancel_job(job_id=job.pk, by=cast.engineer, reason="done with it")


def test_a_job_can_be_steered_from_the_request_that_waits_for_it(cast, told):
    made = cast.promotion()
    job = EvidenceJob.objects.get(subject_id=made.version_id, type="fairness/v1")
    progress, attempts = f"/approvals/{made.approval_id}/progress", f"/models/{cast.model.pk}/versions/1/evidence"
    retry, cancel = f"/evidence-jobs/{job.pk}/retry", f"{attempts}#reason-{job.pk}"
    engineer, validator = browser(cast.engineer), browser(cast.validator)
    assert cancel in engineer.get(progress).text
    assert f'id="reason-{job.pk}"' in engineer.get(attempts).text, "the link leads to the field for the reason"
    assert cancel not in validator.get(progress).text
    services.fail(job.pk, services.claim(job.pk), "The model was refused.", again=False)
    assert retry in engineer.get(progress).text
    assert retry not in validator.get(progress).text


def test_queries_of_the_list_do_not_grow_with_the_attempts(cast, told, django_assert_max_num_queries):
    made = cast.reviewed()
    path = f"/models/{cast.model.pk}/versions/1/evidence"
    client = browser(cast.validator)
    for _ in range(6):
        attach(made.approval, payloads.fairness())
    with django_assert_max_num_queries(40):
        assert client.get(path).status_code == 200


def test_version_without_any_evidence_says_so(cast):
    a_version(cast.model, trained_by=cast.engineer)
    said = text(browser(cast.engineer).get(f"/models/{cast.model.pk}/versions/1/evidence"))
    assert "No evidence was asked for or submitted yet." in said
