"""Say a message: its subject, its text and its HTML, with as much content as the deployment allows."""

from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from django.conf import settings
from django.template.loader import render_to_string
from django.urls import reverse

from governance.notices.models import Notice

LINK, SUBJECT = "link", "subject"
"""How much a message says: that something waits, or also what. ``PLACET_NOTICE_DETAIL``."""


@dataclass(frozen=True)
class Message:
    """One message, the same whenever it is said again."""

    batch: str
    subject: str
    text: str
    html: str

    @property
    def message_id(self) -> str:
        """The Message-ID: of the batch, so that a mail program sees that a message came twice."""
        return f"<{self.batch}@{urlsplit(settings.BASE_URL).hostname}>"


def said(notice: Notice) -> str:
    """Return what a message says of a notice."""
    return notice.detail if settings.NOTICE_DETAIL == SUBJECT else notice.words


def message(batch: object, notices: Sequence[Notice], *, digest: bool) -> Message:
    """Return the message for these notices, in their order."""
    lines = [{"said": " ".join(said(row).split()), "url": settings.BASE_URL + row.path} for row in notices]
    if digest:
        count = len(lines)
        subject = f"Placet: {count} notices of today" if count > 1 else "Placet: one notice of today"
    else:
        subject = f"Placet: {lines[0]['said']}"
    context = {
        "lines": lines,
        "digest": digest,
        "settings_url": settings.BASE_URL + reverse("notice-settings"),
        "reference": str(batch)[:8],
        "site": urlsplit(settings.BASE_URL).netloc,
    }
    return Message(
        batch=str(batch),
        subject=subject[:200],
        text=render_to_string("notices/message.txt", context).strip() + "\n",
        html=render_to_string("notices/message.html", context),
    )
