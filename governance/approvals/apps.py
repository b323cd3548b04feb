"""App configuration."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Approval requests and decisions."""

    name = "governance.approvals"

    def ready(self) -> None:
        from governance.accounts.administration import register_on_leave
        from governance.approvals import delegations, documents, services
        from governance.evidence import documents as submitted
        from governance.evidence import services as evidence

        evidence.on_change(services.collect)
        submitted.on_review(documents.on_review)
        register_on_leave(delegations.end_with)
