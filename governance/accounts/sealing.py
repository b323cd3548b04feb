"""Seal what a copy of the database must not tell, under a key that only the web process can derive."""

from base64 import urlsafe_b64encode

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF
from django.conf import settings

from governance.accounts.errors import SecondFactorUnreadable

_PURPOSE = b"placet second factor 1"


def seal(text: str) -> str:
    """Return the text encrypted and authenticated (Fernet: AES-128-CBC and HMAC-SHA256)."""
    return _cipher().encrypt(text.encode()).decode()


def unseal(sealed: str) -> str:
    """Return what was sealed.

    Raises:
        SecondFactorUnreadable: it was sealed under another ``PLACET_SECRET_KEY``, or was changed.
    """
    try:
        return _cipher().decrypt(sealed.encode()).decode()
    except InvalidToken as error:
        raise SecondFactorUnreadable(
            "The second factor was sealed under another key. An administrator ends it: manage.py reset_second_factor."
        ) from error


def _cipher() -> Fernet:
    key = HKDF(algorithm=SHA256(), length=32, salt=None, info=_PURPOSE).derive(settings.SECRET_KEY.encode())
    return Fernet(urlsafe_b64encode(key))
