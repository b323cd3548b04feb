"""Seal the addresses of channels. Only the web process, which takes them, and the worker, which uses them, can."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from governance.notices.errors import ChannelsUnavailable

_PURPOSE = b"placet notice channel 1"


def seal(address: str) -> str:
    """Return the address encrypted and authenticated (Fernet: AES-128-CBC and HMAC-SHA256).

    Raises:
        ChannelsUnavailable: ``PLACET_NOTICE_KEY`` is not set.
    """
    return _cipher().encrypt(address.encode()).decode()


def unseal(sealed: str) -> str:
    """Return what was sealed.

    Raises:
        ChannelsUnavailable: it was sealed under another ``PLACET_NOTICE_KEY``, or none is set.
    """
    try:
        return _cipher().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise ChannelsUnavailable("The address was sealed under another key. Remove it and add it again.") from error


def _cipher() -> Fernet:
    if not settings.NOTICE_KEY:
        raise ChannelsUnavailable("Whoever runs Placet sets PLACET_NOTICE_KEY, then addresses can be kept.")
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(settings.NOTICE_KEY.encode())
    return Fernet(urlsafe_b64encode(key))
