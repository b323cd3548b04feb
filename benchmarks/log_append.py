"""What the log costs a write: a governed row with its entry, beside the same row without any log.

Real PostgreSQL, real triggers, one commit each, as the app role. The embedded server of the tests runs with fsync off,
so nothing but the work itself is compared; with a disk to wait for at each commit, the ratio comes nearer to 1.
"""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.timing import Comparison, interleaved, times

ROOT = Path(__file__).resolve().parents[1]


@contextmanager
def _database() -> Iterator[None]:
    """Start PostgreSQL, make a migrated database that is dropped again, and set Django up on it."""
    from governance.common.embedded import ensure_servers

    os.environ.update(ensure_servers(), PLACET_DB_ROLE="app", PLACET_TEST_DATABASE=f"test_placet_bench_{os.getpid()}")
    os.environ["DJANGO_SETTINGS_MODULE"] = "governance.config.settings"
    subprocess.run([sys.executable, "manage.py", "bootstrap_roles"], cwd=ROOT, check=True, stdout=subprocess.DEVNULL)
    import django

    django.setup()
    from django.test.utils import setup_databases, teardown_databases

    made = setup_databases(verbosity=0, interactive=False)
    try:
        yield
    finally:
        teardown_databases(made, verbosity=0)


def _plain_copy() -> None:
    """Make a table like registry_registeredmodel, as the owner, without the log's triggers."""
    from django.db import connection

    from governance.common.postgres.base import as_owner

    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute("CREATE TABLE bench_plain (LIKE registry_registeredmodel INCLUDING ALL)")


def measure() -> Comparison:
    """Measure one insert with its commit, in three ways."""
    with _database():
        from django.db import models, transaction

        from governance.audit import services as audit
        from governance.audit.actors import System
        from governance.audit.events import Event
        from governance.audit.governed import Governed
        from governance.common import clock
        from registry.models import RegisteredModel

        class Plain(Governed):
            workspace = models.CharField(max_length=120, default="default")
            name = models.CharField(max_length=256)
            system_id = models.UUIDField(null=True)
            mirrored_at = models.DateTimeField()

            class Meta:
                app_label = "benchmarks"
                managed = False
                db_table = "bench_plain"

        _plain_copy()
        numbers, actor = itertools.count(), System("benchmark")

        def plain() -> None:
            with transaction.atomic():
                row = Plain(name=f"plain-{next(numbers)}", mirrored_at=clock.now())
                row.log_entry = row.pk
                row.save(force_insert=True)

        def logged(payload: dict[str, str] | None = None) -> None:
            with transaction.atomic():
                row = RegisteredModel(name=f"logged-{next(numbers)}", mirrored_at=clock.now())
                audit.append(
                    event=Event.MODEL_MIRRORED, actor=actor, subjects=[row], data={"model": row.name}, payload=payload
                )

        rows = interleaved(
            {
                "row alone": plain,
                "row and its log entry": logged,
                "the same with an erasable payload": lambda: logged({"why": "a reason of ordinary length " * 3}),
            },
            rounds=300,
            warm_up=30,
        )
    return Comparison(
        title="Write: a governed row with its log entry",
        setup="PostgreSQL 18, fsync off, one transaction and commit each, Django ORM on both sides",
        rows=rows,
        claim=f"A governed write costs {times(rows[1].ratio)} times the same write without a log.",
    )
