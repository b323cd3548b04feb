"""The manifest of one GiB in four files beside ``hashlib`` over the same files, in one run."""

from __future__ import annotations

import hashlib
import random
import tempfile
from pathlib import Path

from benchmarks.timing import Comparison, interleaved
from placet.digests import artifact_manifest
from placet.streamed import folder_manifest

FILES, FILE_BYTES = 4, 256 << 20


def measure() -> Comparison:
    """Compare plain hashing, the manifest of one thread, and the manifest with a thread for each processor."""
    with tempfile.TemporaryDirectory(prefix="placet-bench-") as name:
        folder, block = Path(name), random.Random(7).randbytes(1 << 20)  # noqa: S311
        for number in range(FILES):
            with (folder / f"part-{number}.bin").open("wb") as file:
                for _ in range(FILE_BYTES >> 20):
                    file.write(block)

        def plain() -> list[str]:
            found = []
            for path in sorted(folder.iterdir()):
                with path.open("rb") as file:
                    found.append(hashlib.file_digest(file, "sha256").hexdigest())
            return found

        assert folder_manifest(folder) == artifact_manifest(folder)
        rows = interleaved(
            {
                "hashlib": plain,
                "artifact_manifest": lambda: artifact_manifest(folder),
                "folder_manifest, one thread": lambda: folder_manifest(folder, threads=1),
                "folder_manifest": lambda: folder_manifest(folder),
            },
            rounds=9,
        )
    speeds = [1 / row.ratio for row in rows]
    return Comparison(
        title=f"SHA-256 manifest of {FILES * FILE_BYTES >> 30} GiB in {FILES} files, in the page cache",
        setup="hashlib reads and hashes the same files, one after the other",
        rows=rows,
        claim=f"The manifest that the reconciler makes runs at {speeds[1]:.2f} times the speed of hashlib, "
        f"that of loaders and `placet digest` at {speeds[3]:.2f} times.",
    )
