"""What becomes of open requests when roles come and go through proposals and reviews."""

from __future__ import annotations

from datetime import timedelta

import pytest

from governance.accounts import proposals, recertification
from governance.accounts.roles import Role
from governance.approvals import selectors
from governance.approvals.errors import NotEligible
from governance.common import clock
from tests.factories import PASSWORD, a_user, approve


def test_a_role_confirmed_after_a_request_was_made_signs_nothing_in_it(cast):
    first, second, person = a_user(Role.ADMINISTRATOR), a_user(Role.ADMINISTRATOR), a_user()
    proposal = proposals.propose_role(person=person, role=Role.VALIDATOR, by=first)
    approval = cast.allowed().approval
    proposals.confirm_role(proposal_id=proposal.pk, by=second, password=PASSWORD)
    with pytest.raises(NotEligible):
        approve(approval, person)
    approve(approval, cast.validator)


def test_a_role_that_a_review_revokes_signs_nothing_more_in_requests_that_are_open(cast):
    by, reviewer = a_user(Role.ADMINISTRATOR), a_user()
    approval = cast.allowed().approval
    review = recertification.open_review(
        reviewer=reviewer, due_on=clock.now().date() + timedelta(days=9), by=by, roles=[Role.VALIDATOR]
    )
    item = review.items.get(grant__person=cast.validator)
    assert [row.pk for row in selectors.waiting_for(cast.validator)] == [approval.pk]
    recertification.decide_item(item_id=item.pk, by=reviewer, verdict="keep")
    assert [row.pk for row in selectors.waiting_for(cast.validator)] == [approval.pk]
    recertification.decide_item(item_id=item.pk, by=reviewer, verdict="revoke", reason="Moved to sales.")
    assert list(selectors.waiting_for(cast.validator)) == []
    with pytest.raises(NotEligible):
        approve(approval, cast.validator)
