"""App configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People, roles and tokens."""

    name = "governance.accounts"

    def ready(self) -> None:
        from governance.accounts import schema  # noqa: F401 (registers itself by being imported)
