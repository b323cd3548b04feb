"""Which tests run on one worker: those of a file, which share what its fixtures build, and of files that share servers.

By path, since the scheduler sees no more of a test than its id.
"""

from __future__ import annotations

from collections import OrderedDict

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
APART = ("tests/security/test_permission_matrix", "tests/security/test_hostile_forms")
"""Files whose few tests are so long that each is handed out by itself, and before anything else."""
LONG = (
    *("tests/common/test_pages_in_a_browser", "tests/client/mlflow_plugin/", "tests/documents/", "tests/platform/"),
    *("tests/audit/test_audit_crashes", "tests/registry/test_hardening", "tests/registry/test_adoption"),
    *("tests/registry/test_workspaces", "tests/registry/test_serving_example", "tests/registry/test_streamed_digest"),
)
"""What is handed out next: whatever is long and comes last leaves the other worker without work."""


class Together(LoadScopeScheduling):
    """Gives a group or a file to one worker, the longest first."""

    def __init__(self, config: pytest.Config, log: object) -> None:
        super().__init__(config, log)  # type: ignore[arg-type]
        self.workqueue = _LongestFirst()

    def _split_scope(self, nodeid: str) -> str:
        if nodeid.startswith(APART):
            return nodeid
        return next((group for path, group in TOGETHER if nodeid.startswith(path)), nodeid.partition("::")[0])

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


class _LongestFirst(OrderedDict[str, dict[str, bool]]):
    """A queue whose next piece of work is the longest; among its like the one with the most tests, as it came."""

    def popitem(self, last: bool = True) -> tuple[str, dict[str, bool]]:
        """Remove and return the next piece."""
        scope = min(self, key=self._rank)
        return scope, self.pop(scope)

    def _rank(self, scope: str) -> int:
        nodeid = next(iter(self[scope]))
        return 0 if nodeid.startswith(APART) else 1 if nodeid.startswith(LONG) else 2


def pytest_xdist_make_scheduler(config: pytest.Config, log: object) -> Together:
    """Hand the tests out as said here; asked only where there are several workers."""
    return Together(config, log)
