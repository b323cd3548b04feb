"""Sweep approvals by the clock."""

from celery import shared_task

from governance.approvals import services


@shared_task
def sweep_approvals() -> int:
    """Let overdue approvals lapse."""
    return services.lapse_overdue()
