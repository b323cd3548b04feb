"""App configuration."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Approval requests and decisions."""

    name = "governance.approvals"

    def ready(self) -> None:
        from governance.approvals import services
        from governance.evidence import services as evidence

        evidence.on_change(services.collect)
