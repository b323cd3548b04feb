"""What the demo shows once a model is live: changed bytes are seen, drift suspends, strangers can check the papers."""

import io
import json
from typing import Any

import pypdf
import pytest

from examples.credit.story import World
from reports.documents.building import build
from tests.documents.figures import not_in_evidence, not_in_snapshot
from tests.e2e.steps import Step

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


@pytest.fixture(scope="module")
def documentation(step: Step, v2_live: Any, world: World) -> bytes:
    """The Annex IV documentation of the German Credit system, as an auditor downloads it."""
    step(8)
    return (world.output / "annex-iv.pdf").read_bytes()


def test_changed_bytes_are_seen_and_nothing_loads_them(step: Step, v2_live: Any) -> None:
    step(6)


def test_drift_suspends_the_approval(step: Step, v2_live: Any) -> None:
    step(7)


def test_a_stranger_can_check_the_papers(documentation: bytes) -> None:
    assert documentation.startswith(b"%PDF")  # step 8 expects the rest


def test_every_figure_of_the_documentation_stands_in_the_evidence_that_it_cites(
    documentation: bytes, world: World
) -> None:
    (attached,) = pypdf.PdfReader(io.BytesIO(documentation)).attachments["evidence.json"]
    snapshot = json.loads(attached)
    content = build(snapshot)
    assert not_in_snapshot(content, snapshot, documentation) == set()
    auditor = world.people["auditor"]
    payloads = {row["id"]: auditor.call("GET", f"evidence/{row['id']}")["payload"] for row in snapshot["evidence"]}
    assert not_in_evidence(content, payloads) == set()
    cited = {source.id for _, paragraph in content.paragraphs() for source in paragraph.sources} & set(payloads)
    kinds = {row["type"] for row in snapshot["evidence"] if row["id"] in cited}
    assert {"performance/v1", "fairness/v1", "explanation/v1"} <= kinds
    # Without what the performance evidence holds, its figures would be found to stand nowhere. (One figure changed
    # among the hundreds of its curves may well be explained by another that rounds to the same three digits.)
    (performance,) = [
        row["id"] for row in snapshot["evidence"] if row["type"] == "performance/v1" and row["id"] in cited
    ]
    assert not_in_evidence(content, payloads | {performance: {}})
    rows = [row | {"payload": {}} if row["id"] == performance else row for row in snapshot["evidence"]]
    assert not_in_snapshot(content, snapshot | {"evidence": rows}, documentation)
