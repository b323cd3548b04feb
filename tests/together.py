"""Which tests run on one worker: those that share servers, which each worker would start for itself.

By path, since the scheduler sees no more of a test than its id.
"""

from __future__ import annotations

import pytest
from xdist.scheduler import LoadScopeScheduling
from xdist.workermanage import WorkerController

PLUGIN = "tests/client/mlflow_plugin"
TOGETHER = (
    (f"{PLUGIN}/test_bypasses_", "bypasses"),
    (f"{PLUGIN}/test_artifact_freeze_s3", "own servers"),
    (f"{PLUGIN}/test_half_installed", "own servers"),
    (f"{PLUGIN}/test_offline_permits", "own servers"),
    (f"{PLUGIN}/test_proxy_identity", "own servers"),
    (f"{PLUGIN}/test_word", "own servers"),
    (f"{PLUGIN}/", "plugin"),
    ("tests/e2e/", "e2e"),
    ("tests/platform/", "platform"),
    ("tests/documents/", "documents"),
    ("tests/audit/test_audit_crashes", "crashes"),
    ("tests/registry/test_hardening", "hardening"),
    ("tests/registry/test_adoption", "stock mlflow"),
    ("tests/registry/test_workspaces", "workspaces"),
    ("tests/registry/test_serving_example", "serving"),
    ("tests/registry/test_streamed_digest", "serving"),
)
"""Beginning of a path, name of the group; the first that fits."""


class Together(LoadScopeScheduling):
    """Gives a group to one worker, the largest first, and any other test to whoever is free."""

    def _split_scope(self, nodeid: str) -> str:
        return next((group for path, group in TOGETHER if nodeid.startswith(path)), nodeid)

    def remove_node(self, node: WorkerController) -> str | None:
        """Hand on what a worker that died had left to do, and return the test that it died of.

        xdist also hands on what it had done, and the test that it died of: whoever gets a group of which nothing is
        left waits for a test to end and never asks for more, so the run never ends.
        """
        work = self.assigned_work.pop(node)
        died_of = next((test for unit in work.values() for test, done in unit.items() if not done), None)
        if died_of is not None:
            work[self._split_scope(died_of)][died_of] = True
        self.workqueue.update({scope: unit for scope, unit in work.items() if not all(unit.values())})
        for other in self.assigned_work:
            self._reschedule(other)
        return died_of


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    """Hand the tests out as said here; asked only where there are several workers."""
    return Together(config, log)  # type: ignore[arg-type]
