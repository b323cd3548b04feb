"""How many queries each page and each answer costs: committed, so that one that a list asks per row is seen at once.

``python -m benchmarks web`` shows that the counts are the same with a hundred times the data.
"""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from django.core.cache import cache
from django.db import connection
from django.test.utils import CaptureQueriesContext

from tests.security.reading import readings
from tests.security.test_permission_matrix import Asker, quiet_gc, world

__all__ = ["quiet_gc", "world"]

BASELINE = Path(__file__).with_name("queries.json")
ANEW = "PLACET_QUERIES_ANEW"


@pytest.mark.slow
@pytest.mark.usefixtures("quiet_gc")
def test_each_page_and_answer_costs_the_queries_that_are_committed(world: Any):
    client, counts = Asker(raise_request_exception=False), {}
    for reading in readings(world):
        cache.clear()  # a count must not depend on what was asked before
        with CaptureQueriesContext(connection) as counted:
            answer = reading.ask(client)
            b"".join(answer) if answer.streaming else answer.content
        assert answer.status_code == 200, reading
        counts[reading.name] = len(counted)
    if os.environ.get(ANEW):
        BASELINE.write_text(json.dumps(counts, indent=1, sort_keys=True) + "\n")
    kept = json.loads(BASELINE.read_text())
    other = {name: (kept.get(name), counts.get(name)) for name in kept | counts if kept.get(name) != counts.get(name)}
    assert other == {}, f"(committed, now); {ANEW}=1 writes {BASELINE.name} anew"
