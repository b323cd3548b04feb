"""App configuration."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """AI systems."""

    name = "governance.inventory"
