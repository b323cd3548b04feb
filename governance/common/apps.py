"""App configuration."""

from django.apps import AppConfig


class CommonConfig(AppConfig):
    """Shared ground: template tags and charts; no models."""

    name = "governance.common"
