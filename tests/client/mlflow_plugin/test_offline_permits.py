"""Rollback and stop while Placet is away: by a permit of Placet's, once, from one state, and on record."""

import base64
import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from placet.notes import encode_vkey
from placet.permits import build_statement, envelope_digest, sign
from placet.trust import Trust, format_trust
from tests.client.mlflow_plugin.conftest import ENGINEER, ENGINEER_PASSWORD, Response, Rest
from tests.client.mlflow_plugin.decision_server import (
    ALLOW,
    BLOCK,
    DEFAULT_ALIASES,
    DecisionServer,
    configured,
    verdict,
)
from tests.client.mlflow_plugin.mlflow_server import SERVICE, MlflowServer, governed_server

KEY = Ed25519PrivateKey.from_private_bytes(b"\x05" * 32)
VKEY = encode_vkey("bank.example/audit/1/permit", KEY.public_key())
PASSWORD = "password-of-the-admin"
Server = Callable[..., AbstractContextManager[MlflowServer]]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def start(_session_gate: DecisionServer, tmp_path_factory: pytest.TempPathFactory) -> Server:
    """Start the server whose users, models and journal lie in one folder; again and again."""
    folder = tmp_path_factory.mktemp("offline")
    trust = folder / "policy.txt"
    trust.write_text(format_trust(Trust((), (VKEY,))))

    def start() -> AbstractContextManager[MlflowServer]:
        return governed_server(
            folder,
            database=f"sqlite:///{folder / 'mlflow.db'}",
            auth_database=f"sqlite:///{folder / 'auth.db'}",
            placet_url=_session_gate.url,
            settings={"PLACET_TRUST_FILE": str(trust), "PLACET_JOURNAL": str(folder / "kept" / "journal.jsonl")},
            password=PASSWORD,
        )

    (folder / "kept").mkdir()
    return start


@pytest.fixture(scope="module", autouse=True)
def _a_check_in_each_second(_session_gate: DecisionServer) -> Iterator[None]:
    before, _session_gate.configuration = _session_gate.configuration, configured(1, DEFAULT_ALIASES, every_s=1)
    yield
    _session_gate.configuration = before


@pytest.fixture(scope="module")
def _server(start: Server) -> Iterator[MlflowServer]:
    with start() as server:
        for name in (ENGINEER, "somebody-else"):
            made = Rest(server, SERVICE, PASSWORD).post("users/create", username=name, password=ENGINEER_PASSWORD)
            assert made.status == 200
        yield server


@pytest.fixture
def engineer(_server: MlflowServer, gate: DecisionServer) -> Rest:
    return Rest(_server, ENGINEER, ENGINEER_PASSWORD)


@pytest.fixture
def journal(_server: MlflowServer) -> Path:
    return _server.log.parent / "kept" / "journal.jsonl"


def in_production(user: Rest, gate: DecisionServer, number: int = 2) -> str:
    """Return a model with three versions, one of which is the champion."""
    name = user.a_model(versions=3)
    gate.answer = lambda _question: ALLOW
    assert user.set_alias(name, "champion", number).status == 200
    gate.answer = lambda _question: BLOCK
    return name


def a_permit(user: Rest, name: str, *, kind: str = "rollback", to: int = 1, key: Any = KEY, **changes: Any) -> Any:
    """Return a signed permit to go back from version 2 to ``to``, or to take version 2 off."""
    target, now = user.version(name, 2 if kind == "stop" else to), datetime.now(UTC)
    current = user.version(name, 2)
    said: dict[str, Any] = {
        "kind": kind,
        "workspace": "default",
        "model": name,
        "version": target["version"],
        "artifact_digest": "sha256:" + "a" * 64,
        "created_at_ms": target["creation_timestamp"],
        "source": target["source"],
        "storage_location": target["source"],
        "alias": "champion",
        "use_restrictions": [],
        "policy": {"name": "p", "version": "1", "digest": "sha256:" + "b" * 64},
        "evidence_manifest": None,
        "approval": "1",
        "log": {"origin": "bank.example/audit/1", "index": 1, "size": 2},
        "issued_at": now - timedelta(hours=1),
        "expires_at": now + timedelta(days=1),
        "replaces": {"version": "2", "created_at_ms": current["creation_timestamp"]},
        "holders": [ENGINEER],
    }
    return sign(build_statement(**(said | changes)), key)


def header(permit: Any) -> dict[str, str]:
    encoded = base64.b64encode(json.dumps(permit).encode()).decode()
    return {"X-Placet-Permit": encoded, "X-Placet-Reason": "Pr%C3%BCfung%20f%C3%A4llt%20aus."}


def roll_back(user: Rest, name: str, permit: Any, *, to: int = 1, alias: str = "champion") -> Response:
    return user.set_alias(name, alias, to, headers=header(permit))


def stop(user: Rest, name: str, permit: Any, *, alias: str = "champion") -> Response:
    return user.delete("registered-models/alias", name=name, alias=alias, headers=header(permit))


