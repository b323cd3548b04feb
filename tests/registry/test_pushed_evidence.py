"""Evidence that somebody made elsewhere: signed over exactly what is sent, and `submitted` for good."""

from __future__ import annotations

import hashlib
import io
import json
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import IntegrityError, connection, transaction
from django.test import Client

from governance.accounts.models import User
from governance.accounts.services import create_token
from governance.approvals.models import State
from governance.audit.models import Entry
from governance.common import clock
from governance.common.errors import Forbidden, Unknown
from governance.evidence import keys, storage
from governance.evidence.errors import KeyRefused
from governance.evidence.models import Evidence, EvidenceKey
from placet import permits
from placet.attestations import build_statement, public_pem
from placet.canonical import canonical_json
from registry.pushing import ENVELOPE, PAYLOAD
from tests import payloads
from tests.factories import a_dataset, a_model, a_user, a_version, attach, given, state_of
from tests.payloads import a_digest

KEY = Ed25519PrivateKey.generate()
PARAMETERS = {"sensitive_features": ["sex", "age_group"], "min_share": 0.05}


@pytest.fixture
def administrator(db):
    return a_user("administrator")


@pytest.fixture
def sender(cast, administrator):
    """An engineer whose key an administrator has registered."""
    keys.register_key(holder=cast.engineer, pem=public_pem(KEY.public_key()), by=administrator)
    return cast.engineer


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def sent(cast, *, version=None, payload=None, key=KEY, files=(), say=None, send=None, **statement):
    """Return the form of a push; ``statement`` changes what is signed, ``send`` what is sent."""
    version = (
        version or cast.model.versions.order_by("number").first() or a_version(cast.model, trained_by=cast.engineer)
    )
    content = payload if isinstance(payload, bytes) else json.dumps(payload or payloads.fairness()).encode()
    files = dict(files)
    said = {
        "evidence_type": "fairness/v1",
        "model": str(cast.model),
        "version": str(version.number),
        "artifact_digest": version.artifact_digest,
        "dataset_digest": a_dataset().digest,
        "payload_digest": f"sha256:{hashlib.sha256(content).hexdigest()}",
        "files": {name: f"sha256:{hashlib.sha256(body).hexdigest()}" for name, body in files.items()},
        "parameters": PARAMETERS,
        "decision_threshold": repr(version.decision_threshold),
        "made_with": "R 4.5.1",
        **statement,
    }
    envelope = canonical_json(permits.sign(build_statement(**said), key))
    form = {
        "type": "fairness/v1",
        "model": str(cast.model),
        "version": version.number,
        "statement": SimpleUploadedFile("statement", envelope),
        "payload": SimpleUploadedFile("payload", content),
        "file": [SimpleUploadedFile(name, body) for name, body in files.items()],
        **(send or {}),
    }
    return {name: value for name, value in form.items() if value is not None}


def push(person, form, **headers):
    return signed_in(person).post("/api/v1/evidence", form, headers=headers)


def test_pushed_evidence_is_kept_with_its_statement_and_says_submitted(cast, sender):
    version = a_version(cast.model, trained_by=sender)
    payload = payloads.fairness()
    answer = push(sender, sent(cast, version=version, payload=payload, files={"notes.txt": b"how it was made"}))
    assert answer.status_code == 201, answer.content
    said = answer.json()
    made = Evidence.objects.get(pk=said["id"])
    assert answer.headers["Location"] == f"/api/v1/evidence/{made.pk}"
    assert (made.origin, made.producer_id, made.subject_id) == ("submitted", sender.actor_id, version.pk)
    assert (made.payload, made.parameters) == (payload, PARAMETERS)
    assert made.settings == {"subject": {"decision_threshold": version.decision_threshold}}
    assert (made.environment["signed_by"], made.environment["made_with"]) == (
        permits.key_digest(KEY.public_key()),
        "R 4.5.1",
    )
    assert "isolation_level" not in made.environment
    assert set(made.files) == {ENVELOPE, PAYLOAD, "notes.txt"}
    assert json.loads(storage.get(made.files[PAYLOAD])) == payload
    envelope = json.loads(storage.get(made.files[ENVELOPE]))
    permits.open_envelope(envelope, {permits.key_digest(KEY.public_key()): KEY.public_key()})
    entry = json.loads(bytes(Entry.objects.latest("seq").body))
    assert (entry["event"], entry["actor"], entry["data"]["origin"]) == (
        "evidence.attached",
        sender.actor_id,
        "submitted",
    )
    assert said["origin"] == "submitted"
    assert said["not_reproducible"].startswith("It was submitted")


