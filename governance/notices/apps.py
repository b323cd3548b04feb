"""App configuration."""

from django.apps import AppConfig


class NoticesConfig(AppConfig):
    """Telling people what waits for them and what became of what they asked for."""

    name = "governance.notices"

    def ready(self) -> None:
        from governance.audit.health import register_sign
        from governance.notices.selectors import delivery_sign

        register_sign(delivery_sign)
