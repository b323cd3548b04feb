"""App configuration."""

from django.apps import AppConfig


class EvidenceConfig(AppConfig):
    """Evidence and its jobs."""

    name = "governance.evidence"
