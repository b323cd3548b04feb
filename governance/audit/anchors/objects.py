"""An object store (S3, Google Cloud Storage, Azure): conditional create, so that an existing object is never replaced.

The store itself sees to it that nobody deletes the object: switch on object lock (retention) for the bucket.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import obstore
from django.core.exceptions import ImproperlyConfigured
from obstore.exceptions import AlreadyExistsError, BaseError
from obstore.store import from_url

from governance.audit.anchors.sinks import Anchored, Published
from governance.audit.errors import AnchorUnavailable, LogInconsistent

# Total times in the store's client: a server that trickles bytes is cut off like one that is silent.
_CLIENT = {"timeout": "20s", "connect_timeout": "5s"}
_RETRIES: Any = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}
_OPTIONS = {"endpoint": "endpoint", "region": "region", "account": "account_name"}
"""Option in the URL -> the store's own name for it."""


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
        config = {_OPTIONS[name]: value for name, value in options.items() if name in _OPTIONS}
        client = {**_CLIENT, "allow_http": urlsplit(options.get("endpoint", "")).scheme == "http"}
        try:
            if "credentials" in options:
                config |= _credentials(Path(options["credentials"]))
            store = from_url(url, config=config, client_options=client, retry_config=_RETRIES)  # type: ignore[call-overload]
        except (BaseError, OSError, ValueError) as error:
            raise ImproperlyConfigured(
                f"{url} can't be opened: {_reason(error)}. Set the store's usual variables for the notary "
                "(AWS_ACCESS_KEY_ID and so on), or write ?credentials=FILE with NAME=value lines."
            ) from error
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
                f"{self.name} did not take the checkpoint: {_reason(error)}. Check the bucket, its region, and that "
                "the notary's identity may create and read objects.",
                sink=self.name,
            ) from error
        return Anchored(f"{self.name.rstrip('/')}/{checkpoint.file_name} {checkpoint.digest}")


def _credentials(path: Path) -> dict[str, str]:
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}


def _reason(error: Exception) -> str:
    first = str(error).strip().partition("\n")[0]
    return first.rstrip(".")[:300]
