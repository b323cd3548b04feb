"""App configuration."""

from django.apps import AppConfig


class InventoryConfig(AppConfig):
    """AI systems."""

    name = "governance.inventory"

    def ready(self) -> None:
        from governance.accounts import holds
        from governance.inventory import correspondence, selectors
        from governance.inventory.law import systems_in_law
        from governance.regulation.systems import register_systems

        register_systems(systems_in_law)
        holds.register_kind(holds.Kind.SYSTEM, selectors.found)
        holds.register_kind(holds.Kind.CORRESPONDENCE, correspondence.found)
