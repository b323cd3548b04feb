"""A policy replayed over 1,000 past requests, and over 100: read, evaluated, counted, named in the log.

Forty requests go through the real services, on figures that differ, some with a signed human review; the others are
copies of their rows under new ids, written past the log's guards in a database that is thrown away.
"""

from __future__ import annotations

import time
import uuid
from typing import TYPE_CHECKING, Any

from benchmarks.log_append import _database
from benchmarks.timing import Comparison, Row, interleaved, seconds

if TYPE_CHECKING:
    from governance.approvals.models import ApprovalRequest

REAL, PAST = 40, 1_000
TABLES = ("approvals_approvalrequest", "evidence_evidence")


def _past() -> None:
    """Make the real requests, let a validator lift what a review can lift, and copy them."""
    from governance.approvals.models import ApprovalRequest
    from tests.factories import a_policy, a_user, accept
    from tests.past import past_requests

    policy, validator = a_policy(), a_user("validator")
    past_requests(REAL, policy)
    for request in ApprovalRequest.objects.all():
        for check in [row["id"] for row in request.verdict["checks"] if row["wants_review"]]:
            accept(request, validator, check=check)
    _copy(list(ApprovalRequest.objects.all()), PAST // REAL - 1)


def _copy(originals: list[ApprovalRequest], times: int) -> None:
    from django.db import connection

    from governance.approvals.models import ApprovalRequest
    from governance.common.postgres.base import as_owner
    from governance.evidence.models import Evidence

    evidence = {str(row.pk): row for row in Evidence.objects.all()}
    requests: list[Any] = []
    made: list[Any] = []
    for original in originals:
        reviews = [row for row in evidence.values() if row.parameters.get("request") == str(original.pk)]
        for _ in range(times):
            request = _again(original, subject_id=uuid.uuid4())
            mine = [_again(evidence[pk], job=None) for pk in original.evidence_ids]
            request.evidence_ids = [str(row.pk) for row in mine]
            given = [_again(row, parameters=row.parameters | {"request": str(request.pk)}) for row in reviews]
            requests.append(request)
            made += mine + given
    with as_owner(connection):
        with connection.cursor() as cursor:
            for table in TABLES:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
        Evidence.objects.bulk_create(made, batch_size=500)
        ApprovalRequest.objects.bulk_create(requests, batch_size=500)
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE")


def _again(row: Any, **changes: Any) -> Any:
    values = {field.attname: getattr(row, field.attname) for field in row._meta.concrete_fields}
    return type(row)(**(values | {"id": uuid.uuid4()} | changes))


def measure() -> Comparison:
    """Measure whole replays, and 1,000 with every expression compiled for the first time."""
    with _database():
        from governance.approvals import replaying
        from governance.approvals.models import ApprovalRequest
        from governance.policy import cel
        from governance.policy.models import PolicyVersion
        from tests.factories import a_user

        _past()
        total = ApprovalRequest.objects.count()
        author, policy = a_user("policy_author"), PolicyVersion.objects.get()
        found: list[int] = []

        def replay(most: int) -> None:
            asked = replaying.ask_replay(asker=author, policy_version=policy, most=most)
            found.append(replaying.run_replay(asked.pk).counts["cases"])

        cel._compiled.cache_clear()
        began = time.perf_counter()
        replay(PAST)
        cold = time.perf_counter() - began
        ways = {"100 requests": lambda: replay(100), f"{PAST:,} requests": lambda: replay(PAST)}
        rows = interleaved(ways, rounds=7)
        if total != PAST or set(found) != {100, PAST}:
            raise RuntimeError(f"{total} requests were made, and {set(found)} replayed")
    first = Row(f"{PAST:,} requests, in a process that has evaluated nothing yet", cold, cold / rows[0].median_s, 1)
    return Comparison(
        title="Policy: replay over past requests",
        setup="the example's policy for high-risk credit, three pieces of evidence each, PostgreSQL 18 with fsync off",
        rows=(*rows, first),
        claim=f"A replay over {PAST:,} past requests takes {seconds(rows[1].median_s)}, "
        f"{rows[1].ratio:.2g} times one over 100.",
    )
