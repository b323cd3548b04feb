"""App configuration."""

from django.apps import AppConfig


class ValidationConfig(AppConfig):
    """Independent validations and the calendar of revalidations."""

    name = "governance.validation"
    label = "validation"
