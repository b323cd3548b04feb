"""App configuration."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    """People, roles and tokens."""

    name = "governance.accounts"

    def ready(self) -> None:
        from governance.accounts import checks, holds, schema  # noqa: F401 (register themselves by being imported)

        holds.register_kind(holds.Kind.PERSON, holds.person)
