"""Somebody with a laptop, Placet's public keys and no account, who checks files with the client alone."""

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from examples.credit import story

PLACET = Path(sys.executable).with_name("placet")
CHANGED = 3
INCOMPLETE = 4


@dataclass(frozen=True)
class Stranger:
    """Knows no address of Placet's or MLflow's and holds no token; the files are in a folder of their own."""

    folder: Path

    @property
    def seen_size(self) -> int:
        """The size of the tree in the checkpoint that they kept: the second line of a signed note."""
        return int((self.folder / "kept.note").read_text().splitlines()[1])

    def verify(self, name: str) -> subprocess.CompletedProcess[str]:
        """Check one of the files against the keys and the checkpoints that were handed over."""
        return subprocess.run(
            [PLACET, "verify", name, "--policy", "policy.txt", "--checkpoint", "kept.note"],
            cwd=self.folder,
            env={"PATH": os.environ["PATH"], "HOME": str(self.folder), "COLUMNS": "200"},
            capture_output=True,
            text=True,
            check=False,
        )


@contextmanager
def stranger(world: story.World) -> Iterator[Stranger]:
    """Hand somebody the public keys, and the newest checkpoint that was anchored outside."""
    with tempfile.TemporaryDirectory(prefix="placet-stranger-") as name:
        folder = Path(name)
        shutil.copy(world.engineer_env["PLACET_TRUST_FILE"], folder / "policy.txt")
        shutil.copy(max((world.var / "anchors").glob("*.note")), folder / "kept.note")
        yield Stranger(folder)


def flipped(content: bytes, place: int) -> bytes:
    """Return the bytes with one bit of one of them flipped."""
    changed = bytearray(content)
    changed[place] ^= 1
    return bytes(changed)