def test_with_placet_away_the_permit_rolls_back_once_and_placet_hears_of_it(engineer: Rest, gate: DecisionServer):
    name = in_production(engineer, gate)
    permit = a_permit(engineer, name)
    with gate.down():
        done = roll_back(engineer, name, permit)
        assert (done.status, engineer.aliases(name)) == (200, {"champion": "1"}), done
        again = roll_back(engineer, name, permit)
        assert (again.status, "points to version 1 now" in again.message) == (403, True)
        gate.answer = lambda _question: ALLOW
    told = gate.wait_for("permit.used", name=name, timeout_s=40)
    assert told["subject"]["version"] == "1"
    assert told["identity"] == {"username": ENGINEER, "source": "basic-auth"}
    detail = told["detail"]
    assert (detail["alias"], detail["outcome"], detail["permit_digest"]) == (
        "champion",
        "done",
        envelope_digest(permit),
    )
    assert (len(detail["journal_id"]), detail["reason"]) == (32, "Prüfung fällt aus.")
    assert datetime.fromisoformat(detail["used_at"]).tzinfo is not None

    assert engineer.set_alias(name, "champion", 2).status == 200  # Placet is back, and says that it may
    with gate.down():
        signature = permit["signatures"][0]
        for shown in (permit, permit | {"x": 1}, permit | {"signatures": [signature, signature | {"keyid": "other"}]}):
            spent = roll_back(engineer, name, shown)
            assert (spent.status, "used already" in spent.message) == (403, True), shown


def test_a_stop_takes_off_the_very_version_it_names(engineer: Rest, gate: DecisionServer):
    name = in_production(engineer, gate)
    permit = a_permit(engineer, name, kind="stop")
    other = in_production(engineer, gate, number=3)
    other_permit = a_permit(engineer, other, kind="stop")
    with gate.down():
        assert stop(engineer, name, permit, alias="Champion").status == 403
        assert stop(engineer, name, a_permit(engineer, name)).status == 403, "a rollback permit stops nothing"
        assert stop(engineer, other, other_permit).status == 403, "version 3 has the alias"
        assert stop(engineer, name, permit).status == 200
        assert (engineer.aliases(name), engineer.aliases(other)) == ({}, {"champion": "3"})
        again = stop(engineer, name, permit)
        assert (again.status, "nothing is behind an alias spelt 'champion' now" in again.message) == (403, True)


def not_usable(user: Rest, name: str) -> dict[str, tuple[Any, str]]:
    """Return permits that do not fit, each with what the refusal must say."""
    made_at, past = user.version(name, 2)["creation_timestamp"], datetime.now(UTC) - timedelta(days=1)
    stranger = Ed25519PrivateKey.from_private_bytes(b"\x06" * 32)
    changed = a_permit(user, name)
    changed["payload"] = base64.b64encode(base64.b64decode(changed["payload"]).replace(b"champion", b"canary")).decode()
    return {
        "expired": (a_permit(user, name, expires_at=past), "expired"),
        "of another kind": (a_permit(user, name, kind="serve"), "kind"),
        "a stop": (a_permit(user, name, kind="stop"), "stop"),
        "for another version": (a_permit(user, name, to=3), "version '3'"),
        "for another model": (a_permit(user, name, model="other"), "other"),
        "for another workspace": (a_permit(user, name, workspace="team-a"), "workspace"),
        "for a version made at another time": (a_permit(user, name, created_at_ms=1), "created at ms"),
        "for other bytes' place": (a_permit(user, name, storage_location="s3://x"), "storage location"),
        "for another alias": (a_permit(user, name, alias="canary"), "alias 'canary'"),
        "for somebody else": (a_permit(user, name, holders=["somebody-else"]), "somebody-else"),
        "for nobody": (a_permit(user, name, holders=None), "nobody"),
        "from another version": (
            a_permit(user, name, replaces={"version": "3", "created_at_ms": made_at}),
            "replaces version 3",
        ),
        "from one made anew": (a_permit(user, name, replaces={"version": "2", "created_at_ms": 1}), "points to"),
        "from nowhere": (a_permit(user, name, replaces=None), "which version"),
        "of another key": (a_permit(user, name, key=stranger), "wrong key"),
        "changed": (changed, "bad signature"),
        "not a permit": ({"payload": "x"}, "DSSE"),
        "a list": ([1], "base64"),
    }


def test_no_other_permit_opens_anything_and_the_refusal_gives_both_reasons(
    engineer: Rest, gate: DecisionServer, journal: Path
):
    name = in_production(engineer, gate)
    permits = not_usable(engineer, name)
    before = journal.read_text() if journal.exists() else ""
    with gate.down():
        for why, (permit, reason) in permits.items():
            refused = roll_back(engineer, name, permit)
            assert refused.status == 403, why
            assert "could not be asked" in refused.message, why
            assert reason in refused.message, (why, refused.message)
        right = a_permit(engineer, name)
        for alias in ("Champion", "champion ", "ｃhampion"):  # noqa: RUF001
            refused = roll_back(engineer, name, right, alias=alias)
            assert (refused.status, "spelt" in refused.message) == (403, True), refused
        assert roll_back(engineer, name, right, to=3).status == 403
        assert roll_back(Rest(engineer.server, "somebody-else", ENGINEER_PASSWORD), name, right).status == 403
        assert engineer.set_alias(name, "champion", 1, headers={"X-Placet-Permit": "%%%"}).status == 403
        assert engineer.delete("registered-models/delete", name=name, headers=header(right)).status == 403
        assert engineer.aliases(name) == {"champion": "2"}
        assert (journal.read_text() if journal.exists() else "") == before, "nothing was used"
        assert roll_back(engineer, name, right).status == 200


