"""App configuration."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Monitors, records, drift runs and alerts."""

    name = "monitoring"

    def ready(self) -> None:
        """Register what makes drift evidence, and what follows from it."""
        from governance.evidence.producers import register
        from governance.evidence.services import on_change
        from monitoring import runs
        from monitoring.web.context import rows_for_model
        from registry.reviewing.panels import register_monitors

        register(runs.EVIDENCE_TYPE, "monitoring.producer:measure_drift")
        on_change(runs.on_evidence)
        register_monitors(rows_for_model)
