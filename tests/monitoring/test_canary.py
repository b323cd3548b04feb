"""From a share of the traffic to evidence: what counts of the time behind the canary alias, what not."""

import re
from datetime import UTC, datetime, timedelta
from html import unescape

import pytest
from django.test import Client
from django.urls import reverse

from governance.approvals import services as approvals
from governance.approvals.models import State
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.evidence.errors import CannotProduce
from governance.policy.document import parse
from governance.policy.problems import InvalidPolicy
from monitoring import windows
from monitoring.models import Alert, DriftRun, RecordBatch
from registry import promotions
from registry.models import AliasHistory
from tests.canaries import LIGHT, answered, behind_canary, counted, drifted, watched
from tests.factories import Cast, a_policy, a_policy_text, fresh, put_live

pytestmark = pytest.mark.django_db

BEGAN = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
DAY, MINUTE = timedelta(days=1), timedelta(minutes=1)
DAYS = """
  - id: canary.days
    title: Days behind the canary alias
    expr: evidence.canary.days >= 7
    on_fail: block
    shows: {value: evidence.canary.days, limit: 7, better: higher}
    why: A week.
    owner: owner

human_review:"""
CHAMPION = a_policy_text(
    ("targets: [champion, canary]", "targets: [champion]"),
    ("  explanation/v1:", "  canary/v1: {}\n  explanation/v1:"),
    ("\nhuman_review:", DAYS),
)


@pytest.fixture
def cast(storage):
    cast = Cast(CHAMPION)
    a_policy(LIGHT)
    return cast


def ended(cast: Cast) -> None:
    """Take the canary alias away, as Placet's own acts do."""
    span = AliasHistory.objects.get(model=cast.model, alias="canary", during__endswith__isnull=True)
    span.during = type(span.during)(span.during.lower, clock.now(), "[)")
    audit.append(event=Event.PROMOTION_APPLIED, actor=System("test"), subjects=[span], data={})


def signed_in(person) -> Client:
    client = Client()
    client.force_login(person)
    return client


def text_of(response) -> str:
    return " ".join(unescape(re.sub(r"<[^>]+>", " ", response.content.decode())).split())


def asked(cast: Cast, number: int = 1):
    made, _ = promotions.request_promotion(
        model=cast.model.name, version=number, alias="champion", requester=cast.engineer
    )
    return made


def test_what_counts_is_its_own_records_of_the_time_behind_the_alias(cast):
    with clock.frozen(BEGAN):
        canary = behind_canary(cast)
        monitor = watched(cast)
    with clock.frozen(BEGAN + 2 * DAY):
        answered(monitor, 30, start=BEGAN, every=MINUTE)
        answered(monitor, 5, start=BEGAN - DAY, every=MINUTE)  # before it was behind the alias, says who sends them
    with clock.frozen(BEGAN + 4 * DAY):
        ended(cast)
    with clock.frozen(BEGAN + 5 * DAY):
        answered(monitor, 7, start=BEGAN + 4 * DAY, every=MINUTE, version=1)
        behind_canary(cast, number=2)
        answered(monitor, 50, start=BEGAN + 5 * DAY, every=timedelta())  # version 2 answered these
    with clock.frozen(BEGAN + 5 * DAY + MINUTE):
        ended(cast)
        again = put_live(cast, fresh(canary))
        answered(monitor, 12, start=clock.now(), every=timedelta(seconds=1))
    with clock.frozen(BEGAN + 6 * DAY + MINUTE):
        payload = counted(asked(cast)).payload
    assert again.alias == "canary"
    assert [(span["days"], span["by"], span["end"] is None) for span in payload["spans"]] == [
        (4.0, str(canary), False),
        (1.0, str(canary), True),
    ]
    assert (payload["days"], payload["serving"], payload["n"], payload["outside"]) == (5.0, True, 42, 12)
    days = [(BEGAN + place * DAY).date().isoformat() for place in (0, 5)]
    assert payload["by_day"] == [{"day": days[0], "n": 30}, {"day": days[1], "n": 12}]
    assert payload["reference_check"]["max_difference"] == 0


def test_what_comes_after_the_request_does_not_count_and_a_new_request_counts_anew(cast):
    with clock.frozen(BEGAN):
        behind_canary(cast)
        monitor = watched(cast)
    with clock.frozen(BEGAN + DAY):
        answered(monitor, 10, start=BEGAN, every=MINUTE)
        made = asked(cast)
    with clock.frozen(BEGAN + 8 * DAY):
        answered(monitor, 10, start=BEGAN + DAY, every=MINUTE)
        first = counted(made)
        assert (first.payload["n"], first.payload["days"]) == (10, 1.0)
        approvals.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="Too early.")
        second = counted(asked(cast))
    assert (second.payload["n"], second.payload["days"]) == (20, 8.0)
    assert first.inputs_digest != second.inputs_digest


