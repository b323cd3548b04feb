"""`manage.py log_key FILE`: make a key for signing checkpoints, or show the public half of one."""

import os
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from placet.notes import InvalidKey, encode_vkey, load_private_key


class Command(BaseCommand):
    help = "Make a key for signing checkpoints in FILE (readable by its owner only), or show the public half of one."
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--origin", default=settings.LOG_ORIGIN, help="The log that it signs (PLACET_LOG_ORIGIN).")

    def handle(self, *args: Any, **options: Any) -> None:
        file: Path = options["file"]
        try:
            key = load_private_key(file) if file.exists() else _make(file)
        except (OSError, InvalidKey) as error:
            raise CommandError(str(error)) from error
        self.stdout.write(f"log {encode_vkey(options['origin'], key.public_key())}")


def _make(file: Path) -> Ed25519PrivateKey:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as output:  # noqa: PTH123 (an fd)
        output.write(pem)
    return key
