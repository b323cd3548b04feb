"""`manage.py erase_records`: take a person's records, or one prediction's, out of what a monitor keeps."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from governance.accounts.models import User
from governance.common.errors import DomainError
from monitoring import erasure


class Command(BaseCommand):
    help = (
        "Erase the records of a data subject, or of one prediction with its late labels, from the files of a monitor, "
        "as a data protection officer. The log keeps counts and digests and not whose they were."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--monitor", required=True, help="Id of the monitor; GET /api/v1/monitors lists them.")
        parser.add_argument("--subject", default="", help="The subject_id, as it was sent.")
        parser.add_argument("--prediction", default="", help="Instead of it: the prediction_id, as it was sent.")
        parser.add_argument("--by", required=True, help="E-mail address of the data protection officer who decided it.")
        parser.add_argument("--reason", required=True, help="Why; the log keeps it, erasable.")

    def handle(self, *args: Any, **options: Any) -> None:
        person = User.objects.filter(email__iexact=options["by"]).first()
        if person is None:
            raise CommandError(f"Nobody here has the address {options['by']}.")
        try:
            done = erasure.erase_records(
                monitor_id=options["monitor"],
                by=person,
                reason=options["reason"],
                subject=options["subject"],
                prediction_id=options["prediction"],
            )
        except DomainError as refusal:
            raise CommandError(refusal.detail) from refusal
        row = done.erasure
        self.stdout.write(
            f"Erased {row.records} records, {row.labels} labels and {row.quarantined} rows that were put aside.\n"
            f"Commitment {row.commitment}, salt {done.salt}: kept nowhere else; with both one can show whose they were."
        )
        self.stdout.write(erasure.WHAT_STAYS)
        if behind := row.files.filter(replaced_at=None).count():
            raise CommandError(
                f"The log has it, and {behind} of its files still holds them. Placet goes on within the hour; where "
                "the monitor's page says that a new file was lost, erase the same again."
            )
