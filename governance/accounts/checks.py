"""What ``manage.py check --deploy`` says about how people sign in."""

from typing import Any

from django.conf import settings
from django.core.checks import CheckMessage, Tags, Warning, register


@register(Tags.security, deploy=True)
def second_factor_is_demanded(app_configs: Any, **kwargs: Any) -> list[CheckMessage]:
    """Warn where a password alone is enough to sign a decision."""
    if settings.SECOND_FACTOR != "off":
        return []
    hint = "Set PLACET_SECOND_FACTOR to deciders or everyone."
    return [Warning("Nobody must have a second factor to sign in.", hint=hint, id="accounts.W001")]