def test_it_completes_a_request_and_its_sender_decides_on_none_that_it_supports(cast, administrator):
    machine = a_user(name="R pipeline", sponsor=cast.validator)
    given(machine, "engineer")
    keys.register_key(holder=machine, pem=public_pem(KEY.public_key()), by=administrator)
    made = cast.promotion()
    attach(made.approval, payloads.performance(production=False))
    attach(made.approval, payloads.explanation())
    assert state_of(made.approval) == State.COLLECTING
    wanted = next(row for row in made.approval.required_evidence if row["type"] == "fairness/v1")
    answer = push(machine, sent(cast, version=made.version, parameters=wanted["parameters"]))
    assert answer.status_code == 201, answer.content
    made.approval.refresh_from_db()
    assert made.approval.state == State.IN_REVIEW
    excluded = {row["person"]: row["reasons"] for row in made.approval.excluded}
    assert "evidence_producer" in excluded[str(machine.pk)]
    assert "sponsor" in excluded[str(cast.validator.pk)], "who answers for the machine that measured"
    for page in (f"/approvals/{made.approval_id}", f"/promotions/{made.pk}"):
        said = signed_in(cast.officer).get(page).content.decode()
        assert "submitted, not computed by Placet" in said, f"{page} says so beside the checks"
        assert f"/evidence/{answer.json()['id']}" in said


@pytest.mark.parametrize(
    ("change", "status", "says"),
    [
        ({"key": Ed25519PrivateKey.generate()}, 403, "not signed by a key that is registered"),
        ({"artifact_digest": a_digest("other bytes")}, 403, "about other bytes"),
        ({"version_said": "7"}, 403, "not about"),
        ({"evidence_type": "performance/v1"}, 403, "about performance/v1"),
        ({"payload_digest": a_digest("another")}, 403, "payload that was sent is not the one that was signed"),
        ({"files": {"a.txt": b"a"}, "send": {"file": []}}, 403, "files that were sent are not those"),
        ({"send": {"file": [SimpleUploadedFile("b.txt", b"b")]}}, 403, "files that were sent are not those"),
        ({"send": {"statement": SimpleUploadedFile("s", b"{}")}}, 403, "not a DSSE envelope"),
        ({"send": {"statement": SimpleUploadedFile("s", b"[" * 9000)}}, 403, "no DSSE envelope"),
        ({"send": {"statement": SimpleUploadedFile("s", b"x" * 300_000)}}, 403, "at most 200,000 bytes"),
        ({"send": {"statement": None}}, 422, "statement"),
        ({"payload": b"{not json"}, 422, "no JSON"),
        ({"payload": b'{"n": NaN}'}, 422, "is no number"),
        ({"payload": b"[" * 100_000}, 422, "no JSON"),
        ({"payload": b"[]"}, 422, "JSON object"),
        ({"payload": b'{"n": 12345678901234567890}'}, 422, "no JSON"),
        ({"payload": b'{"type": "fairness/v1"}'}, 422, "required property"),
        ({"payload": b" " * 4_000_001}, 422, "larger than"),
        ({"parameters": PARAMETERS | {"min_share": 0.2}}, 422, "min_share 0.05, and the statement 0.2"),
        ({"parameters": PARAMETERS | {"sensitive_features": ["sex", "origin"]}}, 422, "about origin"),
        ({"decision_threshold": "0.9"}, 422, "decision threshold 0.9"),
        ({"decision_threshold": None}, 422, "decision threshold None"),
        ({"files": {".hidden": b"a"}}, 422, "no name for a file"),
        ({"files": {PAYLOAD: b"a"}}, 422, "no name for a file"),
    ],
)
def test_what_is_not_signed_or_contradicts_itself_is_refused_and_nothing_is_kept(cast, sender, change, status, says):
    change = dict(change)
    if "version_said" in change:
        change["version"] = a_version(cast.model, number=7, trained_by=sender)
        change.pop("version_said")
        change["send"] = {"version": a_version(cast.model, trained_by=sender).number}
    answer = push(sender, sent(cast, **change))
    assert answer.status_code == status, answer.content
    assert says in answer.content.decode()
    assert not Evidence.objects.exists()


def bent(path: str, value: object) -> dict:
    """The sample of fairness with one number changed, by its path."""
    payload = payloads.fairness()
    place = payload
    *steps, last = (int(step) if step.isdecimal() else step for step in path.split("."))
    for step in steps:
        place = place[step]
    place[last] = value
    return payload


