"""The server tells Placet that its gate stands, and protects the aliases that Placet names, also while it is down."""

import time
from collections.abc import Iterator

import pytest

from placet.mlflow_plugin import protection
from placet.mlflow_plugin.presence import DEFAULT_EVERY_S, About, Configuration, Presence, Unusable, parse
from tests.client.mlflow_plugin.conftest import Rest
from tests.client.mlflow_plugin.decision_server import (
    ALLOW,
    DEFAULT_ALIASES,
    TOKEN,
    DecisionServer,
    configured,
    verdict,
)

ABOUT = About(
    server="s",
    plugin_version="1",
    mlflow_version="3",
    store="sqlite",
    workspaces=False,
    started_at="2026-11-26T00:00:00+00:00",
    identity="basic-auth",
    freeze=True,
)
UNUSABLE = {
    "no list": configured(2, "champion"),
    "none": configured(2, []),
    "101": configured(2, [f"a{n}" for n in range(101)]),
    "a number among them": configured(2, ["champion", 1]),
    "a blank among them": configured(2, ["champion", " "]),
    "no number": configured(None, ["live"]),
    "a yes for a number": configured(True, ["live"]),
    "no configuration": (200, "application/json", b'{"every_s": 15}'),
    "a list": (200, "application/json", b"[]"),
    "not JSON": (200, "application/json", b"{"),
    "deep": (200, "application/json", b"[" * 60_000),
}


@pytest.fixture(autouse=True)
def _nothing_received(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protection, "_received", ())


def test_what_placet_may_answer():
    assert parse(configured(3, [" Champion ", "eu-*"], every_s=5)[2]) == Configuration(3, ("champion", "eu-*"), 5.0)
    for every_s in (None, "5", True, 0, -1, 1e9):
        assert parse(configured(3, ["a"], every_s=every_s)[2]).every_s == DEFAULT_EVERY_S


@pytest.mark.parametrize("answer", UNUSABLE.values(), ids=UNUSABLE)
@pytest.mark.usefixtures("plugin_settings")
def test_an_answer_that_can_not_be_used_protects_no_less_than_before(gate: DecisionServer, answer):
    with pytest.raises(Unusable):
        parse(answer[2])
    presence = Presence(ABOUT)
    gate.configuration = answer
    presence._once()
    assert protection.protected_aliases() == protection.DEFAULT_PROTECTED_ALIASES
    gate.configuration = configured(3, ["live"])
    presence._once()
    assert protection.protected_aliases() == ("live",)
    gate.configuration = answer
    presence._once()
    assert protection.protected_aliases() == ("live", *protection.DEFAULT_PROTECTED_ALIASES)


@pytest.mark.usefixtures("plugin_settings")
def test_what_was_received_stays_in_force_while_placet_is_away_and_nobody_waits(gate: DecisionServer):
    told, first = list[int](), len(gate.check_ins)
    presence = Presence(ABOUT, before=lambda: told.append(len(gate.check_ins)))
    gate.configuration = configured(7, ["live"])
    presence._once()
    assert gate.check_ins[-1]["configuration"] is None
    presence._once()
    assert (gate.check_ins[-1]["configuration"], told) == (7, [first, first + 1]), "each time before"
    with gate.down():
        presence._once()
        assert (protection.protected_aliases(), told) == (("live",), [first, first + 1, first + 2])
    gate.byte_pause_s = 0.1
    began = time.monotonic()
    Presence(ABOUT).start()
    assert time.monotonic() - began < 0.5


@pytest.fixture
def renumbered(engineer: Rest, gate: DecisionServer) -> Iterator[object]:
    """Give the running server a configuration by letting a decision carry its number; the first one afterwards."""
    model = engineer.a_model()

    def give(number: int, aliases: list[str]) -> None:
        gate.configuration = configured(number, aliases, every_s=15)
        before = len(gate.check_ins)
        gate.answer = lambda _question: verdict("BLOCK", configuration=number)
        assert engineer.delete("registered-models/alias", name=model, alias="champion").status in (200, 403, 404)
        assert engineer.post("model-versions/set-tag", name=model, version="1", key="gov.x", value="x").status == 403
        gate.wait_for_check_in(after=before, timeout_s=5)
        time.sleep(0.2)

    yield give
    give(100_000 + len(gate.check_ins), DEFAULT_ALIASES)


def test_a_running_server_checks_in_and_protects_what_placet_names(
    engineer: Rest, gate: DecisionServer, renumbered, mlflow_server
):
    import mlflow

    from placet import __version__

    name = engineer.a_model()
    renumbered(2, ["live-*"])
    said = gate.check_ins[-1]
    assert said["token"] == f"Bearer {TOKEN}"
    expected = {"plugin_version": __version__, "mlflow_version": mlflow.__version__, "store": "sqlite"}
    expected |= {"workspaces": False, "freeze": True, "identity": "basic-auth"}
    assert {key: said[key] for key in expected} == expected
    assert len(said["server"]) >= 16
    assert engineer.set_alias(name, "Live-eu", 1).status == 403
    assert engineer.set_alias(name, "champion", 1).status == 200
    with gate.down():
        assert engineer.set_alias(name, "live-us", 1).status == 403
        assert engineer.set_alias(name, "canary", 1).status == 200


def test_a_decision_with_the_number_in_force_asks_for_no_check_in(engineer: Rest, gate: DecisionServer, renumbered):
    renumbered(5, DEFAULT_ALIASES)
    before = len(gate.check_ins)
    gate.answer = lambda _question: verdict("ALLOW", configuration=5)
    assert engineer.set_alias(engineer.a_model(), "champion", 1).status == 200
    time.sleep(0.3)
    assert len(gate.check_ins) == before
    gate.answer = lambda _question: ALLOW
