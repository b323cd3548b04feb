"""Data is deleted by its officer or its date, for good, and what was measured on it says that it can't be repeated."""

from __future__ import annotations

from datetime import timedelta

import pytest
from django.core.management import CommandError, call_command
from django.db import transaction

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from governance.evidence import storage
from governance.evidence.models import Evidence
from governance.inventory import services as inventory
from registry import datasets
from registry.errors import DatasetGone
from registry.models import DatasetSnapshot
from tests import payloads
from tests.factories import PASSWORD, SETUP, Cast, a_system, a_user, attach, given

pytestmark = pytest.mark.django_db
CONTENT = b"rows of persons"


@pytest.fixture
def kept(settings, tmp_path, mlflow_address):
    """A cast whose pinned evaluation data lies in the storage and was measured on."""
    settings.STORAGE_ROOT, settings.MLFLOW_TRACKING_URI = tmp_path, mlflow_address
    cast = Cast()
    made = cast.promotion()
    cast.evidence = attach(made.approval, payloads.performance(production=False))
    digest = Evidence.objects.get(pk=cast.evidence.pk).dataset_digest
    path = storage.path_of(digest)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(CONTENT)  # the factory's digest is of other bytes; only their presence counts here
    cast.data = DatasetSnapshot.objects.get(digest=digest)
    return cast


def the_evidence(cast) -> Evidence:
    return Evidence.objects.get(pk=cast.evidence.pk)


def test_an_officer_of_the_system_has_the_bytes_deleted_and_evidence_says_since_when(
    kept, django_capture_on_commit_callbacks
):
    assert datasets.data_gone(the_evidence(kept)) == ""
    officer = a_user(Role.DATA_PROTECTION_OFFICER)
    digest = kept.data.digest
    for nobody in (kept.engineer, kept.officer, kept.validator):
        with pytest.raises(Forbidden, match="data protection officer"):
            datasets.delete_data(digest=digest, by=nobody, reason="because")
    with pytest.raises(InvalidInput, match="Say why"):
        datasets.delete_data(digest=digest, by=officer, reason=" ")
    with pytest.raises(InvalidInput, match="at most 2,000 characters; this has 2,001"):
        datasets.delete_data(digest=digest, by=officer, reason="x" * 2_001)
    assert datasets.gone_since(digest) is None
    with django_capture_on_commit_callbacks(execute=True):
        datasets.delete_data(digest=digest, by=officer, reason="the persons withdrew their consent")
        assert storage.path_of(digest).exists(), "the bytes go only once the log's entry is committed"
    assert not storage.path_of(digest).exists()
    assert datasets.gone_since(digest)
    why = datasets.data_gone(the_evidence(kept))
    assert why == (
        f"No longer reproducible since {clock.day(clock.now().date())}: the data was deleted, as a data protection "
        "officer had it."
    )
    entry = log.entries_naming("registry_datasetsnapshot", [kept.data.pk])[-1]
    assert entry.event == Event.DATASET_DELETED
    assert (entry.parsed["data"]["because"], entry.parsed["data"]["digest"]) == ("officer", digest)
    assert log.payload_of(entry.id) == {"reason": "the persons withdrew their consent"}
    with pytest.raises(DatasetGone, match="No longer reproducible since"):
        datasets.delete_data(digest=digest, by=officer, reason="again")


def test_an_officer_of_one_system_can_not_delete_what_another_system_uses_too(kept):
    other = Cast()
    inventory.pin_dataset(ai_system=other.system, dataset_digest=kept.data.digest, by=other.validator)
    officer = a_user()
    given(officer, Role.DATA_PROTECTION_OFFICER, system_id=kept.system.pk)
    assert datasets.systems_of(kept.data.digest) == {kept.system.pk, other.system.pk}
    assert not datasets.may_delete(officer, kept.data.digest)
    given(officer, Role.DATA_PROTECTION_OFFICER, system_id=other.system.pk)
    assert datasets.may_delete(officer, kept.data.digest)


