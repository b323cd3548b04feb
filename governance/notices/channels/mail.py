"""Send a message by e-mail, through the mail server of ``PLACET_EMAIL_URL``."""

from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.urls import reverse

from governance.notices.errors import Undeliverable
from governance.notices.messages import Message


def send(address: str, message: Message) -> None:
    """Hand the message to the mail server; its acceptance counts.

    Raises:
        Undeliverable: the mail server did not take the message.
    """
    mail = EmailMultiAlternatives(
        subject=message.subject,
        body=message.text,
        to=[address],
        headers={
            "Message-ID": message.message_id,
            "Auto-Submitted": "auto-generated",
            "X-Auto-Response-Suppress": "All",
            "List-Unsubscribe": f"<{settings.BASE_URL}{reverse('notice-settings')}>",
        },
    )
    mail.attach_alternative(message.html, "text/html")
    try:
        taken = mail.send()
    except Exception as error:
        said = f"{type(error).__name__}: {error}".replace(address, "the address")
        raise Undeliverable(f"{said}"[:300]) from error
    if not taken:
        raise Undeliverable("The mail server took no message.")
