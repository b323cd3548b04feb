"""App configuration."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Evidence producers and documents."""

    name = "reports"

    def ready(self) -> None:
        from governance.evidence.producers import register
        from monitoring.scoring import register as register_scorer
        from registry.reviewing.panels import register_documents
        from reports.web.documents import documents_of

        register_scorer("reports.producers.scoring:score_rows")
        register_documents(documents_of)
        register("performance/v1", "reports.producers.performance:produce")
        register("fairness/v1", "reports.producers.fairness:produce")
        register("explanation/v1", "reports.producers.explanation:produce")