@pytest.mark.parametrize(
    ("path", "value", "says"),
    [
        ("features.0.groups.1.selection_ratio.low", 2.5, "its interval ends at"),
        ("features.0.groups.1.selection_ratio.value", 0.01, "outside its own interval"),
        ("features.0.groups.1.selection_rate.value", 7.5, "7.5 lies outside its own interval"),
        ("features.0.groups.1.tpr_difference.value", -5.0, "-5 lies outside its own interval"),
        ("n", 999_999, "the data has 300 rows"),
    ],
)
def test_a_number_that_can_not_be_is_refused(cast, sender, path, value, says):
    answer = push(sender, sent(cast, payload=bent(path, value)))
    assert (answer.status_code, says in answer.json()["detail"]) == (422, True), answer.json()
    assert not Evidence.objects.exists()


def test_a_statement_from_the_future_is_refused(cast, sender):
    moment = clock.now() + timedelta(hours=1)
    answer = push(sender, sent(cast, signed_at=moment))
    assert (answer.status_code, "which is to come" in answer.json()["detail"]) == (403, True)
    assert push(sender, sent(cast, signed_at=clock.now() + timedelta(minutes=4))).status_code == 201


def test_one_changed_byte_of_the_payload_or_the_statement_is_refused(cast, sender):
    form = sent(cast)
    payload = form["payload"].read()
    changed = payload.replace(b"207", b"208", 1)
    assert changed != payload
    form["payload"] = SimpleUploadedFile("payload", changed)
    form["statement"].seek(0)
    answer = push(sender, form)
    assert (answer.status_code, answer.json()["type"]) == (403, "/problems/unsigned")
    form = sent(cast)
    envelope = json.loads(form["statement"].read())
    signature = envelope["signatures"][0]["sig"]
    envelope["signatures"][0]["sig"] = ("B" if signature[0] == "A" else "A") + signature[1:]
    form["statement"] = SimpleUploadedFile("s", json.dumps(envelope).encode())
    answer = push(sender, form)
    assert answer.status_code == 403
    assert "was changed after it was signed" in answer.json()["detail"]


def test_a_key_signs_for_its_holder_alone_and_only_until_it_ends(cast, sender, administrator):
    assert push(cast.owner, sent(cast)).status_code == 403, "somebody else's signature"
    digest = permits.key_digest(KEY.public_key())
    with pytest.raises(Forbidden):
        keys.end_key(digest=digest, by=cast.validator, reason="not mine")
    assert push(sender, sent(cast)).status_code == 201
    keys.end_key(digest=digest, by=sender, reason="lost with the laptop")
    assert push(sender, sent(cast)).status_code == 403
    with pytest.raises(Unknown):
        keys.end_key(digest=digest, by=sender, reason="again")
    assert Evidence.objects.count() == 1, "what it signed before stays"


def test_a_statement_counts_once_and_an_idempotency_key_repeats_the_answer(cast, sender):
    form = sent(cast)
    content = {name: form[name].read() for name in ("statement", "payload")}

    def again():
        return {**form, **{name: SimpleUploadedFile(name, body) for name, body in content.items()}}

    first = push(sender, again(), **{"Idempotency-Key": "run-17"})
    second = push(sender, again(), **{"Idempotency-Key": "run-17"})
    assert first.status_code == second.status_code == 201
    assert first.json()["id"] == second.json()["id"]
    third = push(sender, again())
    assert (third.status_code, third.json()["type"]) == (409, "/problems/evidence-known")
    assert Evidence.objects.count() == 1


def test_only_people_of_the_system_push_and_only_types_that_placet_does_not_make_itself(cast, sender, administrator):
    version = a_version(cast.model, trained_by=sender)
    stranger, auditor = a_user("engineer"), a_user("auditor")
    outside = a_user()
    for person in (auditor, outside):
        keys.register_key(holder=person, pem=public_pem(Ed25519PrivateKey.generate().public_key()), by=administrator)
    assert push(auditor, sent(cast, version=version)).status_code == 403
    assert push(outside, sent(cast, version=version)).status_code == 404
    assert push(stranger, sent(cast, version=version)).status_code == 403, "it is not signed by them"
    for kind in ("drift/v1", "human_review/v1", "submitted_document/v1", "unheard/v1"):
        answer = push(sender, sent(cast, version=version, send={"type": kind}))
        assert (answer.status_code, answer.json()["type"]) == (422, "/problems/invalid-evidence"), kind
    homeless = a_model(name="homeless")
    a_version(homeless, trained_by=sender)
    answer = push(sender, sent(cast, version=version, send={"model": "homeless"}))
    assert answer.status_code in {403, 409}
    assert not Evidence.objects.exists()


