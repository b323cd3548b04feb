"""The tests of a risk name evidence of the system's versions: chosen from what there is, shown, printed and bundled."""

import uuid
from datetime import timedelta

import pytest
from django.urls import reverse

from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import InvalidInput
from governance.evidence.models import Evidence
from governance.inventory import risks, tested
from tests.factories import a_model, a_system, attach
from tests.security.named import a_risk

pytestmark = pytest.mark.django_db


def evidence_of(made, kind="fairness/v1"):
    return Evidence.objects.get(subject_id=made.version_id, type=kind)


def test_the_tests_name_evidence_once_each_and_the_entry_says_which(cast):
    shown = evidence_of(cast.reviewed())
    row = a_risk(cast.system, cast.system.owner)
    row = risks.change_risk(risk_id=row.pk, by=row.made_by, evidence=[shown.pk, str(shown.pk)])
    assert row.evidence == [str(shown.pk)]
    entry = list(log.entries_naming("inventory_risk", [row.pk]))[-1]
    assert entry.parsed["data"]["evidence"] == [str(shown.pk)]
    again = risks.change_risk(risk_id=row.pk, by=row.made_by, evidence=[shown.pk])
    assert again.log_entry == row.log_entry, "it says the same"
    assert risks.change_risk(risk_id=row.pk, by=row.made_by, evidence=[]).evidence == []


def test_naming_other_evidence_takes_an_acceptance_back(cast):
    shown = evidence_of(cast.reviewed())
    row = a_risk(cast.system, cast.system.owner)
    risks.accept_risk(risk_id=row.pk, by=cast.officer, reason="A credit officer sees what remains.")
    assert risks.change_risk(risk_id=row.pk, by=row.made_by, evidence=[shown.pk]).state == "treated"


def test_evidence_of_another_system_is_refused(cast):
    shown = evidence_of(cast.reviewed())
    other = a_system()
    a_model(other)
    with pytest.raises(InvalidInput, match=f"no evidence {shown.pk} about {other.name}"):
        risks.change_risk(risk_id=a_risk(other, other.owner).pk, by=other.owner, evidence=[shown.pk])
    assert tested.offered(other) == []


def test_what_stands_stays_when_the_model_serves_another_system_by_now(cast, monkeypatch):
    made = cast.reviewed()
    shown, other = evidence_of(made), evidence_of(made, "performance/v1")
    row = a_risk(cast.system, cast.system.owner)
    risks.change_risk(risk_id=row.pk, by=row.made_by, evidence=[shown.pk])
    monkeypatch.setattr(tested, "_readers", [lambda system, ids: []])
    with pytest.raises(InvalidInput, match="no evidence"):
        risks.change_risk(risk_id=row.pk, by=row.made_by, evidence=[shown.pk, other.pk])
    changed = risks.change_risk(risk_id=row.pk, by=row.made_by, evidence=[shown.pk], tests="Backtest of 2026")
    assert (changed.tests, changed.evidence) == ("Backtest of 2026", [str(shown.pk)])


def test_of_each_version_and_type_the_newest_is_offered(cast):
    made = cast.reviewed()
    later = clock.now() + timedelta(minutes=5)
    with clock.frozen(later):
        newest = attach(made.approval, evidence_of(made).payload)
    offered = [row for row in tested.offered(cast.system) if row.type == "fairness/v1"]
    assert [row.pk for row in offered] == [newest.pk]
    assert (offered[0].about, offered[0].digest) == (newest.subject_name, newest.payload_digest)


def test_the_form_offers_it_and_the_page_leads_to_it(cast, client):
    shown = evidence_of(cast.reviewed())
    row = a_risk(cast.system, cast.system.owner)
    client.force_login(cast.system.owner)
    change = reverse("risk-change", args=[cast.system.pk, row.pk])
    assert f'value="{shown.pk}"' in client.get(change).content.decode()
    seen = {"log_entry": str(row.log_entry)}
    refused = client.post(change, {**seen, "evidence": ["", str(shown.pk)], "severity": "9"})
    assert refused.status_code == 422
    (item,) = [item for item in refused.context["evidence"] if item["pk"] == shown.pk]
    assert item["ticked"], "what was ticked is kept"
    assert client.post(change, {**seen, "evidence": ["", str(shown.pk)]}).status_code == 302
    page = client.get(reverse("risk-detail", args=[cast.system.pk, row.pk])).content.decode()
    assert f'href="/evidence/{shown.pk}"' in page
    row.refresh_from_db()
    assert client.post(change, {"log_entry": str(row.log_entry), "evidence": ""}).status_code == 302
    row.refresh_from_db()
    assert row.evidence == []
    assert client.post(change, {"evidence": ["", str(uuid.uuid4())]}).status_code == 422


def test_over_the_api_ids_are_checked_and_given_back(cast, client):
    shown = evidence_of(cast.reviewed())
    row = a_risk(cast.system, cast.system.owner)
    client.force_login(cast.system.owner)
    address = f"/api/v1/systems/{cast.system.slug}/risks/{row.pk}"

    def changed(**body):
        tag = client.get(address)["ETag"]
        sent = {"content_type": "application/json", "headers": {"If-Match": tag, "Idempotency-Key": str(uuid.uuid4())}}
        return client.post(f"{address}/changes", body, **sent)

    answer = changed(evidence=[str(shown.pk)])
    assert (answer.status_code, answer.json()["evidence"]) == (201, [str(shown.pk)])
    assert client.get(address).json()["evidence"] == [str(shown.pk)]
    for wrong in ("nonsense", [str(uuid.uuid4())], ["nonsense"], [str(uuid.uuid4())] * 51):
        assert changed(evidence=wrong).status_code in {400, 422}
    assert client.get(address).json()["evidence"] == [str(shown.pk)]
