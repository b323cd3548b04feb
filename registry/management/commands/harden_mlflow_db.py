"""`manage.py harden_mlflow_db`: let a protected write into MLflow's database pass only with Placet's word."""

import os
from pathlib import Path
from typing import Any

import psycopg
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry import hardening
from registry.hardening import CannotHarden


class Command(BaseCommand):
    help = (
        "Put triggers into MLflow's PostgreSQL database: aliases that are protected, and the stage Production, move "
        "only with Placet's word, whoever writes. Run as the owner of MLflow's tables; safe to repeat. MLflow's server "
        "must connect as another role (--server-role), since an owner could switch triggers off."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--url", help="Address of the database as the owner; else PLACET_MLFLOW_OWNER_URL.")
        parser.add_argument("--server-role", default="", help="Role of MLflow's server: made, or left with rows only.")
        parser.add_argument("--key-file", type=Path, help="Where a new key goes (mode 0600); else it is printed.")
        parser.add_argument("--dry-run", action="store_true", help="Say what would change, and change nothing.")
        one = parser.add_mutually_exclusive_group()
        one.add_argument("--check", action="store_true", help="Say whether it is hardened; exit with 1 if not.")
        one.add_argument("--remove", action="store_true", help="Take it all out again; roles stay.")

    def handle(self, *args: Any, **options: Any) -> None:
        url = options["url"] or os.environ.get("PLACET_MLFLOW_OWNER_URL", "")
        if not url:
            raise CommandError("Give --url, or set PLACET_MLFLOW_OWNER_URL, which no other user of the machine sees.")
        try:
            with psycopg.connect(url.replace("postgresql+psycopg://", "postgresql://", 1)) as connection:
                self._act(connection, options)
        except CannotHarden as refused:
            raise CommandError(str(refused)) from refused
        except psycopg.Error as error:
            raise CommandError(f"The database refuses: {error}") from error

    def _act(self, connection: psycopg.Connection[Any], options: dict[str, Any]) -> None:
        role, dry = options["server_role"], options["dry_run"]
        if options["check"]:
            found = hardening.complaints(connection, server_role=role)
            hardening.remember(found)
            if found:
                raise CommandError("\n".join(found))
            self.stdout.write("MLflow's database is hardened.")
            return
        if options["remove"]:
            hardening.remove(connection)
            said, key, password = ["schema placet_gate with its key, and all triggers, removed"], "", ""
        else:
            said, key, password = hardening.harden(connection, server_role=role)
        if dry:
            connection.rollback()
        elif key and options["key_file"]:
            _write(options["key_file"], key)
        if not dry:
            connection.commit()  # the key's file is written first: a key that nobody has would shut Placet out
            hardening.remember(hardening.complaints(connection, server_role=role))
        for line in said:
            self.stdout.write(f"{'would change' if dry else 'done'}: {line}")
        if not dry:
            self._print_secrets(options, key, password)

    def _print_secrets(self, options: dict[str, Any], key: str, password: str) -> None:
        if password:
            self.stdout.write(f"password of {options['server_role']}, this once: {password}")
        if key and options["key_file"]:
            self.stdout.write(f"PLACET_MLFLOW_WORD_KEY is in {options['key_file']}")
        elif key:
            self.stdout.write(f"PLACET_MLFLOW_WORD_KEY, this once: {key}")


def _write(path: Path, key: str) -> None:
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise CommandError(f"{path} can't be written: {error.strerror}. Nothing was changed.") from error
    with os.fdopen(descriptor, "w") as file:
        file.write(key + "\n")
