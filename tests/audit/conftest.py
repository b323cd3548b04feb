"""A notary with keys and folders of its own, and entries to place."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import connection

from governance.audit.notary import Notary
from governance.common import clock
from governance.common.postgres.base import as_owner


@pytest.fixture
def notary(tmp_path: Path, as_notary) -> Notary:
    """A notary whose first heartbeat is an hour away, so that a log holds what the test wrote and nothing else."""
    (tmp_path / "state").mkdir()
    (tmp_path / "anchors").mkdir()
    log_key, permit_key = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()
    folders = tmp_path / "state", tmp_path / "anchors"
    return Notary(settings.LOG_ORIGIN, log_key, permit_key, *folders, heartbeat_at=clock.now())


@pytest.fixture
def as_superuser(as_notary) -> Callable[[str], None]:
    """Alter the log as somebody who owns it could: guards off, change, guards on."""

    def run(statement: str) -> None:
        with as_owner(connection), connection.cursor() as cursor:
            cursor.execute(
                "SELECT g.tgrelid::regclass::text, g.tgname FROM pg_trigger g "
                "WHERE NOT g.tgisinternal AND g.tgenabled = 'A' "
                "AND g.tgrelid IN (SELECT a.tgrelid FROM pg_trigger a WHERE a.tgname LIKE 'audit\\_%')"
            )
            guards = cursor.fetchall()
            for table in {table for table, _ in guards}:
                cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER USER")
            cursor.execute(statement)
            for table, trigger in guards:
                cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")

    return run
