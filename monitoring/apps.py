"""App configuration."""

from django.apps import AppConfig


class MonitoringConfig(AppConfig):
    """Monitors, records, drift runs and alerts."""

    name = "monitoring"

    def ready(self) -> None:
        """Register what makes the evidence of monitors, and what follows from it."""
        from governance.accounts import holds
        from governance.approvals.kinds import follow_state_changes
        from governance.evidence.canary import CANARY
        from governance.evidence.producers import register
        from governance.evidence.reproducing import register_data_check
        from governance.evidence.services import on_change
        from governance.notices import topics
        from monitoring import keeping, notices, runs, selectors, settling, touched
        from monitoring.incidents import notices as incident_notices
        from monitoring.incidents.wording import holds_of
        from monitoring.web.listing import rows_for_model
        from registry.answering import register_resolver
        from registry.reviewing.panels import register_monitors, register_warnings

        holds.register_kind(holds.Kind.MONITOR, keeping.found)
        register(runs.EVIDENCE_TYPE, "monitoring.producer:measure_drift")
        register(CANARY, "monitoring.canary:measure_canary")
        on_change(runs.on_evidence)
        register_data_check(touched.records_gone)
        register_monitors(rows_for_model)
        register_warnings(holds_of)
        register_resolver(selectors.answered)
        follow_state_changes(settling.on_state_change)
        topics.register(notices.TOPIC)
        topics.register(incident_notices.TOPIC)