def test_the_date_deletes_on_the_day_after(kept):
    day = clock.now().date()
    row = kept.data
    row.delete_by = day
    with transaction.atomic():
        audit.append(event=Event.DATASET_MIRRORED, actor=SETUP, subjects=[row], data={"made": "by a test"})
    assert datasets.delete_due() == 0, "the last day is still a day on which it may be kept"
    with clock.frozen(clock.now() + timedelta(days=1)):
        assert datasets.delete_due() == 1
    assert not storage.path_of(row.digest).exists()
    assert "because its delete-by date passed" in datasets.data_gone(the_evidence(kept))


def test_the_sweep_takes_up_a_deletion_whose_process_died_after_the_commit(kept):
    datasets.delete_data(digest=kept.data.digest, by=a_user(Role.DATA_PROTECTION_OFFICER), reason="asked for")
    assert storage.path_of(kept.data.digest).exists(), "what follows the commit did not run"
    assert datasets.delete_due() == 0
    assert not storage.path_of(kept.data.digest).exists()


def test_bytes_that_are_lost_are_not_said_to_be_there(kept):
    storage.remove(kept.data.digest)
    assert "are not in Placet's storage any more" in datasets.data_gone(the_evidence(kept))


def test_the_command_deletes_by_name_and_by_date(kept, capsys):
    officer = a_user(Role.DATA_PROTECTION_OFFICER)
    with pytest.raises(CommandError, match="Name the dataset's digest"):
        call_command("delete_data")
    with pytest.raises(CommandError, match="Nobody here"):
        call_command("delete_data", kept.data.digest, by="nobody@bank.example")
    with pytest.raises(CommandError, match="data protection officer"):
        call_command("delete_data", kept.data.digest, by=kept.engineer.email, reason="x")
    call_command("delete_data", kept.data.digest, by=officer.email, reason="asked for")
    assert "Deleted sha256:" in capsys.readouterr().out
    assert datasets.gone_since(kept.data.digest)
    call_command("delete_data", due=True)
    assert "Deleted 0 datasets" in capsys.readouterr().out


def test_a_person_reads_the_data_of_systems_in_reach_and_no_other(kept):
    digest = kept.data.digest
    reader, stranger = a_user(), a_user()
    until = clock.now() + timedelta(days=90)
    given(reader, Role.AUDITOR, system_id=kept.system.pk, valid_until=until)
    given(stranger, Role.AUDITOR, system_id=a_system().pk, valid_until=until)
    assert datasets.dataset_for(reader, digest) == datasets.dataset_for(reader, digest[7:]) == kept.data
    for somebody in (stranger, a_user()):
        assert list(datasets.datasets_for(somebody)) == []
        with pytest.raises(Unknown):
            datasets.dataset_for(somebody, digest)
    assert datasets.dataset_for(a_user(Role.AUDITOR, name="Auditor"), digest) == kept.data


def test_the_pages_show_a_dataset_to_its_readers_and_let_its_officer_delete_it(kept, client):
    address = f"/datasets/{kept.data.digest[7:]}"
    client.force_login(a_user())
    assert client.get(address).status_code == 404
    client.force_login(kept.engineer)
    shown = client.get(address)
    assert shown.status_code == 200
    assert kept.system.name in shown.content.decode()
    assert kept.data.digest[7:13] in client.get("/datasets").content.decode()
    assert f'href="{address}"' in client.get(f"/models/{kept.model.pk}").content.decode()
    assert client.post(f"{address}/delete", {"reason": "x" * 20, "password": PASSWORD}).status_code == 403
    client.force_login(a_user(Role.DATA_PROTECTION_OFFICER))
    assert client.post(f"{address}/delete", {"reason": "short", "password": PASSWORD}).status_code == 422
    answer = client.post(f"{address}/delete", {"reason": "consent was withdrawn", "password": "another"})
    assert answer.status_code >= 400
    assert datasets.gone_since(kept.data.digest) is None
    assert client.post(f"{address}/delete", {"reason": "x" * 20, "password": PASSWORD}).status_code == 302
    assert "No longer reproducible since" in client.get(address).content.decode()
