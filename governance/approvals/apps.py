"""App configuration."""

from django.apps import AppConfig


class ApprovalsConfig(AppConfig):
    """Approval requests and decisions."""

    name = "governance.approvals"

    def ready(self) -> None:
        from governance.accounts.administration import register_on_leave
        from governance.approvals import delegations, documents, prohibition, services
        from governance.evidence import documents as submitted
        from governance.evidence import services as evidence
        from governance.inventory import signed

        evidence.on_change(services.collect)
        submitted.on_review(documents.on_review)
        register_on_leave(delegations.end_with)
        signed.on_signed(prohibition.on_signed, lock=prohibition.lock)
