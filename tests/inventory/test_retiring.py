"""Retiring an AI system: only when nothing of it is in use, for good, with a reason."""

import pytest
from django.urls import reverse

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.common.errors import Forbidden, InvalidInput
from governance.inventory import retiring, services
from governance.inventory.errors import SystemInUse, SystemRetired
from governance.inventory.models import AISystem
from tests.factories import a_system, a_user
from tests.reports.factories import Bank

REASON = "Another system took its place in spring."


@pytest.fixture
def bank(db, settings, tmp_path) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    return Bank()


def test_a_system_with_nothing_in_use_is_retired_for_good(db):
    system = a_system()
    with pytest.raises(Forbidden):
        retiring.retire_system(ai_system=system, by=a_user(Role.ENGINEER), reason=REASON)
    with pytest.raises(InvalidInput, match="at least 20"):
        retiring.retire_system(ai_system=system, by=system.owner, reason="Old.")
    made = retiring.retire_system(ai_system=system, by=system.owner, reason=REASON)
    assert (made.state, made.retirement) == ("retired", REASON)
    entry = log.entry_by_id(AISystem.objects.get(pk=system.pk).log_entry)
    assert entry.parsed["event"] == "system.retired"
    with pytest.raises(SystemRetired):
        retiring.retire_system(ai_system=system, by=system.owner, reason=REASON)
    assert services.set_state(ai_system=system, state="live", actor=system.owner).state == "retired"


def test_a_system_of_which_something_is_live_is_not_retired(bank):
    bank.live()
    with pytest.raises(SystemInUse, match="take it out of production first"):
        retiring.retire_system(ai_system=bank.system, by=bank.owner, reason=REASON)


def test_a_retired_system_takes_no_request(bank):
    retiring.retire_system(ai_system=bank.system, by=bank.owner, reason=REASON)
    with pytest.raises(SystemRetired, match="nothing new is asked for"):
        bank.promotion()


def test_the_page_retires_and_shows_why_or_keeps_what_was_typed(db, client):
    system = a_system()
    client.force_login(system.owner)
    address = reverse("system-retire", args=[system.pk])
    refused = client.post(address, {"reason": "<script>alert"})
    assert refused.status_code == 422
    assert "&lt;script&gt;alert" in refused.content.decode()
    assert client.post(address, {"reason": REASON}).status_code == 302
    page = client.get(reverse("system-detail", args=[system.pk])).content.decode()
    assert REASON in page
    assert address not in page


def test_over_the_api_it_is_retired_once(db, client):
    system = a_system()
    client.force_login(system.owner)
    address, said = f"/api/v1/systems/{system.slug}/retirements", {"reason": REASON}
    headers = {"If-Match": client.get(f"/api/v1/systems/{system.slug}").headers["ETag"], "Idempotency-Key": "once"}
    made = client.post(address, said, content_type="application/json", headers=headers)
    assert (made.status_code, made.json()["state"], made.headers["Location"]) == (
        201,
        "retired",
        f"/api/v1/systems/{system.pk}",
    )
    assert client.get(f"/api/v1/systems/{system.slug}").headers["ETag"] == made.headers["ETag"]
    headers |= {"If-Match": made.headers["ETag"], "Idempotency-Key": "twice"}
    again = client.post(address, said, content_type="application/json", headers=headers)
    assert (again.status_code, "retired" in again.json()["detail"]) == (409, True)