def test_a_version_that_was_never_there_has_served_no_time_and_the_policy_says_what_follows(cast):
    made = cast.promotion()
    evidence = counted(made)
    assert evidence.projection == {
        "n": 0,
        "days": 0.0,
        "days_with_records": 0,
        "serving": False,
        "windows": 0,
        "windows_drifted": 0,
        "windows_insufficient": 0,
        "alerts": 0,
        "alerts_open": 0,
    }
    cast.attached(made, ratio=0.97, half=0.05)
    approval = fresh(made).approval
    assert (approval.state, approval.outcome) == (State.IN_REVIEW, "BLOCK")
    (failed,) = [row for row in approval.verdict["checks"] if row["outcome"] == "fail"]
    assert (failed["id"], failed["evidence_type"], failed["value"]) == ("canary.days", "canary/v1", 0.0)


def test_a_week_behind_the_alias_is_enough_and_a_second_less_is_not(cast):
    with clock.frozen(BEGAN):
        behind_canary(cast)
    for wait, outcome in ((7 * DAY - timedelta(seconds=1), "BLOCK"), (7 * DAY, "ALLOW")):
        with clock.frozen(BEGAN + wait):
            made = asked(cast)
            counted(made)
            cast.attached(made, ratio=0.97, half=0.05)
            assert fresh(made).approval.outcome == outcome
            approvals.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="Once more.")


def test_what_the_canary_s_monitor_saw_stands_in_it(cast):
    with clock.frozen(BEGAN):
        behind_canary(cast)
        monitor = watched(cast)
    with clock.frozen(BEGAN + DAY):
        run = drifted(monitor, start=BEGAN, end=BEGAN + DAY)
        payload = counted(asked(cast)).payload
    assert DriftRun.objects.get() == run
    assert Alert.objects.get().version_id == run.version_id
    assert [(row["outcome"], row["payload_digest"]) for row in payload["windows"]] == [
        ("drift", run.evidence.payload_digest)
    ]
    assert payload["alerts"] == {"total": 1, "open": 1}


def test_records_that_are_gone_from_the_store_are_no_evidence(cast):
    with clock.frozen(BEGAN):
        behind_canary(cast)
        monitor = watched(cast)
    with clock.frozen(BEGAN + DAY):
        answered(monitor, 10, start=BEGAN, every=MINUTE)
        (path,) = windows.paths_of(RecordBatch.objects.get())
        path.write_bytes(b"not a record")
        with pytest.raises(CannotProduce, match="can not be read"):
            counted(asked(cast))


@pytest.mark.parametrize(
    ("asked_for", "said"),
    [
        ("canary/v1: {parameters: {alias: Champion}}", "No version could ever get champion"),
        ("canary/v1: {dataset: evaluation}", "leave `dataset` and `max_age` out"),
        ("canary/v1: {max_age: P30D}", "leave `dataset` and `max_age` out"),
        ("canary/v1: {parameters: {days: 7}}", "nothing in `parameters` but `alias`"),
        ("canary/v1: {parameters: {alias: 7}}", "nothing in `parameters` but `alias`"),
    ],
)
def test_a_policy_asks_for_a_canary_that_can_be(asked_for, said):
    with pytest.raises(InvalidPolicy, match=said):
        parse(CHAMPION.replace("canary/v1: {}", asked_for))


def test_the_review_page_shows_the_time_as_a_canary_and_the_request_that_let_it_there(cast):
    with clock.frozen(BEGAN):
        canary = behind_canary(cast)
        monitor = watched(cast)
    with clock.frozen(BEGAN + 8 * DAY):
        answered(monitor, 24, start=BEGAN, every=timedelta(hours=8))
        made = asked(cast)
        counted(made)
        cast.attached(made, ratio=0.97, half=0.05)
        page = signed_in(cast.officer).get(reverse("review", args=[made.approval_id]))
    shown = page.context["canary"]
    assert [(span["by"], span["pk"]) for span in shown["spans"]] == [(str(canary), canary.pk)]
    assert (shown["monitor_pk"], sum(shown["chart"]["values"])) == (monitor.pk, 24)
    said = text_of(page)
    for words in ("v1 behind canary", "days behind the alias 8.0", "records answered 24", "still there at the request"):
        assert words in said, words
    assert "has served no one" not in said


def test_a_request_that_asks_for_no_canary_shows_none(storage):
    cast = Cast()
    made = cast.reviewed()
    assert signed_in(cast.officer).get(reverse("review", args=[made.approval_id])).context["canary"] is None
