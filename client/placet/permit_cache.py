"""What a loader keeps so that it can decide while Placet is down: the last permits and the last revocation list.

Nothing in it is trusted for lying there: both are signed, and are verified whenever they are read. Files are replaced
whole and are the owner's alone (0600).
"""

import contextlib
import hashlib
import json
import os
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_LARGEST = 32 << 20


class PermitCache:
    """A folder with one permit for each alias, the newest list, and the largest list number that was ever seen."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._list, self._seen = folder / "revocation-list.json", folder / "revocation-list.seen.json"

    def permit(self, model: str, alias: str) -> dict[str, Any] | None:
        """Return the envelope that was kept for an alias, None if there is none that can be read."""
        return _read(self._of(model, alias))

    def keep_permit(self, model: str, alias: str, envelope: Mapping[str, Any]) -> None:
        """Keep the permit of an alias in the place of the one before. Raises OSError."""
        self._write(self._of(model, alias), envelope)

    def forget_permit(self, model: str, alias: str) -> None:
        """Keep no permit of an alias any more: Placet refused it. Raises OSError."""
        self._of(model, alias).unlink(missing_ok=True)

    def revocation_list(self) -> dict[str, Any] | None:
        """Return the envelope of the list that was kept, None if there is none that can be read."""
        return _read(self._list)

    def keep_list(self, envelope: Mapping[str, Any], number: int) -> None:
        """Keep a list that was verified, and its number, below which none is believed from now on. Raises OSError."""
        self._write(self._seen, {"number": max(number, self.seen())})
        self._write(self._list, envelope)

    def seen(self) -> int:
        """Return the largest number of a list that was kept, 0 before the first."""
        number = (_read(self._seen) or {}).get("number")
        return number if isinstance(number, int) else 0

    def _of(self, model: str, alias: str) -> Path:
        name = hashlib.sha256(json.dumps([model, alias]).encode()).hexdigest()
        return self.folder / f"permit-{name}.json"

    def _write(self, path: Path, value: Mapping[str, Any]) -> None:
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=self.folder, prefix=".part-")  # 0600
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                json.dump(dict(value), file)
                file.flush()
                os.fsync(file.fileno())
            Path(temporary).replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise


def _read(path: Path) -> dict[str, Any] | None:
    try:
        if path.stat().st_size > _LARGEST:
            return None
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return None
    return value if isinstance(value, dict) else None
