"""App configuration."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Monitors, records, drift runs and alerts."""

    name = "monitoring"

    def ready(self) -> None:
        """Register what makes the evidence of monitors, and what follows from it."""
        from governance.evidence.canary import CANARY
        from governance.evidence.producers import register
        from governance.evidence.reproducing import register_data_check
        from governance.evidence.services import on_change
        from monitoring import runs, touched
        from monitoring.incidents.wording import holds_of
        from monitoring.web.listing import rows_for_model
        from registry.reviewing.panels import register_monitors, register_warnings

        register(runs.EVIDENCE_TYPE, "monitoring.producer:measure_drift")
        register(CANARY, "monitoring.canary:measure_canary")
        on_change(runs.on_evidence)
        register_data_check(touched.records_gone)
        register_monitors(rows_for_model)
        register_warnings(holds_of)
