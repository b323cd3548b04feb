"""App configuration."""

from django.apps import AppConfig


class PolicyConfig(AppConfig):
    """Policies and their versions."""

    name = "governance.policy"

    def ready(self) -> None:
        from governance.inventory.criteria import register_reader
        from governance.policy.criteria import problem

        register_reader(problem)
