"""Tell people, by the clock. Each task is safe to run twice, and beside itself: the rows are claimed."""

from celery import shared_task

from governance.notices import delivering, outbox


@shared_task
def make_notices() -> int:
    """Read what is new in the log and write down who is told; return how many entries were read."""
    outbox.read_again()
    read = 0
    for _ in range(50):  # then others have their turn; the next run reads on
        if not (more := outbox.read_on()):
            break
        read += more
    return read


@shared_task(soft_time_limit=600)
def deliver_notices() -> int:
    """Send what is due; return how many messages were sent."""
    return delivering.deliver_due()


@shared_task
def look_ahead() -> int:
    """Write down what ends soon, is due or overdue, and forget what is old; return how many notices were made."""
    outbox.forget()
    return outbox.look_ahead()
