"""Columns that are kept as HMAC-SHA256 alone, under a key of the installation."""

from __future__ import annotations

from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from monitoring.door import hashed
from monitoring.errors import RecordsKeyMissing
from monitoring.intake_settings import IntakeSettings
from monitoring.models import Monitor

_PURPOSE = b"placet records, hashed columns"


def key() -> bytes:
    """Return the key of hashed columns; it follows from ``PLACET_RECORDS_KEY``.

    Raises:
        RecordsKeyMissing: that is not set.
    """
    if not settings.RECORDS_KEY:
        raise RecordsKeyMissing("Whoever runs Placet sets PLACET_RECORDS_KEY, then columns can be kept hashed.")
    return _derived(settings.RECORDS_KEY)


@lru_cache(maxsize=4)
def _derived(secret: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(secret.encode())


def forms_of(monitor: Monitor, column: str, value: str) -> frozenset[str]:
    """Return how a value of a column may stand in the files of a monitor: as it is, and hashed if it is hashed now.

    A column that is hashed stays hashed, so these are all; records from before hold it as it is.

    Raises:
        RecordsKeyMissing: the column is hashed and the key is not there.
    """
    if column not in IntakeSettings.from_json(monitor.intake).hash:
        return frozenset({value})
    return frozenset({value, hashed(key(), column, value)})
