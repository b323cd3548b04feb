"""Columns that are kept as HMAC-SHA256 alone, under a key of the installation and the monitor."""

from __future__ import annotations

import hmac
from functools import lru_cache

from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from monitoring.door import hashed
from monitoring.errors import RecordsKeyChanged, RecordsKeyMissing
from monitoring.intake_settings import IntakeSettings
from monitoring.models import Monitor

_PURPOSE = b"placet records, hashed columns, monitor "
_CHECK = b"placet records, check value"


def key(monitor: Monitor) -> bytes:
    """Return the key of a monitor's hashed columns; it follows from ``PLACET_RECORDS_KEY`` and the monitor's id.

    Of the monitor and not of its system, which a model may change: a person's old records must still be found. Equal
    names of two monitors, or systems, have nothing in common.

    Raises:
        RecordsKeyMissing: that is not set.
        RecordsKeyChanged: the monitor's columns were hashed under another.
    """
    if not settings.RECORDS_KEY:
        raise RecordsKeyMissing("Whoever runs Placet sets PLACET_RECORDS_KEY, then columns can be kept hashed.")
    derived = _derived(settings.RECORDS_KEY, str(monitor.pk))
    if monitor.key_check and not hmac.compare_digest(monitor.key_check, check_of(derived)):
        raise RecordsKeyChanged(
            f"PLACET_RECORDS_KEY is another than that under which {monitor} keeps columns hashed, so one person would "
            "have two names, and the old one could not be found. Set the key that was set before."
        )
    return derived


def check_of(key: bytes) -> str:
    """Return by what a key is known again; nothing about the key follows from it."""
    return hmac.new(key, _CHECK, "sha256").hexdigest()[:32]


@lru_cache(maxsize=256)
def _derived(secret: str, monitor: str) -> bytes:
    return HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE + monitor.encode()).derive(secret.encode())


def forms_of(monitor: Monitor, column: str, value: str) -> frozenset[str]:
    """Return how a value of a column may stand in the files of a monitor: as it is, and hashed if it is hashed now.

    A column that is hashed stays hashed, so these are all; records from before hold it as it is.

    Raises:
        RecordsKeyMissing, RecordsKeyChanged: the column is hashed and the key is not there.
    """
    if column not in IntakeSettings.from_json(monitor.intake).hash:
        return frozenset({value})
    return frozenset({value, hashed(key(monitor), column, value)})
