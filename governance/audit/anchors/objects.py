"""An object store (S3, Google Cloud Storage, Azure): conditional create, so that an existing object is never replaced.

The store itself sees to it that nobody deletes the object: switch on object lock (retention) for the bucket.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import obstore
from obstore.exceptions import AlreadyExistsError, BaseError

from governance.audit.anchors.sinks import Anchored, Published
from governance.audit.errors import AnchorUnavailable, LogInconsistent
from governance.common.object_store import open_store, reason

TIMEOUT_S: float = 20
RETRIES = 2


@dataclass(frozen=True)
class ObjectStore:
    """A bucket or container, with a prefix."""

    name: str
    store: Any = field(repr=False)
    every: timedelta = timedelta(minutes=1)

    @classmethod
    def at(cls, url: str, *, options: Mapping[str, str], every: timedelta) -> "ObjectStore":
        """Open the store; nothing is sent yet.

        Args:
            url: ``s3://bucket/prefix``, ``gs://…`` or ``az://…``.
            options: of ``endpoint``, ``region``, ``account``, and ``credentials``: a file of ``NAME=value`` lines.
                Without it the store's usual variables and the machine's own identity are used.
            every: least time between two publications.
        Raises:
            ImproperlyConfigured: the credentials are missing or can't be read, or an option is not for this store.
        """
        store = open_store(url, options=options, timeout_s=TIMEOUT_S, retries=RETRIES, who="the notary")
        return cls(url, store, every)

    def publish(self, checkpoint: Published) -> Anchored:
        """Create ``<prefix>/<origin>.<size>.note`` if there is none."""
        try:
            try:
                obstore.put(self.store, checkpoint.file_name, checkpoint.note, mode="create")
            except AlreadyExistsError:
                held = bytes(obstore.get(self.store, checkpoint.file_name).bytes())
                if held != checkpoint.note:
                    raise LogInconsistent(f"{checkpoint.file_name} in {self.name} holds another checkpoint.") from None
        except (BaseError, OSError, ValueError) as error:
            raise AnchorUnavailable(
                f"{self.name} did not take the checkpoint: {reason(error)}. Check the bucket, its region, and that "
                "the notary's identity may create and read objects.",
                sink=self.name,
            ) from error
        return Anchored(f"{self.name.rstrip('/')}/{checkpoint.file_name} {checkpoint.digest}")
