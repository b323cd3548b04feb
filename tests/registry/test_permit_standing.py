"""What a permit allows over time: in force, in the grace after its end, and not a moment longer."""

from __future__ import annotations

import base64
import json
from datetime import timedelta

import pytest

from governance.approvals import services as approvals
from governance.audit import selectors as log
from governance.audit.actors import System
from governance.common import clock
from governance.policy.selectors import document_of
from placet.sdk import _refused
from registry import permit_status, permits, revocations
from registry.models import Permit
from tests.approvals.test_prohibition import classified
from tests.factories import fresh
from tests.reports.factories import notarise

GRACE = timedelta(days=14)


@pytest.fixture
def permit(committed_cast, tmp_path, monkeypatch):
    """A permit that the notary signed, of a policy that gives fourteen days of grace."""
    monkeypatch.setattr(permits.approvals, "serves_until", lambda approval: approval.valid_until + GRACE, raising=False)
    made = committed_cast.approved()
    notarise(tmp_path)
    return Permit.objects.select_related("approval__policy_version").get(approval=made.approval)


def at(monkeypatch, moment):
    monkeypatch.setattr(clock, "now", lambda: moment)


def predicate(permit):
    return json.loads(base64.b64decode(permit.envelope["payload"]))["predicate"]


def test_the_permit_names_the_threshold_and_runs_until_the_end_of_the_grace(permit):
    said = predicate(permit)
    assert said["decision_threshold"] == "0.3"
    assert said["expires_at"] == clock.rfc3339(permit.approval.valid_until + GRACE)
    assert permit.expires_at == permit.approval.valid_until + GRACE


def test_a_lapsed_approval_serves_in_its_grace_and_not_after(permit, monkeypatch):
    ends = permit.approval.valid_until
    assert (permit_status.status_of(permit), permit_status.refuses_loads(permit)) == ("valid", False)
    at(monkeypatch, ends + timedelta(days=1))
    assert (permit_status.status_of(permit), permit_status.refuses_loads(permit)) == ("lapsed", False)
    approvals.lapse_overdue()
    permit.approval.refresh_from_db()
    assert (permit_status.status_of(permit), permit_status.refuses_loads(permit)) == ("lapsed", False)
    at(monkeypatch, ends + GRACE)
    assert (permit_status.status_of(permit), permit_status.refuses_loads(permit)) == ("lapsed", True)


def test_what_was_suspended_over_bytes_gets_no_grace(permit, monkeypatch):
    from governance.approvals.models import Finding
    from registry.alias_changes import on_bytes_changed
    from registry.selectors import promotion_of

    promotion = fresh(promotion_of(permit.approval))
    on_bytes_changed(promotion.version, promotion.approval, "sha256:" + "1" * 64)
    assert Finding.objects.count() == 1
    at(monkeypatch, permit.approval.valid_until + timedelta(days=1))
    approvals.lapse_overdue()
    permit.approval.refresh_from_db()
    assert (permit_status.status_of(permit), permit_status.refuses_loads(permit)) == ("lapsed", True)


def test_a_prohibited_practice_is_refused_though_its_policy_keeps_suspended_ones_serving(permit, tmp_path):
    """By the table's word and by the log's, and also once the suspension has lapsed."""
    policy = document_of(permit.approval.policy_version)
    assert policy.approval.on_suspend == "keep_serving"
    classified(permit.approval.system)
    permit.approval.refresh_from_db()
    assert (permit_status.status_of(permit), permit_status.refuses_loads(permit)) == ("suspended", True)
    notarise(tmp_path)
    (said,) = revocations.withdrawn_at(log.size(), clock.now())
    assert (said.permit, said.status, said.refuse_new_loads) == (permit.digest, "suspended", True)


def test_revoked_is_refused_at_once(permit):
    approvals.revoke(request_id=permit.approval_id, reason="A use that was not asked for.", actor=System("test"))
    permit.approval.refresh_from_db()
    assert (permit_status.status_of(permit), permit_status.refuses_loads(permit)) == ("revoked", True)


def test_a_client_refuses_a_lapsed_permit_of_which_placet_says_no_more():
    assert _refused({"status": "lapsed"})
    assert not _refused({"status": "lapsed", "refuse_new_loads": False})
    assert not _refused({"status": "suspended"})
    assert _refused({"status": "suspended", "refuse_new_loads": True})
