"""Do database work as another of Placet's roles than the app, as that role's own process does."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from urllib.parse import urlsplit

from django.db import connection

URLS = {"app": "DATABASE_URL", "notary": "DATABASE_NOTARY_URL", "privacy": "DATABASE_PRIVACY_URL"}


@contextmanager
def as_role(name: str) -> Iterator[None]:
    """Reconnect as ``app``, ``notary`` or ``privacy`` for the length of the block; only between transactions."""
    settings = connection.settings_dict
    held = (settings["USER"], settings["PASSWORD"])
    url = urlsplit(os.environ[URLS[name]])
    connection.close()
    settings["USER"], settings["PASSWORD"] = url.username, url.password
    try:
        yield
    finally:
        connection.close()
        settings["USER"], settings["PASSWORD"] = held
