"""Send a message to an Apprise address, in a process that holds none of the worker's secrets."""

import json
import os
import subprocess
import sys

from django.conf import settings

from governance.common.errors import DomainError
from governance.notices import sealing
from governance.notices.channels.addresses import checked, scrubbed
from governance.notices.errors import Undeliverable
from governance.notices.messages import Message
from governance.notices.models import Channel

DEADLINE_S = 30
_KEPT = ("PATH", "LANG", "SSL_CERT_FILE", "SSL_CERT_DIR", "REQUESTS_CA_BUNDLE", "LD_LIBRARY_PATH", "VIRTUAL_ENV")


def send(channel: Channel, message: Message) -> None:
    """Send the message; the far side's answer counts.

    Raises:
        Undeliverable: the address can't be read, is not allowed any more, or did not take the message in time.
    """
    try:
        address = sealing.unseal(channel.sealed)
        checked(address, schemes=settings.NOTICE_SCHEMES, hosts=settings.NOTICE_HOSTS)
    except DomainError as refusal:
        raise Undeliverable(refusal.detail) from None
    asked = {"url": address, "title": message.subject, "body": message.text, "allowed": settings.NOTICE_HOSTS}
    # The address goes in by the standard input: a command line can be read by every user of the machine.
    try:
        done = subprocess.run(
            [sys.executable, "-m", "governance.notices.channels.sender"],
            input=json.dumps(asked),
            capture_output=True,
            text=True,
            timeout=DEADLINE_S,
            cwd=settings.BASE_DIR,
            env={name: os.environ[name] for name in _KEPT if name in os.environ},
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise Undeliverable(f"The service did not answer within {DEADLINE_S} s.") from None
    try:
        error = str(json.loads(done.stdout)["error"])
    except (ValueError, KeyError):
        raise Undeliverable(f"The sender stopped with status {done.returncode}.") from None
    if error:
        raise Undeliverable(scrubbed(error, address)[:300])
