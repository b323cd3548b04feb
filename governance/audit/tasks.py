"""What the log does by the clock."""

from celery import shared_task

from governance.audit import guards
from governance.audit.actors import System


@shared_task
def check_guards() -> int:
    """Check each hour that nobody took a guard away; the result is an entry. Returns how many problems there are."""
    return len(guards.record_check(System("guards")))
