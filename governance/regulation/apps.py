"""App configuration."""

from django.apps import AppConfig


class RegulationConfig(AppConfig):
    """The dated legal register: its pages, its API and its commands. It has no models."""

    name = "governance.regulation"
