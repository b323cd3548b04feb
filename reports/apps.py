"""App configuration."""

from django.apps import AppConfig


class ReportsConfig(AppConfig):
    """Evidence producers and documents."""

    name = "reports"

    def ready(self) -> None:
        from celery.signals import worker_process_init, worker_process_shutdown

        from governance.accounts import holds
        from governance.audit.erasure import register_check, register_holders
        from governance.evidence import storage
        from governance.evidence.producers import register
        from governance.inventory.settled import register_settled
        from governance.notices import topics
        from monitoring.scoring import register as register_scorer
        from registry.reviewing.panels import register_documents
        from reports import facts_incident, facts_version, notices, settled
        from reports.retention import disposing, holding
        from reports.retention import notices as retention_notices
        from reports.web.documents import documents_of

        register_check(holding.check_free)
        holds.register_kind(holds.Kind.BUNDLE, holding.bundle)
        holds.register_kind(holds.Kind.ENTRY, holding.entry)
        storage.register_explain(disposing.said_of)
        register_holders(facts_incident.reports_with_words_of)
        register_holders(facts_version.reports_with_words_of)
        register_scorer("reports.producers.scoring:score_rows")
        register_documents(documents_of)
        for question, ask in settled.QUESTIONS.items():
            register_settled(question, ask)
        topics.register(notices.TOPIC)
        topics.register(retention_notices.TOPIC)
        register("performance/v1", "reports.producers.performance:produce")
        register("calibration/v1", "reports.producers.calibration:produce")
        register("fairness/v1", "reports.producers.fairness:produce")
        register("explanation/v1", "reports.producers.explanation:produce")
        register("robustness/v1", "reports.producers.robustness:produce")
        register("data_quality/v1", "reports.producers.data_quality:produce")
        worker_process_init.connect(_keep_models_warm)
        worker_process_shutdown.connect(_end_warm_models)
        worker_process_shutdown.connect(_end_press)


def _keep_models_warm(**_: object) -> None:
    """A process that runs jobs begins: the isolated child of a version may serve its next job too."""
    from reports.isolation import warm  # imports pandas, which the web process does without

    warm.switch_on()


def _end_warm_models(**_: object) -> None:
    from reports.isolation import warm

    warm.close()


def _end_press(**_: object) -> None:
    from reports import printing

    printing.close()
