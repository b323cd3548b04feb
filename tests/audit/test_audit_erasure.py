"""Erasure: by the privacy role alone, with an entry in the same transaction, and without harm to any proof."""

from __future__ import annotations

import io
from collections.abc import Iterator

import pytest
from django.core.management import CommandError, call_command
from django.db import DatabaseError, IntegrityError, transaction
from django.urls import reverse

from governance.accounts.roles import Role
from governance.audit import erasure, selectors
from governance.audit.errors import AlreadyErased
from governance.audit.models import Payload
from governance.common.errors import InvalidInput
from tests.audit.entries import ME, a_person, a_reader, an_entry_with_a_text, granted
from tests.roles import as_role

pytestmark = pytest.mark.django_db(transaction=True)
WHY = "Article 17 GDPR, request of 3 November."


@pytest.fixture
def as_privacy(db: None) -> Iterator[None]:
    """Run the test's database work as the privacy role."""
    with as_role("privacy"):
        yield


def test_text_and_salt_go_and_the_entry_stays_as_it_was(as_privacy):
    about = an_entry_with_a_text()
    before = selectors.entry_by_id(about)
    by = erasure.redact(entry_id=about, actor=ME, reason=WHY)
    assert not Payload.objects.filter(pk=about).exists()
    assert selectors.entry_by_id(about) == before
    told = selectors.entry_by_id(by).parsed
    assert told["event"] == "payload.redacted"
    assert told["data"] == {"entry": str(about), "reason": WHY}
    commitment = before.parsed["payload"]
    assert told["subjects"] == [{"table": "audit_payload", "key": str(about), "before": commitment, "after": None}]


@pytest.mark.parametrize("says", ["nothing", "another entry"])
def test_a_text_does_not_go_without_the_entry_that_names_it(as_privacy, says):
    about, other = an_entry_with_a_text(), an_entry_with_a_text("another reason")
    with pytest.raises(IntegrityError, match=r"goes only with an entry payload\.redacted"), transaction.atomic():
        if says == "another entry":
            erasure.redact(entry_id=other, actor=ME, reason=WHY)
        Payload.objects.filter(pk=about).delete()
    assert Payload.objects.count() == 2


def test_the_app_role_may_file_a_request_and_no_more():
    about = an_entry_with_a_text()
    erasure.file_request(entry_id=about, actor=ME, reason=WHY)
    for change in (
        lambda: erasure.redact(entry_id=about, actor=ME, reason=WHY),
        lambda: Payload.objects.filter(pk=about).update(payload=b"{}"),
    ):
        with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic():
            change()
    assert Payload.objects.filter(pk=about).exists()


def test_a_text_that_the_entry_does_not_commit_to_is_refused():
    about = an_entry_with_a_text()
    without = selectors.entry_by_id(erasure.file_request(entry_id=about, actor=ME, reason=WHY)).id
    with pytest.raises(IntegrityError, match="does not commit to this payload"), transaction.atomic():
        Payload.objects.create(entry_id=without, salt=bytes(32), payload=b"{}")


def test_nothing_is_erased_twice_or_without_a_reason(as_privacy):
    about = an_entry_with_a_text()
    with pytest.raises(InvalidInput, match="Give the reason in a sentence"):
        erasure.redact(entry_id=about, actor=ME, reason="because")
    with pytest.raises(InvalidInput, match="takes at most 2,000 characters; this has 2,001"):
        erasure.file_request(entry_id=about, actor=ME, reason="x" * 2001)
    erasure.redact(entry_id=about, actor=ME, reason=WHY)
    with pytest.raises(AlreadyErased):
        erasure.redact(entry_id=about, actor=ME, reason=WHY)


def run(*arguments: str) -> str:
    said = io.StringIO()
    call_command("redact", *arguments, stdout=said)
    return said.getvalue()


def test_the_command_is_the_privacy_roles_and_asks_for_an_officer_and_a_reason(settings):
    other = a_person("other@bank.example")
    with pytest.raises(CommandError, match="PLACET_DB_ROLE=privacy"):
        run()
    settings.DB_ROLE = "privacy"
    with as_role("privacy"):
        about = str(an_entry_with_a_text())
        assert "nobody waits" in run()
        with pytest.raises(CommandError, match="--by EMAIL"):
            run(about)
        for email in (other.email, "nobody@bank.example"):
            with pytest.raises(CommandError, match="no active person with the role data protection officer"):
                run(about, "--by", email, "--reason", WHY)


@pytest.fixture
def officer(db: None) -> str:
    """A data protection officer, granted by the app role before the test becomes another one."""
    person = a_person("dpo@bank.example", name="Officer")
    granted(person, Role.DATA_PROTECTION_OFFICER)
    return person.email


def test_the_command_erases_by_id_and_by_index_and_says_what_is_refused(officer, settings, as_privacy):
    settings.DB_ROLE = "privacy"
    about = an_entry_with_a_text()
    assert "erased" in run(str(about), "--by", officer, "--reason", WHY)
    assert not Payload.objects.filter(pk=about).exists()
    for entry, says in ((str(about), "gone already"), ("999", "no entry 999"), ("first", "neither an index")):
        with pytest.raises(CommandError, match=says):
            run(entry, "--by", officer, "--reason", WHY)


def test_a_request_filed_on_the_page_is_listed_until_it_is_done(notary, client):
    about = an_entry_with_a_text()
    notary.round()
    with as_role("app"):
        person = a_reader("asks@bank.example")
        client.force_login(person)
        address = reverse("audit-request-erasure", args=[0])
        short = client.post(address, {"reason": "too short"}, follow=True)
        assert "Give the reason in a sentence" in short.content.decode()
        answer = client.post(address, {"reason": WHY}, follow=True)
        assert "Filed. The data protection officer decides it" in answer.content.decode()
    notary.round()
    (wish,) = erasure.wishes()
    assert (wish.entry.id, wish.filed.actor, wish.done) == (about, person.actor_id, False)
