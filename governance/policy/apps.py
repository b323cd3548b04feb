"""App configuration."""

from django.apps import AppConfig


class PolicyConfig(AppConfig):
    """Policies and their versions."""

    name = "governance.policy"
