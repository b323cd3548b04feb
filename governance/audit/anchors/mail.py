"""An e-mail with the checkpoint, to somebody outside who keeps it."""

import threading
from dataclasses import dataclass, field
from datetime import timedelta
from email.utils import make_msgid
from hashlib import sha256

from django.core.mail import EmailMessage

from governance.audit.anchors.sinks import Anchored, Published
from governance.audit.errors import AnchorUnavailable

DEADLINE = timedelta(seconds=60)

TEXT = """\
Keep this message. It shows later that the log {origin} still begins with the {size} entries that it had now, even to
somebody who trusts nobody at the organisation that runs it.

{note}
The attached file {file_name} holds the same bytes:
{digest}

To check it, download the audit bundle, save the attachment beside it, and run, with any Python 3.11:

    pip install "placet[cli]"
    placet verify audit.zip --policy policy.txt --checkpoint {file_name}

policy.txt holds the log's public key. Take it from where the organisation published it, not from this message.
If a message like this one stays away for more than {every}, ask why.
"""


@dataclass(frozen=True)
class Mail:
    """One mailbox. The name holds its domain and a digest: rows of the log can't be erased, an address must be."""

    address: str = field(repr=False)
    every: timedelta = timedelta(days=1)
    deadline: timedelta = DEADLINE

    @property
    def name(self) -> str:
        digest = sha256(self.address.lower().encode()).hexdigest()
        return f"mailto:{self.address.rpartition('@')[2]}#{digest[:8]}"

    def publish(self, checkpoint: Published) -> Anchored:
        """Send it; the server's acceptance counts."""
        message_id = make_msgid(domain=checkpoint.origin.partition("/")[0])
        message = EmailMessage(
            subject=f"Checkpoint of {checkpoint.origin}: {checkpoint.size:,} entries",
            body=TEXT.format(
                origin=checkpoint.origin,
                size=f"{checkpoint.size:,}",
                note="".join(f"    {line}\n" for line in checkpoint.note.decode().splitlines()),
                file_name=checkpoint.file_name,
                digest=checkpoint.digest,
                every=_words(2 * self.every),
            ),
            to=[self.address],
            headers={"Message-ID": message_id, "Auto-Submitted": "auto-generated"},
        )
        # As bytes, not as text: a mail server may rewrite line ends in text.
        message.attach(checkpoint.file_name, checkpoint.note, "application/octet-stream")
        self._send(message)
        return Anchored(f"e-mail {message_id} {checkpoint.digest}")

    def _send(self, message: EmailMessage) -> None:
        """Send within the deadline. smtplib limits one read, not a conversation, so that runs where it can be left."""
        outcome: list[int | Exception] = []

        def send() -> None:
            try:
                outcome.append(message.send())
            except Exception as error:  # noqa: BLE001 (handed over to the caller, who waits)
                outcome.append(error)

        thread = threading.Thread(target=send, name="anchor-mail", daemon=True)
        thread.start()
        thread.join(self.deadline.total_seconds())
        if not outcome:
            why = f"the mail server did not take it within {self.deadline.total_seconds():g} s"
        elif isinstance(outcome[0], Exception):
            why = f"{type(outcome[0]).__name__}: {outcome[0]}".replace(self.address, "the address")
        elif not outcome[0]:
            why = "the mail server took no message"
        else:
            return
        raise AnchorUnavailable(f"{self.name}: {why}. Check PLACET_EMAIL_URL and the mailbox.", sink=self.name)


def _words(span: timedelta) -> str:
    hours = span.total_seconds() / 3600
    return f"{hours / 24:g} days" if hours >= 48 else f"{hours:g} hours"
