"""What happens to people without anybody asking."""

from celery import shared_task
from django.conf import settings

from governance.accounts import idempotency, provisioning


@shared_task
def sweep_claims() -> int:
    """End the roles from claims that the identity provider has not confirmed for long; return how many."""
    return provisioning.end_stale_roles() if settings.OIDC.issuer else 0


@shared_task
def forget_answers() -> int:
    """Delete the API's answers that nobody will ask for again, and ended sessions; return how many answers."""
    return idempotency.forget()
