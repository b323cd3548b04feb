"""``placet evidence`` and the SDK behind it, against a real server: push, list, show, reproduce, cancel, retry."""

from __future__ import annotations

import json

import pytest

from governance.accounts.services import create_token
from governance.evidence import keys, producers, reproducing, services, tasks
from governance.evidence.models import Evidence, EvidenceJob
from governance.evidence.producers import Product
from placet.commands import run
from tests import payloads
from tests.factories import Cast, a_dataset, a_user, a_version
from tests.healthy_mlflow import healthy_mlflow

pytestmark = pytest.mark.slow


@pytest.fixture
def placet(transactional_db, live_server, settings, monkeypatch, tmp_path, capsys):
    """The command line, as an engineer's pipeline runs it; returns exit code and what was printed."""
    with healthy_mlflow() as address:
        settings.MLFLOW_TRACKING_URI = address
        cast = Cast()
        token = create_token(holder=cast.engineer, label="ci", scopes=["evidence:write", "promotions:read"])
        monkeypatch.setenv("PLACET_URL", live_server.url)
        monkeypatch.setenv("PLACET_TOKEN", token)
        monkeypatch.setenv("COLUMNS", "200")
        monkeypatch.setattr(producers, "producer", lambda kind: made)
        monkeypatch.setattr(reproducing, "producer", lambda kind: made)
        monkeypatch.setattr(reproducing, "_checks", [])
        monkeypatch.setattr(tasks.run_job, "delay", lambda pk: None)  # no broker: the test runs the job itself

        def placet(*words: str):
            code = run(list(map(str, words)))
            said = capsys.readouterr()
            return code, said.out, said.err

        placet.cast, placet.version = cast, a_version(cast.model, trained_by=cast.engineer)
        yield placet


def made(task):
    made.calls += 1
    return Product(made.payload, {"seed": task.seed, "libraries": {"numpy": "2.4.0"}})


made.calls, made.payload = 0, payloads.fairness()


def about(placet):
    return ("--model", str(placet.cast.model), "--version", placet.version.number)


def test_evidence_is_pushed_with_a_key_of_one_s_own(placet, tmp_path):
    key, payload = tmp_path / "key.pem", tmp_path / "payload.json"
    parameters, note = tmp_path / "parameters.json", tmp_path / "note.txt"
    payload.write_text(json.dumps(payloads.fairness()))
    parameters.write_text('{"min_share": 0.05}')
    note.write_text("how it was made")
    code, public, told = placet("evidence", "key", "--out", key)
    assert code == 0
    assert key.stat().st_mode & 0o077 == 0
    code, _, error = placet("evidence", "key", "--out", key)
    assert (code, "cannot be written" in error) == (1, True), "a key is never overwritten"
    push = ("evidence", "push", payload, "--type", "fairness/v1", *about(placet), "--key", key)
    push += ("--dataset", a_dataset().digest, "--parameters", parameters, "--made-with", "R 4.5.1")
    code, _, error = placet(*push)
    assert (code, "not signed by a key that is registered" in error) == (3, True)
    row = keys.register_key(holder=placet.cast.engineer, pem=public, by=a_user("administrator"))
    assert row.key_digest in told
    code, out, error = placet(*push, "--file", f"note.txt={note}")
    assert (code, error) == (0, "")
    found = Evidence.objects.get()
    assert str(found.pk) in out
    assert (found.origin, found.parameters) == ("submitted", {"min_share": 0.05})
    assert found.settings == {"subject": {"decision_threshold": placet.version.decision_threshold}}
    assert "note.txt" in found.files
    payload.write_text('{"type": "fairness/v1"}')
    code, _, error = placet(*push)
    assert (code, "required property" in error) == (1, True)
    for wrong in (("--file", "note.txt"), ("--file", f"../note={note}"), ("--key", note)):
        assert placet(*push, *wrong)[0] == 2, wrong
    code, out, _ = placet("evidence", "list", *about(placet))
    assert (code, "submitted" in out, str(found.pk) in out) == (0, True, True)
    code, out, _ = placet("evidence", "show", found.pk)
    assert (code, "submitted by" in out, "selection_ratio.worst" in out, "only its sender" in out) == (0, *[True] * 3)
    code, _, error = placet("evidence", "reproduce", found.pk)
    assert (code, "was submitted" in error) == (4, True)


def a_computed_one(placet) -> Evidence:
    job = services.request_evidence(
        evidence_type="fairness/v1",
        subject_digest=placet.version.artifact_digest,
        subject_name=placet.version.subject_name,
        subject_id=placet.version.pk,
    )
    tasks.run_job(str(job.pk))
    return Evidence.objects.get(job=job)


@pytest.mark.parametrize(
    ("then", "code", "word"),
    [(None, 0, "identical"), ({"min_share": 0.5}, 3, "differs"), (ValueError("no"), 4, "impossible")],
)
def test_reproducing_ends_with_what_came_of_it(placet, monkeypatch, then, code, word):
    monkeypatch.setattr(made, "payload", payloads.fairness())
    evidence = a_computed_one(placet)

    def worker(pk):
        if isinstance(then, Exception):
            services.fail(pk, services.claim(pk), str(then), again=False)
        else:
            made.payload = payloads.fairness() | (then or {})
            tasks.run_job(str(pk))

    monkeypatch.setattr(tasks.run_job, "delay", worker)
    got, out, _ = placet("evidence", "reproduce", evidence.pk, "--wait")
    assert (got, word in out) == (code, True), out
    if code == 3:
        assert "min_share" in out
        assert "0.05" in out
    got, out, _ = placet("evidence", "reproduce", evidence.pk, "--wait", "--json")
    assert json.loads(out)["reproduction"]["result"] == word
    assert got == code
    got, out, _ = placet("evidence", "show", evidence.pk)
    assert (got, word in out) == (0, True)


def test_a_job_is_cancelled_and_tried_again(placet):
    job = services.request_evidence(
        evidence_type="fairness/v1",
        subject_digest=placet.version.artifact_digest,
        subject_name=placet.version.subject_name,
        subject_id=placet.version.pk,
    )
    assert placet("evidence", "cancel", job.pk)[0] == 2, "a reason is asked for"
    code, out, _ = placet("evidence", "cancel", job.pk, "--reason", "Wrong data were pinned.")
    assert (code, "cancelled" in out) == (0, True)
    code, _, error = placet("evidence", "cancel", job.pk, "--reason", "again")
    assert (code, "cancelled already" in error) == (4, True)
    code, out, _ = placet("evidence", "retry", job.pk, "--json")
    assert (code, json.loads(out)["retry_of"]) == (0, str(job.pk))
    assert EvidenceJob.objects.count() == 2
    code, out, _ = placet("evidence", "list", *about(placet))
    assert (code, "Wrong data were pinned" in out.replace("\n", " ")) == (0, True)
