"""What becomes of open requests when roles come and go through proposals and reviews."""

from __future__ import annotations

import pytest

from governance.accounts import proposals
from governance.accounts.roles import Role
from governance.approvals.errors import NotEligible
from tests.factories import PASSWORD, a_user, approve


def test_a_role_confirmed_after_a_request_was_made_signs_nothing_in_it(cast):
    first, second, person = a_user(Role.ADMINISTRATOR), a_user(Role.ADMINISTRATOR), a_user()
    proposal = proposals.propose_role(person=person, role=Role.VALIDATOR, by=first)
    approval = cast.allowed().approval
    proposals.confirm_role(proposal_id=proposal.pk, by=second, password=PASSWORD)
    with pytest.raises(NotEligible):
        approve(approval, person)
    approve(approval, cast.validator)
