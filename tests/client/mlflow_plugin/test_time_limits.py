"""How long a refusal takes while Placet is away, and that nothing else takes longer; measured where the user is."""

import statistics
import time
from collections.abc import Callable

import pytest

from tests.client.mlflow_plugin.conftest import Response, Rest
from tests.client.mlflow_plugin.decision_server import ALLOW, DecisionServer
from tests.proving import count

DOWN_S, HANGING_S = 0.7, 2.7


def seconds(call: Callable[[], Response], *, times: int, status: int) -> list[float]:
    """Return how long each of ``times`` calls took, shortest first."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        answer = call()
        taken.append(time.perf_counter() - began)
        assert answer.status == status, answer
    return sorted(taken)


def report(what: str, taken: list[float]) -> None:
    median, longest = statistics.median(taken), taken[-1]
    print(f"{what}: median {median * 1000:.0f} ms, longest {longest * 1000:.0f} ms of {len(taken)}")  # noqa: T201


def test_with_placet_down_a_refusal_takes_less_than_seven_tenths_of_a_second(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()
    with gate.down():
        taken = seconds(lambda: engineer.set_alias(name, "champion", 1), times=count(200, 20), status=403)
    report("Placet down, refused", taken)
    assert statistics.median(taken) < DOWN_S


@pytest.mark.slow
@pytest.mark.parametrize("trickles_from", ["head", "body"])
@pytest.mark.parametrize("pause_s", [60, 0.3], ids=["hangs", "trickles"])
def test_with_placet_hanging_or_trickling_it_takes_less_than_two_and_seven_tenths(
    engineer: Rest, gate: DecisionServer, pause_s: float, trickles_from: str
):
    name = engineer.a_model()
    gate.answer = lambda _question: ALLOW
    gate.byte_pause_s, gate.trickles_from = pause_s, trickles_from
    taken = seconds(lambda: engineer.set_alias(name, "champion", 1), times=count(20, 2), status=403)
    report(f"Placet sends a byte each {pause_s} s from the {trickles_from} on, refused", taken)
    assert taken[0] < HANGING_S, "the shortest, because other work on this machine can only lengthen it"
    assert engineer.aliases(name) == {}


def test_reads_and_free_writes_take_no_longer_while_placet_hangs(engineer: Rest, gate: DecisionServer):
    name = engineer.a_model()
    calls = {
        "read": lambda: engineer.call("GET", f"registered-models/get?name={name}"),
        "free alias": lambda: engineer.set_alias(name, "challenger", 1),
    }
    usual = {what: seconds(call, times=20, status=200) for what, call in calls.items()}
    gate.byte_pause_s, gate.trickles_from = 60, "head"
    for what, call in calls.items():
        taken = seconds(call, times=20, status=200)
        report(f"{what}, Placet hanging", taken)
        assert statistics.median(taken) < 5 * statistics.median(usual[what]) + 0.05
