"""`manage.py seed_demo`: one person per role, with passwords of their own, for the demo and for trying things out."""

import json
import secrets
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandParser

from governance.accounts.models import Grant, Token, User
from governance.accounts.roles import Role
from governance.accounts.services import create_token, grant_role, link_external_identity
from governance.audit.actors import System
from governance.common import clock

SETUP = System("setup")
PEOPLE = [
    ("engineer", "ML engineer", Role.ENGINEER),
    ("owner", "Model owner", Role.OWNER),
    ("validator", "Validator", Role.VALIDATOR),
    ("risk", "Risk officer", Role.RISK_OFFICER),
    ("privacy", "Data protection officer", Role.DATA_PROTECTION_OFFICER),
    ("auditor", "Auditor", Role.AUDITOR),
    ("author", "Policy author", Role.POLICY_AUTHOR),
    ("publisher", "Policy publisher", Role.POLICY_PUBLISHER),
    ("admin", "Administrator", Role.ADMINISTRATOR),
]


class Command(BaseCommand):
    help = (
        "Make one person per role for the demo, and write their sign-ins to a file. Idempotent. Never for production."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--file", default="var/demo.json", help="Where sign-ins go.")

    def handle(self, *args: Any, **options: Any) -> None:
        path = Path(options["file"])
        held = json.loads(path.read_text()) if path.exists() else {}
        signins: dict[str, dict[str, str]] = held.get("people", {})
        for key, name, role in PEOPLE:
            email = f"{key}@bank.example"
            person = User.objects.filter(email=email).first()
            password = signins.get(key, {}).get("password") or f"{key}-{secrets.token_urlsafe(9)}"
            if person is None:
                person = User.objects.create_user(email, password, name=name)
            elif key not in signins:
                person.set_password(password)
                person.save(update_fields=["password"])
            if not Grant.objects.filter(person=person, role=role, valid_until__isnull=True).exists() and not (
                role == Role.AUDITOR and Grant.objects.filter(person=person, role=role).exists()
            ):
                until = clock.now() + timedelta(days=90) if role == Role.AUDITOR else None
                grant_role(person=person, role=role, granted_by=None, actor=SETUP, valid_until=until)
            signins[key] = {"role": name, "email": email, "password": password}
        engineer = User.objects.get(email="engineer@bank.example")
        link_external_identity(person=engineer, provider="mlflow", subject="ml-engineer", linked_by=None)
        token = held.get("token")
        if not token or not Token.objects.filter(holder=engineer).exists():
            token = create_token(
                holder=engineer, label="demo", days=30, scopes=["promotions:read", "promotions:write", "records:write"]
            )
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(json.dumps({"people": signins, "token": token}, indent=2) + "\n")
        self.stdout.write(f"sign-ins of {len(PEOPLE)} people are in {path}")
