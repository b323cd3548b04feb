"""How many decisions the gate gives, beside a bare DRF view that does one INSERT."""

from __future__ import annotations

import json
import os
import statistics
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import cycle, permutations
from typing import Any

from benchmarks.log_writers import cluster
from benchmarks.timing import Comparison, Row

ROUNDS, WARM_UP, LEAST = 300, 30, 0.5
BARE, REFUSED, ALLOWED = "a bare view with one INSERT", "refused", "allowed by its grant"


def measure() -> Comparison:
    """Measure all ways in one run, in one process, on a database of the benchmark's own."""
    with cluster(), ExitStack() as up:
        import django

        django.setup()
        from django.conf import settings
        from django.core.handlers.wsgi import WSGIHandler
        from django.test import override_settings

        from benchmarks.gate import a_grant, a_question
        from tests.factories import Cast
        from tests.healthy_mlflow import healthy_mlflow

        settings.ALLOWED_HOSTS = ["testserver"]
        settings.MLFLOW_TRACKING_URI = up.enter_context(healthy_mlflow())
        cast = Cast()
        made = cast.promotion(number=1)
        cast.signed(made)
        with override_settings(MIDDLEWARE=[]):
            bare = WSGIHandler()
        ours = WSGIHandler()

        def decided(alias: str, verdict: str, *, grant: bool = False) -> Callable[[], float]:
            def ask() -> float:
                question = a_question(made, alias, a_grant(made) if grant else "")
                taken, said = _post(ours, "/api/v1/gate/decisions", question)
                if said["verdict"] != verdict:
                    raise RuntimeError(f"Placet answered {said}, not {verdict}.")
                return taken

            return ask

        def inserted() -> float:
            with override_settings(ROOT_URLCONF="benchmarks.rivals.bare"):
                return _post(bare, "/", a_question(made, "champion", ""))[0]

        ways: dict[str, Callable[[], float]] = {
            BARE: inserted,
            REFUSED: decided("champion", "BLOCK"),
            ALLOWED: decided("champion", "ALLOW", grant=True),
        }
        taken: dict[str, list[float]] = {way: [] for way in ways}
        orders = cycle(permutations(ways))  # nobody always comes right after the slowest
        for number in range(WARM_UP + ROUNDS):
            for way in next(orders):
                seconds = ways[way]()
                if number >= WARM_UP:
                    taken[way].append(seconds)
    medians = {way: statistics.median(values) for way, values in taken.items()}
    rows = tuple(Row(way, median, median / medians[BARE], ROUNDS) for way, median in medians.items())
    rates = {way: medians[BARE] / median for way, median in medians.items() if way != BARE}
    said = "; ".join(f"{way}: {rate:.2f}" for way, rate in rates.items())
    kept = "kept" if min(rates.values()) >= LEAST else "NOT KEPT"
    return Comparison(
        title="Decisions of the gate",
        setup="the whole chain of middleware and views for ours, none for the bare view; PostgreSQL, one process",
        rows=rows,
        claim=f"The gate's decisions as parts of the rate of a bare DRF view with one INSERT: {said}; the goal of "
        f"{LEAST:g} is {kept}.",
    )


def _post(handler: Any, path: str, body: dict[str, Any]) -> tuple[float, dict[str, Any]]:
    """Return how long an answer took, in seconds, and what it says."""
    from django.test import RequestFactory

    headers = {"Authorization": f"Bearer {os.environ['PLACET_GATE_TOKEN']}"}
    request = RequestFactory().post(path, json.dumps(body), content_type="application/json", headers=headers)
    began = time.perf_counter()
    answer = handler.get_response(request)
    content = answer.content
    taken = time.perf_counter() - began
    if answer.status_code != 200:
        raise RuntimeError(f"{path} answered {answer.status_code}: {content[:300]!r}")
    return taken, json.loads(content)