@pytest.mark.parametrize("word", ["BLOCK", "HOLD"])
def test_while_placet_can_be_asked_its_word_counts_and_no_permit(engineer: Rest, gate: DecisionServer, word: str):
    name = in_production(engineer, gate)
    permit = a_permit(engineer, name)
    gate.answer = lambda _question: verdict(word, detail="Not now.")
    refused = roll_back(engineer, name, permit)
    assert (refused.status, "Not now." in refused.message, engineer.aliases(name)) == (403, True, {"champion": "2"})


@pytest.mark.parametrize("status", [400, 413, 422, 429])
def test_a_question_that_placet_does_not_take_opens_no_permit(engineer: Rest, gate: DecisionServer, status: int):
    """Whoever calls can have it rejected, with a grant that is too long; Placet is there all the same."""
    name = in_production(engineer, gate)
    permit = a_permit(engineer, name)
    gate.answer = lambda _question: (status, "application/problem+json", b"{}")
    refused = roll_back(engineer, name, permit)
    assert (refused.status, f"HTTP {status}" in refused.message) == (403, True), refused
    assert engineer.aliases(name) == {"champion": "2"}


def test_a_server_that_can_not_keep_a_journal_refuses(engineer: Rest, gate: DecisionServer, journal: Path):
    name = in_production(engineer, gate)
    permit = a_permit(engineer, name)
    journal.parent.rename(journal.parent.with_name("away"))
    try:
        with gate.down():
            refused = roll_back(engineer, name, permit)
        assert (refused.status, "PLACET_JOURNAL" in refused.message) == (403, True)
        assert engineer.aliases(name) == {"champion": "2"}
    finally:
        journal.parent.with_name("away").rename(journal.parent)


def test_after_a_restart_placet_is_told_in_order_and_until_it_accepts(
    start: Server, engineer: Rest, gate: DecisionServer, journal: Path
):
    """Here a second server stands for the restarted one: it finds the same journal, with a use that was cut off."""
    journal.unlink(missing_ok=True)
    first, second = in_production(engineer, gate), in_production(engineer, gate)
    permits = a_permit(engineer, first), a_permit(engineer, second)
    with gate.down():
        assert roll_back(engineer, first, permits[0]).status == 200
        assert roll_back(engineer, second, permits[1]).status == 200
        lines = journal.read_text().splitlines()
        ends = [line for line in lines if json.loads(line)["step"] == "done"]
        journal.write_text("\n".join([*(line for line in lines if line != ends[-1]), '{"journal_id": "to']))
        gate.answer = lambda _question: BLOCK
    with start():
        told = gate.wait_for("permit.used", name=first, timeout_s=40)
        assert [q["subject"]["name"] for q in gate.asked("permit.used")] == [first] * len(gate.asked("permit.used"))
        gate.answer = lambda _question: ALLOW
        cut_off = gate.wait_for("permit.used", name=second, timeout_s=40)
    assert (told["detail"]["outcome"], cut_off["detail"]["outcome"]) == ("done", "unknown")
    names = [question["subject"]["name"] for question in gate.asked("permit.used")]
    assert names == sorted(names, key=[first, second].index)
    steps = [json.loads(line)["step"] for line in journal.read_text().splitlines() if line.endswith("}")]
    assert steps.count("begun") == steps.count("delivered")


def test_a_permit_that_placet_took_back_opens_nothing_also_after_a_restart(
    start: Server, engineer: Rest, gate: DecisionServer
):
    """Whoever copied it has it still; only what Placet named when it was last heard tells that it leads nowhere."""
    name = in_production(engineer, gate)
    permit = a_permit(engineer, name)
    answers(gate, withdrawn_permits=[envelope_digest(permit)])
    with gate.down():
        refused = roll_back(engineer, name, permit)
        assert (refused.status, "version 1 is approved no more" in refused.message) == (403, True), refused
        with start() as server:
            restarted = Rest(server, ENGINEER, ENGINEER_PASSWORD)
            assert (roll_back(restarted, name, permit).status, restarted.aliases(name)) == (403, {"champion": "2"})
    answers(gate, withdrawn_permits=[])
    with gate.down():
        assert roll_back(engineer, name, permit).status == 200


def answers(gate: DecisionServer, **more: Any) -> None:
    """Have check-ins answered so, and wait until that is in force: the server comes again once it has taken it."""
    gate.configuration = configured(1, DEFAULT_ALIASES, every_s=1, **more)
    seen = len(gate.check_ins)
    gate.wait_for_check_in(after=seen + 1)
