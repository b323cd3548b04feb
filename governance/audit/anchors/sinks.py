"""What a place outside the database is to the notary: a name, a pace, and ``publish``."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from hashlib import sha256
from typing import Protocol


@dataclass(frozen=True)
class Published:
    """One signed checkpoint on its way out.

    Attributes:
        origin: the log's name.
        size: how many entries it counts.
        root: the tree's root hash, 32 bytes.
        note: the exact bytes of the signed note.
        prove_from: returns the consistency proof from an older size, empty from 0 and from ``size``; reads the
            database.
        previous_size: what this place holds of the same log already; 0 for nothing.
    """

    origin: str
    size: int
    root: bytes
    note: bytes
    prove_from: Callable[[int], Sequence[bytes]] = field(repr=False)
    previous_size: int = 0

    @property
    def file_name(self) -> str:
        """The name under which folders and mails hold it; those of one log sort by size."""
        return f"{as_file_name(self.origin)}.{self.size:020d}.note"

    @property
    def digest(self) -> str:
        """The note's ``sha256:<hex>``."""
        return f"sha256:{sha256(self.note).hexdigest()}"


@dataclass(frozen=True)
class Anchored:
    """Where a checkpoint is now.

    Attributes:
        reference: the place and the digest of what lies there, for people.
        proof: what the other side signed: an RFC 3161 token (DER) or a witness's signature line; None for a copy.
    """

    reference: str
    proof: bytes | None = None


class Sink(Protocol):
    """A place outside the database.

    Attributes:
        name: stable over restarts and free of secrets and personal data; stored with each anchor, never deleted.
        every: the least time between two publications.
    """

    @property
    def name(self) -> str: ...

    @property
    def every(self) -> timedelta: ...

    def publish(self, checkpoint: Published) -> Anchored:
        """Put the checkpoint there, and return within a bounded time. Safe to repeat.

        Raises:
            AnchorUnavailable: the place did not take it; the message says what to do.
            LogInconsistent: the place holds something else under the checkpoint's name.
        """
        ...


def as_file_name(origin: str) -> str:
    """Return a log's name as a file name: a fork's checkpoints lie beside the old ones, never in their place."""
    return re.sub(r"[^A-Za-z0-9.-]", "_", origin)


def place(name: str) -> str:
    """Return the words for a sink's name: ``s3://bucket/a`` is ``object store s3://bucket/a``."""
    scheme, _, rest = name.partition(":")
    rest = rest.removeprefix("//")
    match scheme:
        case "folder":
            return f"write-once folder {rest}".rstrip()
        case "s3" | "gs" | "az":
            return f"object store {name}"
        case "tsa+https" | "tsa+http":
            return f"time-stamp authority {rest}"
        case "witness+https" | "witness+http":
            return f"witness {rest}"
        case "mailto":
            return f"mailbox at {rest.partition('#')[0]}"
    return name
