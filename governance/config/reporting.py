"""What a page about a fault shows of the settings and the environment: no secret."""

import re

from django.views.debug import SafeExceptionReporterFilter


class NoSecrets(SafeExceptionReporterFilter):
    """Hides by name, as Django does, and addresses too: in a URL stands a password (``REDIS_URL``, a source)."""

    hidden_settings = re.compile(
        SafeExceptionReporterFilter.hidden_settings.pattern + "|URL|LOCATION|SOURCE|ANCHOR|OPTIONS", re.IGNORECASE
    )
