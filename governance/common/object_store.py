"""Open an object store (S3, Google Cloud Storage, Azure) by its address. Nothing is sent by that."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from django.core.exceptions import ImproperlyConfigured

SCHEMES = ("s3", "gs", "az")
OPTIONS = {"endpoint": "endpoint", "region": "region", "account": "account_name"}
"""Option in the URL -> the store's own name for it."""


def open_store(url: str, *, options: Mapping[str, str], timeout_s: float, retries: int, who: str) -> Any:
    """Return the store behind an address.

    Args:
        url: ``s3://bucket/prefix``, ``gs://…`` or ``az://…``.
        options: of ``endpoint``, ``region``, ``account``, and ``credentials``: a file of ``NAME=value`` lines.
            Without it the store's usual variables and the machine's own identity are used.
        timeout_s: of one request in all: a server that trickles bytes is cut off like one that is silent.
        who: needs the credentials, for the refusal.
    Raises:
        ImproperlyConfigured: the credentials are missing or can't be read, or an option is not for this store.
    """
    from obstore.exceptions import BaseError
    from obstore.store import from_url

    config = {OPTIONS[name]: value for name, value in options.items() if name in OPTIONS}
    client: Any = {
        "timeout": f"{round(timeout_s * 1000)}ms",
        "connect_timeout": "5s",
        "allow_http": urlsplit(options.get("endpoint", "")).scheme == "http",
    }
    retry: Any = {"max_retries": retries, "retry_timeout": timedelta(seconds=timeout_s)}
    try:
        if "credentials" in options:
            config |= _credentials(Path(options["credentials"]))
        return from_url(url, config=config, client_options=client, retry_config=retry)  # type: ignore[call-overload]
    except (BaseError, OSError, ValueError) as error:
        raise ImproperlyConfigured(
            f"{url} can't be opened: {reason(error)}. Set the store's usual variables for {who} "
            "(AWS_ACCESS_KEY_ID and so on), or write ?credentials=FILE with NAME=value lines."
        ) from error


def reason(error: Exception) -> str:
    """Return the first line of what a store says went wrong."""
    first = str(error).strip().partition("\n")[0]
    return first.rstrip(".")[:300]


def _credentials(path: Path) -> dict[str, str]:
    lines = (line.strip() for line in path.read_text().splitlines())
    pairs = (line.partition("=") for line in lines if line and not line.startswith("#"))
    return {name.strip().lower(): value.strip() for name, _, value in pairs}
