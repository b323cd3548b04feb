"""How the demo's story looks in a terminal: nothing cut in the middle, nothing wider than the window."""

import io
from typing import Any

import pytest
from rich.console import Console

from examples.credit import drifting, story
from examples.credit.people import Refused, alerts
from examples.credit.stage import Stage, shortened

DIGEST = "sha256:" + "0123456789abcdef" * 4
TITLE = "Selection-rate ratio by sex, every group of at least 5 % against the reference group"


def told(width: int) -> tuple[Stage, io.StringIO]:
    screen = io.StringIO()
    return Stage(Console(file=screen, width=width)), screen


def test_a_digest_is_shown_by_its_first_twelve_digits() -> None:
    assert shortened(f"approved is {DIGEST}.") == "approved is sha256:0123456789ab…."
    assert shortened("0123456789abcdef" * 4) == "0123456789ab…"
    assert shortened(f"the store holds {DIGEST[:26]}, approved") == "the store holds sha256:0123456789ab…, approved"
    assert shortened("deadbeef") == "deadbeef"


@pytest.mark.parametrize("width", [80, 120])
def test_long_lines_are_wrapped_at_words_and_stay_indented(width: int) -> None:
    stage, screen = told(width)
    stage.say(f"the validator pinned the evaluation data {DIGEST} and said why in a long sentence " * 2)
    stage.quote('403: "You are [requester] of credit-risk/2; somebody else must decide, since nobody decides alone."')
    stage.expect(1, f"the reconciler says so: the store holds {DIGEST}, approved was {DIGEST}, so it is suspended now")
    lines = screen.getvalue().splitlines()
    assert all(len(line) <= width and line.startswith("   ") for line in lines), screen.getvalue()
    words = screen.getvalue().split()
    assert words.count("sha256:0123456789ab…") + words.count("sha256:0123456789ab…,") == 4
    assert "[requester]" in words


class Api:
    """Answers a promotion whose checks are long."""

    def call(self, method: str, path: str, body: Any = None) -> Any:
        base = {"value": 0.7432, "low": 0.6111, "high": 0.8719, "limit": 0.8, "evidence_type": "fairness/v1"}
        rows = [
            {**base, "id": "a", "title": TITLE, "outcome": "insufficient", "effect": "HOLD"},
            {**base, "id": "b", "title": "AUC no worse", "outcome": "pass", "effect": "ALLOW", "low": None},
            {**dict.fromkeys(base), "id": "c", "title": "No value", "outcome": "not_applicable", "effect": "ALLOW"},
        ]
        return {"approval": {"verdict": "HOLD", "reason": "one check waits for a review", "checks": rows}}


@pytest.mark.parametrize("width", [80, 120])
def test_the_checks_stand_in_a_table(width: int) -> None:
    stage, screen = told(width)
    world: Any = type("World", (), {"pipeline": Api(), "promotions": {2: {"id": "x"}}})
    story.evaluate(stage, world)
    lines = screen.getvalue().splitlines()
    assert max(map(len, lines)) <= width
    assert "   outcome" in lines[0]
    for words in ("0.611 to 0.872", "insufficient", "not_applicable", "fairness/v1"):
        assert any(words in line for line in lines), screen.getvalue()
    (row,) = [line for line in lines if "AUC no worse" in line]
    assert row.split() == ["pass", "AUC", "no", "worse", "0.743", "0.8"]


@pytest.mark.parametrize("width", [80, 120])
def test_the_drifted_columns_stand_in_a_table(width: int) -> None:
    column = {"value": 0.41237, "limit": 0.1, "evidently": 0.39781, "difference": 2e-16, "outcome": "drift"}
    columns = [{**column, "column": "duration_in_months"}, {**column, "column": "purpose", "evidently": None}]
    stage, screen = told(width)
    drifting._compare(stage, {"payload": {"columns": columns}})
    lines = [line for line in screen.getvalue().splitlines() if "duration_in_months" in line and "drift" in line]
    assert lines[-1].split() == ["duration_in_months", "0.4124", "0.1", "0.3978", "+2e-16", "drift"]
    assert all(len(line) <= width for line in screen.getvalue().splitlines())


def test_a_refusal_is_the_pages_own_sentence() -> None:
    page = """
      <p class="x-error">in the form as well</p>
      <div class="x-messages"><div class="x-message x-note x-bad"
          role="alert"><svg><path d="x"/></svg>
        <span>You are the requester of credit-risk/2; you can&#x27;t decide.</span></div></div>"""
    assert alerts(page) == "You are the requester of credit-risk/2; you can't decide."
    assert str(Refused(403, "", alerts(page))) == "You are the requester of credit-risk/2; you can't decide."
    assert str(Refused(409, "Held", "Two must sign.")) == "Held. Two must sign."
