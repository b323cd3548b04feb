"""Receipts: the offline proof that one entry is in the log, for whoever wants to keep it."""

import time
import uuid
from collections.abc import Callable

from governance.audit import selectors
from governance.audit.errors import NotIntegrated
from governance.audit.selectors import LogEntry
from placet.receipts import encode_receipt

PATIENCE_S = 10.0
_POLL_S = 0.1


def receipt_of(entry: LogEntry) -> bytes:
    """Return an entry's receipt (C2SP tlog-proof) under the newest checkpoint, with the entry's own bytes in it.

    Raises:
        NotIntegrated: no signed checkpoint covers the entry yet.
    """
    checkpoint = selectors.newest_checkpoint()
    if entry.index is None or checkpoint is None or checkpoint.size <= entry.index:
        raise NotIntegrated("The entry is not under a signed checkpoint yet; try again in a second.")
    return encode_receipt(
        index=entry.index,
        proof=selectors.inclusion_proof(entry.index, checkpoint.size),
        checkpoint_note=bytes(checkpoint.note),
        extra=entry.body,
    )


def wait_for_receipt(
    entry_id: uuid.UUID, *, patience_s: float = PATIENCE_S, wait: Callable[[], None] = lambda: time.sleep(_POLL_S)
) -> bytes:
    """Return an entry's receipt as soon as the notary has signed a checkpoint over it, which takes about a second.

    Call it outside a transaction, or it would not see what the notary does.

    Raises:
        NotIntegrated: the notary did not get to it within ``patience_s``.
    """
    deadline = time.monotonic() + patience_s
    while True:
        try:
            return receipt_of(selectors.entry_by_id(entry_id))
        except NotIntegrated:
            if time.monotonic() > deadline:
                raise NotIntegrated(
                    f"The notary has not signed a checkpoint over entry {entry_id} within {patience_s:.0f} s: look "
                    "whether it runs (Log health), then try again."
                ) from None
        wait()
