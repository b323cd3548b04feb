"""A write-once folder: one file a checkpoint, created, never replaced."""

import os
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import BinaryIO

from governance.audit.anchors.sinks import Anchored, Published
from governance.audit.errors import AnchorUnavailable, LogInconsistent


@dataclass(frozen=True)
class Folder:
    """A folder, best on a disk or mount that whoever runs the database can't change."""

    path: Path
    name: str = "folder"
    every: timedelta = timedelta(seconds=5)

    def publish(self, checkpoint: Published) -> Anchored:
        """Write ``<origin>.<size>.note``, read-only and on disk when this returns."""
        path = self.path / checkpoint.file_name
        try:
            self._write(path, checkpoint.note)
        except OSError as error:
            raise AnchorUnavailable(
                f"The folder {self.path} can't be written: {error.strerror}. Mount it, free space, or let the notary's "
                "user create files in it.",
                sink=self.name,
            ) from error
        return Anchored(f"{path.name} {checkpoint.digest}")

    def _write(self, path: Path, note: bytes) -> None:
        try:
            with path.open("xb") as file:
                _fill(file, note)
        except FileExistsError:
            held = path.read_bytes()
            if not note.startswith(held):
                raise LogInconsistent(f"{path.name} in the write-once folder holds another checkpoint.") from None
            if len(held) < len(note):  # a crash cut it short: what is there stays, the rest is added
                with path.open("ab") as file:
                    _fill(file, note[len(held) :])
        path.chmod(0o444)


def _fill(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())
