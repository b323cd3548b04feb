"""`manage.py mlflow_webhook`: install Placet's webhook in MLflow, or mend it, as Placet's service identity."""

from typing import Any

import httpx
from django.conf import settings
from django.core.management.base import BaseCommand, CommandError, CommandParser

from registry import mlflow, webhooks
from registry.errors import MlflowDown


class Command(BaseCommand):
    help = (
        "Make the webhook by which MLflow tells Placet of changes, or mend it, and have MLflow send one. Needs "
        "PLACET_MLFLOW_WEBHOOK_SECRET and the service identity. --check only says whether it is as it should be."
    )
    requires_system_checks: list[str] = []

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--check", action="store_true", help="Change nothing; exit with 1 if something is wrong.")

    def handle(self, *args: Any, **options: Any) -> None:
        if not settings.WEBHOOK_SECRET:
            raise CommandError("Set PLACET_MLFLOW_WEBHOOK_SECRET, here and where Placet's web process runs.")
        url = settings.WEBHOOK_URL
        try:
            with mlflow.Client() as client:
                if options["check"]:
                    if wrong := webhooks.complaint(client, url=url):
                        raise CommandError(f"MLflow's webhook to {url}: {wrong}.")
                    self.stdout.write(f"MLflow's webhook to {url} is as it should be.")
                    return
                self.stdout.write(f"MLflow's webhook to {url} is {webhooks.install(client, url=url)}.")
        except MlflowDown as down:
            raise CommandError(down.detail) from down
        except (PermissionError, httpx.HTTPStatusError) as refusal:
            raise CommandError(f"MLflow refuses the webhook: {refusal}") from refusal
