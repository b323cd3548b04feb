"""A canary's count holds its files against what was taken in, less what was erased or had its time."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.common import clock
from governance.common.clock import rfc3339
from governance.evidence.reproducing import data_gone
from monitoring import erasure, retention, services
from monitoring.intake import JSON_LINES
from registry import promotions
from tests import payloads
from tests.canaries import LIGHT, behind_canary, counted, watched
from tests.factories import Cast, a_policy, a_policy_text, a_user

pytestmark = pytest.mark.django_db(transaction=True)

BEGAN = datetime.now(UTC).replace(hour=9, minute=0, second=0, microsecond=0) + timedelta(days=1)
DAY = timedelta(days=1)
CHAMPION = a_policy_text(
    ("targets: [champion, canary]", "targets: [champion]"), ("  explanation/v1:", "  canary/v1: {}\n  explanation/v1:")
)


def answered(monitor, n: int) -> None:
    """Send n records, one an hour, of three people."""
    row = dict.fromkeys(payloads.FEATURES, "a") | {"prediction": 0.4}
    lines = [
        json.dumps(row | {"predicted_at": rfc3339(BEGAN + timedelta(hours=place)), "subject_id": f"ada-{place % 3}"})
        for place in range(n)
    ]
    services.accept_records(
        monitor_id=monitor.pk,
        batch_id="b",
        body="\n".join(lines).encode(),
        content_type=JSON_LINES,
        sender=a_user(Role.ENGINEER),
    )


def asked(cast: Cast):
    made, _ = promotions.request_promotion(model=cast.model.name, version=1, alias="champion", requester=cast.engineer)
    return made


def test_the_count_holds_after_an_erasure_and_after_a_day_that_expired(storage) -> None:
    cast = Cast(CHAMPION)
    a_policy(LIGHT)
    officer = a_user(Role.DATA_PROTECTION_OFFICER)
    with clock.frozen(BEGAN):
        behind_canary(cast)
        monitor = watched(cast)
    with clock.frozen(BEGAN + 2 * DAY):
        answered(monitor, 48)
        made = asked(cast)
        first = counted(made)
        approvals.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="Once more.")
    assert (first.payload["n"], data_gone(first)) == (48, "")
    with clock.frozen(BEGAN + 3 * DAY):
        erasure.erase_records(monitor_id=monitor.pk, by=officer, reason="Art. 17 GDPR", subject="ada-1")
        made = asked(cast)
        second = counted(made)
        approvals.withdraw(request_id=made.approval_id, requester=cast.engineer, reason="And once more.")
    assert (second.payload["n"], data_gone(second)) == (32, "")
    assert "were erased" in data_gone(first)
    with clock.frozen(BEGAN + 366 * DAY):
        # the first day of three had 15 hours, five of ada-1
        assert retention.expire_records() == 10
        assert "because their time had passed" in data_gone(second)
    batch = monitor.batches.get()
    assert batch.kept == 22