def test_a_token_needs_the_scope(cast, sender):
    a_version(cast.model, trained_by=sender)
    for scopes, status in ((["promotions:write"], 403), (["evidence:read"], 403), (["evidence:write"], 201)):
        token = create_token(holder=sender, label=f"ci {scopes}", scopes=scopes)
        answer = Client().post("/api/v1/evidence", sent(cast), headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == status, (scopes, answer.content)
        reading = Client().get("/api/v1/evidence", headers={"Authorization": f"Bearer {token}"})
        assert reading.status_code == (403 if "promotions:write" in scopes else 200)


def test_keys_are_registered_by_an_administrator_for_somebody_else(cast, administrator):
    machine = a_user(name="R pipeline", sponsor=cast.engineer)
    pem = public_pem(KEY.public_key())
    for by in (cast.engineer, cast.officer, machine):
        with pytest.raises(Forbidden):
            keys.register_key(holder=machine, pem=pem, by=by)
    with pytest.raises(Forbidden):
        keys.register_key(holder=administrator, pem=pem, by=administrator)
    sponsored = a_user(name="Admin's own machine", sponsor=administrator)
    with pytest.raises(Forbidden, match="answer for"):
        keys.register_key(holder=sponsored, pem=pem, by=administrator)
    private = Ed25519PrivateKey.generate()
    for wrong in ("", "nonsense", private.private_bytes_raw().hex()):
        with pytest.raises(KeyRefused, match="no Ed25519 public key"):
            keys.register_key(holder=machine, pem=wrong, by=administrator)
    row = keys.register_key(holder=machine, pem=pem, by=administrator)
    with pytest.raises(KeyRefused, match="registered already"):
        keys.register_key(holder=cast.owner, pem=pem, by=administrator)
    entry = json.loads(bytes(Entry.objects.latest("seq").body))
    assert (entry["event"], entry["data"]["key"]) == ("evidence_key.registered", row.key_digest)
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("UPDATE evidence_evidencekey SET holder_id = registered_by_id WHERE id = %s", [row.pk])
    assert EvidenceKey.objects.count() == 1


def test_files_are_streamed_and_an_upload_over_the_limit_is_refused(cast, sender, settings):
    settings.MAX_DOCUMENT_MB = 1
    large = io.BytesIO(b"x" * 2_500_000).getvalue()
    answer = push(sender, sent(cast, files={"large.bin": large}))
    assert answer.status_code in {413, 422, 403}
    assert not Evidence.objects.exists()


def test_the_api_takes_etags_of_evidence_and_jobs(cast, sender, monkeypatch):
    monkeypatch.setattr("governance.evidence.tasks.run_job.delay", lambda pk: None)
    made = cast.promotion()
    item = attach(made.approval, payloads.explanation())
    client = signed_in(sender)
    tag = client.get(f"/api/v1/evidence/{item.pk}").headers["ETag"]
    path = f"/api/v1/evidence/{item.pk}/reproductions"
    stale = client.post(path, "{}", content_type="application/json", headers={"If-Match": '"other"'})
    assert stale.status_code == 412
    asked = client.post(path, "{}", content_type="application/json", headers={"If-Match": tag})
    assert (asked.status_code, asked.json()["again"]) == (202, str(item.pk))
    job, tag = asked.headers["Location"], asked.headers["ETag"]
    assert client.get(job).headers["ETag"] == tag
    cancel = {"data": '{"reason": "enough"}', "content_type": "application/json"}
    done = client.post(f"{job}/cancellations", **cancel, headers={"If-Match": tag})
    assert (done.status_code, done.json()["state"]) == (200, "cancelled")
    again = client.post(f"{job}/retries", "{}", content_type="application/json", headers={"If-Match": tag})
    assert again.status_code == 412, "it was queued when that tag was given"
    again = client.post(
        f"{job}/retries", "{}", content_type="application/json", headers={"If-Match": done.headers["ETag"]}
    )
    assert again.status_code == 202
    rows = client.get("/api/v1/evidence-jobs", {"model": str(cast.model), "version": 1, "state": "cancelled"}).json()
    assert [row["error"] for row in rows["results"]] == ["Cancelled: enough"]
    rows = client.get("/api/v1/evidence", {"model": str(cast.model), "version": 1, "type": "explanation/v1"}).json()
    assert [row["id"] for row in rows["results"]] == [str(item.pk)]
    for query in ({"model": "nobody's"}, {"model": str(cast.model)}, {"model": str(cast.model), "version": "two"}):
        assert client.get("/api/v1/evidence", query).status_code in {404, 422}
