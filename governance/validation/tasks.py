"""What the clock does about validations."""

from celery import shared_task

from governance.validation import calendar


@shared_task
def sweep_revalidations() -> int:
    """Open a finding for each live version whose validation is overdue; return how many were opened."""
    return calendar.open_overdue()
