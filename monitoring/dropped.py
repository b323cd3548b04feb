"""Take in the files that somebody lays into a folder: a subfolder for each monitor, a batch for each file.

``<folder>/<model>@<alias>/…`` (or the monitor's id) holds files of records, ``…/labels/…`` of late labels.
Those in ``…/version=7/`` were predicted by that version, others by what is live when they are taken in. A file that was
taken in moves to ``done/``, one that does not fit to ``refused/``, with ``<name>.report.json`` beside it. What is not
the file's fault leaves it where it is, for the next look.
"""

from __future__ import annotations

import json
import logging
import os
import re
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from django.conf import settings

from governance.accounts.models import User
from governance.common import clock
from governance.common.errors import DomainError, InvalidInput
from monitoring import accepting
from monitoring.blocks import ARROW_FILE, ARROW_STREAM, JSON_LINES, PARQUET
from monitoring.body import MAX_BYTES, PIECE, Body
from monitoring.errors import BatchIdTaken
from monitoring.models import Monitor

log = logging.getLogger(__name__)
DONE, REFUSED, LABELS = "done", "refused", "labels"
FORMS = {
    ".jsonl": JSON_LINES,
    ".ndjson": JSON_LINES,
    ".parquet": PARQUET,
    ".arrows": ARROW_STREAM,
    ".arrow": ARROW_FILE,
}
PACKED = {".gz": "gzip", ".zst": "zstd"}
_VERSION = re.compile(r"version=(\d{1,9})", re.ASCII)
QUIET_S = 10
"""A file is taken once nobody has written to it for so long; writers that take breaks give it its name at the end."""
AT_ONCE = 1_000


@dataclass(frozen=True)
class Taken:
    """What became of one file: ``taken``, ``known`` (its bytes came before), ``refused`` or ``waits``; and why."""

    path: Path
    outcome: str
    detail: str = ""
    rows: int = 0


def take_dropped() -> list[Taken]:
    """Take in what lies in ``PLACET_RECORDS_DROP`` and has lain still; nothing if that is not set."""
    if not settings.RECORDS_DROP:
        return []
    sender = User.objects.filter(email__iexact=settings.RECORDS_DROP_SENDER, is_active=True).first()
    if sender is None:
        raise InvalidInput(
            f"Nobody active has the address {settings.RECORDS_DROP_SENDER!r}. Set PLACET_RECORDS_DROP_SENDER to that "
            "of a service account."
        )
    root, found = Path(settings.RECORDS_DROP), list[Taken]()
    for monitor in Monitor.objects.filter(enabled=True).select_related("model__system", "snapshot"):
        for home in (root / str(monitor.pk), root / f"{monitor.model}@{monitor.alias}"):
            for folder in (home, home / LABELS, *sorted(home.glob("version=*"))):
                for path in _lying_still(folder):
                    if len(found) >= AT_ONCE:
                        return found
                    found.append(_take(monitor, sender, path))
    return found


def _lying_still(folder: Path) -> Iterator[Path]:
    """Yield the files of a folder, oldest first: no links, which could lead anywhere, and none being written."""
    if folder.is_symlink() or not folder.is_dir():
        return
    with os.scandir(folder) as entries:
        files = [
            (entry.stat(follow_symlinks=False).st_mtime, Path(entry.path))
            for entry in entries
            if entry.is_file(follow_symlinks=False) and not entry.name.startswith(".")
        ]
    for written_at, path in sorted(files):
        if written_at <= time.time() - QUIET_S and path.suffix not in {".part", ".tmp"}:
            yield path


def _take(monitor: Monitor, sender: User, path: Path) -> Taken:
    encoding = PACKED.get(path.suffix, "")
    content_type = FORMS.get(Path(path.stem).suffix if encoding else path.suffix)
    labels, number = path.parent.name == LABELS, _VERSION.fullmatch(path.parent.name)
    accept = accepting.accept_labels if labels else accepting.accept_records
    more = {"version": int(number[1])} if number else {}
    try:
        if content_type is None:
            raise InvalidInput(  # noqa: TRY301
                f"Name the file {', '.join(f'*{end}' for end in FORMS)}; .gz or .zst may follow."
            )
        with path.open("rb") as file:
            body = Body.of(iter(lambda: file.read(PIECE), b""), limit=MAX_BYTES, what="The file")
        taken: Any = accept(
            monitor_id=monitor.pk,
            batch_id=f"file-{body.digest.removeprefix('sha256:')}",
            body=body,
            content_type=content_type,
            encoding=encoding,
            sender=sender,
            **more,
        )
    except (InvalidInput, BatchIdTaken) as refused:
        _move(path, REFUSED, {"refused": refused.code(), "detail": refused.detail, **refused.extra})
        return Taken(path, "refused", refused.detail)
    except (DomainError, OSError) as problem:  # not the file's fault: it waits
        log.warning("%s was not taken in: %s", path.name, problem)
        return Taken(path, "waits", str(problem))
    batch = taken.batch
    said = {"batch_id": batch.batch_id, "rows": batch.rows, "quarantined": batch.quarantined, "digest": batch.digest}
    _move(path, DONE, {"taken": taken.created, **said})
    return Taken(path, "taken" if taken.created else "known", rows=batch.rows)


def _move(path: Path, folder: str, report: dict[str, Any]) -> None:
    """Move a file beside those before it, the report first: whoever sees the file there finds it."""
    home = path.parent / folder
    home.mkdir(exist_ok=True)
    target, number = home / path.name, 1
    while target.exists():
        number += 1
        target = home / f"{path.stem}.{number}{path.suffix}"
    text = json.dumps({**report, "monitor_folder": path.parent.name, "at": clock.rfc3339(clock.now())}, indent=1)
    target.with_name(f"{target.name}.report.json").write_text(text, encoding="utf-8")
    with suppress(FileNotFoundError):  # another worker moved it
        path.replace(target)
