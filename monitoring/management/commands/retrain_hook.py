"""`manage.py retrain_hook`: the address that is called when a version of a model has drifted."""

from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.accounts.management import arguments
from monitoring.retraining import services
from registry.selectors import model_for


class Command(BaseCommand):
    help = "Have an address called with a signed CloudEvent when a version of a model has drifted, or end that."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("model", help="Registered model; team-a:name in another workspace.")
        parser.add_argument("--url", help="https address of the pipeline's hook. Left out: the hook is ended.")
        parser.add_argument("--secret-file", type=Path, help="Holds whsec_ and the base64 of 24 bytes or more.")
        arguments.add_by(parser)

    def handle(self, *args: Any, **options: Any) -> None:
        by = arguments.required_person(options["by"])
        if bool(options["url"]) != bool(options["secret_file"]):
            raise CommandError("Give --url and --secret-file together, or neither to end the hook.")
        with arguments.refusals():
            model = model_for(by, options["model"])
            if not options["url"]:
                ended = services.end_hook(model=model, by=by)
                self.stdout.write(f"ended {ended}" if ended else "there was none")
                return
            try:
                secret = options["secret_file"].read_text(encoding="utf-8").strip()
            except (OSError, ValueError) as error:
                raise CommandError(f"{options['secret_file']} can't be read: {error}.") from error
            self.stdout.write(str(services.set_hook(model=model, url=options["url"], secret=secret, by=by)))
