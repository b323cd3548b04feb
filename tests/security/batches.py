"""A batch of records, and a held bundle of a system, as the matrix asks for them."""

from __future__ import annotations

from typing import Any

from governance.accounts import holds
from governance.accounts.hold_models import LegalHold
from governance.accounts.roles import Role
from governance.common import clock
from governance.evidence import storage
from monitoring.models import RecordBatch
from reports.bundles.selectors import FOLDER
from reports.models import BundleJob
from tests.factories import a_user

B_1 = "b-1"


def a_batch(monitor: Any, version: Any, sender: Any) -> RecordBatch:
    """A batch of which one row was put aside, and whose files are gone."""
    return RecordBatch.objects.create(
        monitor=monitor,
        version=version,
        batch_id=B_1,
        digest="sha256:" + "0" * 64,
        rows=9,
        expired=9,
        quarantined=1,
        start=clock.now(),
        end=clock.now(),
        partitions=[],
        sender=sender,
        received_at=clock.now(),
    )


def a_batch_and_a_held_bundle(world: Any) -> tuple[BundleJob, LegalHold]:
    """The batch, and papers of the system that its owner asked for; the file is there and under a legal hold."""
    a_batch(world.monitor, world.run.version, world.owner)
    bundle = BundleJob.objects.create(
        scope=BundleJob.Scope.SYSTEM,
        system=world.system,
        requested_by=world.owner,
        state=BundleJob.State.DONE,
        file_digest=storage.put_stream([b"a bundle"], folder=FOLDER),
        made_at=clock.now(),
    )
    officer = a_user(Role.RISK_OFFICER)
    return bundle, holds.set_hold(kind="bundle", key=bundle.pk, reason="A court asked for it.", by=officer)
