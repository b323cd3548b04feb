"""Sweep approvals by the clock."""

from celery import shared_task

from governance.approvals import enforcement, services


@shared_task
def sweep_approvals() -> int:
    """Let approvals lapse whose validity ended, requests expire that nobody decided, and findings take effect.

    Returns: how many requests moved or were evaluated anew.
    """
    return services.lapse_overdue() + services.expire_undecided() + enforcement.sweep()
