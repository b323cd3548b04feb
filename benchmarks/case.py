"""What an auditor waits for: the bundle of one promotion verified, beside nothing but hashing its files.

``python -m benchmarks case``: a promotion with 8 pieces of evidence of 200 kB, a PDF of 2 MB and 80 entries, in a log
of 20,000; by the verifier alone, and by the command from its start.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
import zipfile
from hashlib import sha256
from pathlib import Path

from benchmarks.timing import Comparison, interleaved, times, within
from placet.case import verify_case
from placet.verify import Verdict
from tests.client.a_case import Story

ENTRIES, EVIDENCE, COMMENTS = 20_000, 8, 60
ROUNDS, LIMIT_S = 7, 2.0


def _story() -> Story:
    """Return a promotion of an ordinary size, late in a log that is not small."""
    story = Story()
    for _ in range(ENTRIES):
        story.log.append("log.heartbeat", data={})
    story.tell()
    for number in range(EVIDENCE):
        payload = b'{"curve":[' + b",".join(b"%d" % (number + point) for point in range(36_000)) + b"]}"
        kept = story.keep("evidence", payload, ".json")
        subject = {"name": "credit-risk/2", "digest": "sha256:" + "a" * 64}
        data = {"type": "performance/v1", "subject": subject, "payload_digest": kept, "files": {}}
        story.say("evidence.attached", "system:worker", data)
    pdf = story.keep("documents", b"%PDF-1.7 " + bytes(2_000_000), ".pdf")
    snapshot = story.keep("documents", b"{}", ".json")
    story.say("document.built", "person:owner", {"kind": "annex-iv", "system": "s", "pdf": pdf, "snapshot": snapshot})
    for number in range(COMMENTS):
        about = {"request": "b6f0e2f6-0f0c-4a53-8c8e-6f3f6a3b2f11", "comment": str(number), "mentions": []}
        story.say("approval.commented", "person:officer", about, words="I have looked into that.")
    return story


def measure() -> Comparison:
    """Verify the bundle of one promotion."""
    story = _story()
    with tempfile.TemporaryDirectory() as folder:
        path = story.write(Path(folder) / "case.zip")
        (policy := Path(folder) / "policy.txt").write_text(story.log.policy)
        with zipfile.ZipFile(path) as box:
            members = [box.read(name) for name in box.namelist()]
        command = [sys.executable, "-m", "placet.cli", "verify", str(path), "--policy", str(policy), "--json"]

        def verified() -> None:
            report = verify_case(path, trust=policy).report
            assert (report.integrity, report.completeness) == (Verdict.HOLDS,) * 2, report.findings

        ways = {
            "SHA-256 of each file": lambda: [sha256(data).digest() for data in members],
            "verify_case": verified,
            "placet verify, from its start": lambda: subprocess.run(command, check=True, capture_output=True),  # noqa: S603
        }
        taken = interleaved(ways, rounds=ROUNDS)
        size_mb = path.stat().st_size / 1e6
    whole = taken[2].median_s
    return Comparison(
        title=f"Case: the bundle of a promotion, {len(members)} files, {size_mb:.1f} MB",
        setup=f"{len(story.chosen)} entries of a log of {len(story.log.bodies):,}; the command: "
        f"{within(whole, LIMIT_S, 's')}",
        rows=taken,
        claim=f"Verifying a promotion's bundle costs {times(taken[1].ratio)} times as much as hashing its files; the "
        "command spends most of its time on starting.",
    )
