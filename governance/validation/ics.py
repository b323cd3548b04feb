"""The calendar as a file that calendar programs read (RFC 5545)."""

from collections.abc import Iterable

from django.conf import settings

from governance.common import clock
from governance.validation.calendar import Due


def as_ics(rows: Iterable[Due]) -> bytes:
    """Return one all-day event for each row. Its UID stays when the day moves, so an import again moves it too."""
    import icalendar  # needed for this alone

    calendar = icalendar.Calendar()
    calendar.add("prodid", "-//Placet//Revalidations//EN")
    calendar.add("version", "2.0")
    for due in rows:
        event = icalendar.Event()
        event.add("uid", f"revalidation-{due.approval.subject_id}@{settings.LOG_ORIGIN.partition('/')[0]}")
        event.add("dtstamp", clock.now())
        event.add("dtstart", due.due_on)
        event.add("summary", f"Validate {due.title} again")
        event.add("description", f"AI system: {due.approval.system.name}")
        if due.url:
            event.add("url", f"{settings.BASE_URL}{due.url}")
        calendar.add_component(event)
    content: bytes = calendar.to_ical()
    return content
