"""People who sign by passkey, as their browser does."""

from __future__ import annotations

from typing import Any

from governance.accounts import passkeys
from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.approvals import lifting, signing
from governance.approvals.statements import Prepared
from placet.assertions import challenge, encode64
from tests.authenticator import Authenticator
from tests.factories import PASSWORD, REASON, a_user


class Signer:
    """Somebody with a passkey that a second person confirmed."""

    def __init__(self, person: User) -> None:
        self.person, self.authenticator = person, Authenticator()
        options, state = passkeys.begin_enrolment(person=person, password=PASSWORD)
        answer = self.authenticator.create(options)
        row = passkeys.enrol(person=person, label="Security key", state=state, answer=answer)
        passkeys.confirm(passkey_id=row.pk, by=a_user(Role.ADMINISTRATOR), password=PASSWORD)

    def answer(self, made: Prepared) -> dict[str, Any]:
        """What the browser sends once the authenticator has signed."""
        return self.authenticator.get({"challenge": encode64(challenge(made.statement.encode()))})

    def prepared(self, approval: Any, **said: Any) -> Prepared:
        """The statement of an approval."""
        words = {"verdict": "approve", "rationale": REASON, "change_class": "non-substantial"} | said
        return signing.prepare_decision(request_id=approval.pk, approver=self.person, **words)

    def approve(self, approval: Any) -> None:
        """Approve in the open stage."""
        made = self.prepared(approval)
        signing.sign_decision(
            request_id=approval.pk, approver=self.person, token=made.token(), answer=self.answer(made)
        )

    def lift(self, approval: Any) -> None:
        """Lift a suspension."""
        made = lifting.prepare_lifting(request_id=approval.pk, signer=self.person, rationale=REASON)
        lifting.sign_lifting(request_id=approval.pk, signer=self.person, token=made.token(), answer=self.answer(made))
