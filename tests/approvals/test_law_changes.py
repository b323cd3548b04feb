"""A new version of the legal register opens one finding for each AI system whose points it changed."""

from __future__ import annotations

import pytest

from governance.accounts.roles import Role
from governance.approvals.findings import close_finding
from governance.approvals.models import Finding
from governance.approvals.tasks import sweep_law_changes
from governance.inventory import retiring
from governance.inventory import services as inventory
from governance.regulation import classification
from governance.regulation.register import load
from governance.regulation.versions import shipped
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import PASSWORD, a_system, a_user

pytestmark = pytest.mark.django_db
MINIMAL = {key: value for key, value in ANSWERS.items() if key not in {"fraud_detection_only", "profiling"}} | {
    "annex_iii_uses": ["none"]
}


@pytest.fixture
def before(monkeypatch):
    """Makes a system whose class is signed under the first register that shipped."""

    def made(**fields):
        with monkeypatch.context() as patched:
            patched.setattr(classification, "load", lambda: next(iter(shipped().values())))
            return a_system(**fields)

    return made


def test_each_touched_system_gets_one_finding_and_no_other_does(before):
    touched = before(name="Scoring")
    before(name="Untouched", answers=MINIMAL)
    a_system(name="Signed since")
    retired = before(name="Retired")
    retiring.retire_system(ai_system=retired, by=retired.owner, reason="Another system took its place.")
    assert sweep_law_changes() == 1
    finding = Finding.objects.get()
    assert (finding.system, finding.owner, finding.code) == (touched, touched.owner, "law-changed")
    assert load().digest.removeprefix("sha256:")[:8] in finding.title
    assert sweep_law_changes() == 0


def test_who_closed_it_has_seen_it(before):
    before()
    sweep_law_changes()
    officer = a_user(Role.RISK_OFFICER)
    close_finding(finding_id=Finding.objects.get().pk, closer=officer, how="The class stands.", password=PASSWORD)
    assert sweep_law_changes() == 0
    assert Finding.objects.filter(closed_at__isnull=True).count() == 0


def test_a_class_that_is_signed_anew_settles_it(before):
    system = before()
    sweep_law_changes()
    row = inventory.propose_classification(ai_system=system, answers=ANSWERS, model_tier=1, by=system.owner)
    assert sweep_law_changes() == 0
    assert Finding.objects.get().closed_at is None, "proposed is not signed"
    inventory.sign_classification(classification_id=row.pk, signer=a_user(Role.VALIDATOR))
    assert sweep_law_changes() == 0
    assert Finding.objects.get().closed_at is not None
