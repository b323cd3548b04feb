"""App configuration."""

from django.apps import AppConfig


class AuditConfig(AppConfig):
    """The transparency log."""

    name = "governance.audit"

    def ready(self) -> None:
        from governance.audit import checks  # noqa: F401 (registers itself by being imported)
