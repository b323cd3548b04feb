"""Sweep approvals by the clock."""

from celery import shared_task

from governance.approvals import services


@shared_task
def sweep_approvals() -> int:
    """Let approvals lapse whose validity ended, and requests expire that nobody decided; return how many moved."""
    return services.lapse_overdue() + services.expire_undecided()
