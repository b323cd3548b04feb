"""What an authenticator app shows."""

import time

from allauth.mfa.totp.internal.auth import format_hotp_value, hotp_value

NOW = time.time()
SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"


def code(secret: str = SECRET, *, periods: int = 0) -> str:
    """What the app shows now, or some periods of 30 seconds from now."""
    return format_hotp_value(hotp_value(secret, int(NOW) // 30 + periods))
