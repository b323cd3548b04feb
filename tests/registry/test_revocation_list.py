"""The revocation list says what the log shows: no more on a table's word, no less, signed, and always newer."""

from __future__ import annotations

import copy
import time
import uuid
from datetime import timedelta

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from django.conf import settings
from django.db import DatabaseError, connection, transaction
from django.test import Client

from governance.approvals import lifting
from governance.approvals import services as approvals
from governance.approvals.models import ApprovalRequest, Finding
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.canonical import encode
from governance.audit.events import Event
from governance.audit.notary import Notary
from governance.common import clock
from governance.common.postgres.base import as_owner
from placet import permits as signing
from placet.notes import encode_vkey
from placet.revocations import permit_digest, verify_list
from registry import revocations
from registry.models import Permit, RevocationList
from registry.revocations import force_of
from tests import proving
from tests.factories import PASSWORD, REASON, fresh, put_live, record_applied
from tests.registry.test_renewals import asked, near_the_end, signed
from tests.reports.factories import notarise
from tests.roles import as_role

ME = System("test")
KEYS = [encode_vkey("placet/permit", Ed25519PrivateKey.from_private_bytes(b"\2" * 32).public_key())]


@pytest.fixture
def permit(committed_cast, tmp_path):
    """A permit that the notary signed, and the list that it signed with it."""
    made = committed_cast.approved()
    notarise(tmp_path)
    notarise(tmp_path)
    return Permit.objects.select_related("approval__policy_version").get(approval=made.approval)


def the_list():
    row = RevocationList.objects.order_by("-number").first()
    return verify_list(row.envelope, KEYS, now=row.issued_at)


def said_of(permit, folder):
    """What the newest list says of a permit, once the notary has read what was written meanwhile."""
    notarise(folder)
    return the_list().entries.get(permit.digest)


def test_the_first_list_comes_with_the_first_permit_and_names_nothing(permit):
    found = the_list()
    row = RevocationList.objects.get()
    assert (found.entries, found.number, found.size) == ({}, row.number, row.log_size)
    assert found.statement["subject"][0]["digest"]["sha256"] == log.root_at(found.size).hex()
    assert permit_digest(permit.envelope, signing.verify(permit.envelope, KEYS)) == permit.digest


def test_a_name_on_the_list_can_not_be_shaken_off(permit):
    """Whoever adds to an envelope what no signature covers gives the permit no other digest."""
    changed = copy.deepcopy(permit.envelope) | {"comment": "x"}
    changed["signatures"].insert(0, {"keyid": "sha256:" + "0" * 64, "sig": "AAAA"})
    changed["signatures"][1]["note"] = "y"
    assert permit_digest(changed, signing.verify(changed, KEYS)) == permit.digest


def test_suspended_and_revoked_are_listed_with_their_entries(permit, tmp_path):
    approvals.suspend(request_id=permit.approval_id, reason="A drift alert.", actor=ME)
    suspended = said_of(permit, tmp_path)
    assert (suspended.status, suspended.refuse_new_loads) == ("suspended", False)
    assert log.entry_at(suspended.index).parsed["data"]["to"] == "suspended"
    first = the_list().number
    approvals.revoke(request_id=permit.approval_id, reason="For good.", actor=ME)
    revoked = said_of(permit, tmp_path)
    assert (revoked.status, revoked.refuse_new_loads) == ("revoked", True)
    assert log.entry_at(revoked.index).parsed["data"]["to"] == "revoked"
    assert the_list().number > first


def test_a_suspension_over_bytes_refuses_until_the_log_says_that_the_finding_is_closed(
    permit, tmp_path, committed_cast
):
    from governance.approvals.findings import close_finding
    from registry.alias_changes import on_bytes_changed
    from registry.selectors import promotion_of

    promotion = fresh(promotion_of(permit.approval))
    on_bytes_changed(promotion.version, promotion.approval, "sha256:" + "1" * 64)
    assert said_of(permit, tmp_path).refuse_new_loads
    finding = Finding.objects.get()
    close_finding(finding_id=finding.pk, closer=committed_cast.officer, how="Restored.", password=PASSWORD)
    assert not said_of(permit, tmp_path).refuse_new_loads


def test_a_table_that_hides_a_revocation_changes_nothing(permit, tmp_path):
    approvals.revoke(request_id=permit.approval_id, reason="For good.", actor=ME)
    in_the_table("state = 'approved'", permit)
    assert ApprovalRequest.objects.get(pk=permit.approval_id).state == "approved"
    assert said_of(permit, tmp_path).status == "revoked"


def test_a_table_that_claims_a_revocation_is_not_believed(permit, tmp_path):
    in_the_table("state = 'revoked'", permit)
    before = the_list().number
    with clock.frozen(clock.now() + timedelta(hours=1)):
        assert said_of(permit, tmp_path) is None
    assert the_list().number > before


def test_an_entry_gives_no_force_back_unless_somebody_signed_as_they_must(permit, tmp_path, committed_cast):
    """What the app's role alone can write, an entry, lifts no suspension; a risk officer's signature does."""
    approvals.suspend(request_id=permit.approval_id, reason="A drift alert.", actor=ME)
    said_of(permit, tmp_path)
    data = {"request": permit.approval_id, "from": "suspended", "to": "approved", "reason": "It is fine."}
    lie(Event.APPROVAL_CHANGED, data | {"subject": {"name": "x", "digest": "sha256:" + "0" * 64}})
    assert said_of(permit, tmp_path).status == "suspended"
    lifting.lift_suspension(
        request_id=permit.approval_id, signer=committed_cast.officer, rationale=REASON, password=PASSWORD
    )
    assert said_of(permit, tmp_path).status == "suspended"  # the lie stays in the log, and so does the doubt


def test_a_lifted_suspension_leaves_the_list(permit, tmp_path, committed_cast):
    approvals.suspend(request_id=permit.approval_id, reason="A drift alert.", actor=ME)
    assert said_of(permit, tmp_path).status == "suspended"
    lifting.lift_suspension(
        request_id=permit.approval_id, signer=committed_cast.officer, rationale=REASON, password=PASSWORD
    )
    assert said_of(permit, tmp_path) is None


def test_no_entry_brings_a_revoked_approval_back(permit, tmp_path):
    approvals.revoke(request_id=permit.approval_id, reason="For good.", actor=ME)
    approved = next(e for e in log.entries_about_request(permit.approval_id) if e.event == Event.APPROVAL_APPROVED)
    lie(Event.APPROVAL_APPROVED, {k: v for k, v in approved.parsed["data"].items() if k != "changed"})
    lie(Event.APPROVAL_CHANGED, {"request": permit.approval_id, "from": "revoked", "to": "approved"})
    assert said_of(permit, tmp_path).status == "revoked"


def test_an_entry_that_can_not_be_read_ends_its_own_permit_and_stops_no_list(permit, tmp_path):
    lie(Event.APPROVAL_CHANGED, {"request": permit.approval_id})
    lie(Event.APPROVAL_CHANGED, {"request": "nonsense", "to": 3})
    assert said_of(permit, tmp_path).status == "revoked"


def test_a_lapsed_approval_is_listed_with_its_grace_and_not_after_its_permit(permit, tmp_path):
    ends = permit.approval.valid_until
    with clock.frozen(ends + timedelta(seconds=1)):
        lapsed = said_of(permit, tmp_path)
        assert (lapsed.status, lapsed.refuse_new_loads, lapsed.since) == ("lapsed", False, clock.rfc3339(ends))
        approvals.lapse_overdue()
        assert said_of(permit, tmp_path).status == "lapsed"
    with clock.frozen(permit.expires_at):
        before = RevocationList.objects.count()
        notarise(tmp_path)
        assert RevocationList.objects.count() == before  # nothing is left to speak of


def test_what_was_suspended_over_bytes_when_it_lapsed_gets_no_grace(permit, tmp_path):
    from registry.alias_changes import on_bytes_changed
    from registry.selectors import promotion_of

    promotion = fresh(promotion_of(permit.approval))
    on_bytes_changed(promotion.version, promotion.approval, "sha256:" + "1" * 64)
    with clock.frozen(permit.approval.valid_until + timedelta(days=1)):
        approvals.lapse_overdue()
        found = said_of(permit, tmp_path)
    assert (found.status, found.refuse_new_loads) == ("lapsed", True)


def entry(event, **data):
    return {"event": event, "at": "2026-11-22T18:00:00.000000Z", "actor": "system:x", "data": data}


GRANTED = entry("approval.approved", valid_until="2027", policy={"digest": "sha256:p"})


@pytest.mark.parametrize(
    ("moves", "state", "suspended", "lifted"),
    [
        ([], "approved", False, False),
        (["suspended"], "suspended", True, False),
        (["suspended", "approved"], "approved", False, True),
        (["suspended", "lapsed"], "lapsed", True, False),
        (["lapsed"], "lapsed", False, False),
        (["lapsed", "approved"], "lapsed", False, False),
        (["revoked", "approved"], "revoked", False, False),
        (["renewed", "suspended"], "renewed", False, False),
        (["suspended", "approved", "suspended"], "suspended", True, True),
    ],
)
def test_what_the_moves_make_of_an_approval(moves, state, suspended, lifted):
    entries = [GRANTED, *(entry("approval.state_changed", to=to) for to in moves)]
    force = force_of(enumerate(entries))
    assert (force.state, force.suspended, force.lifted) == (state, suspended, lifted)
    assert force_of(enumerate(entries[1:])) is None


def test_a_renewed_approval_is_worth_what_its_renewal_is(permit, tmp_path, committed_cast):
    """Whoever still holds the old permit loads on it until the renewal loses its force, whatever the table says."""
    made = put_live(committed_cast, fresh(permit.approval.promotion))
    with clock.frozen(near_the_end(made)):
        renewal = signed(committed_cast, asked(committed_cast, made))
        notarise(tmp_path)
        record_applied(renewal.pk)
        assert said_of(permit, tmp_path) is None
        approvals.suspend(request_id=renewal.approval_id, reason="An alert.", actor=ME)
        assert said_of(permit, tmp_path).status == "suspended"
        approvals.revoke(request_id=renewal.approval_id, reason="For good.", actor=ME)
        assert said_of(permit, tmp_path).status == "revoked"
        other = committed_cast.approved(number=2)
        notarise(tmp_path)
        in_the_table(f"renews_id = '{made.approval_id}'", other)
        lie(Event.APPROVAL_OPENED, {"request": other.approval_id, "renews": made.approval_id})
        lie(Event.PROMOTION_APPLIED, {"request": other.approval_id})
        approvals.suspend(request_id=other.approval_id, reason="So that a list is due.", actor=ME)
        assert said_of(permit, tmp_path).status == "revoked"


def test_a_list_is_signed_when_something_changed_and_at_least_hourly(permit, tmp_path, committed_cast):
    def lists():
        notarise(tmp_path)
        return RevocationList.objects.count()

    assert lists() == lists() == 1
    committed_cast.reviewed(number=2)  # other requests move; nothing that a permit rests on does
    assert lists() == 1
    start = clock.now()
    with clock.frozen(start + timedelta(minutes=49)):
        assert lists() == 1
    with clock.frozen(start + timedelta(minutes=51)):
        assert lists() == 2
        assert the_list().next_update == clock.now() + timedelta(hours=1)
        approvals.suspend(request_id=permit.approval_id, reason="A drift alert.", actor=ME)
        assert lists() == lists() == 3
    numbers = [row.number for row in RevocationList.objects.order_by("issued_at", "number")]
    assert numbers == sorted(set(numbers))


def test_only_the_notary_writes_a_list_and_no_number_goes_back(permit):
    row = RevocationList.objects.get()
    refused(f"INSERT INTO registry_revocationlist SELECT * FROM registry_revocationlist WHERE id = '{row.pk}'", "app")
    for statement in ("UPDATE registry_revocationlist SET number = 1", "DELETE FROM registry_revocationlist"):
        refused(statement, "app")
        refused(statement, "notary")
    older = "(jsonb_populate_record(l, jsonb_build_object('id', gen_random_uuid(), 'number', l.number - 1))).*"
    refused(
        f"INSERT INTO registry_revocationlist SELECT {older} FROM registry_revocationlist l",
        "notary",
        "not numbered above",
    )


def refused(statement, role, why="."):
    with as_role(role), pytest.raises(DatabaseError, match=why), connection.cursor() as cursor:
        cursor.execute(statement)


def test_anybody_may_read_the_newest_list(permit, tmp_path):
    approvals.revoke(request_id=permit.approval_id, reason="For good.", actor=ME)
    notarise(tmp_path)
    answer = Client().get("/api/v1/permits/revocation-list")
    assert answer.status_code == 200
    assert verify_list(answer.json()["envelope"], KEYS).entries[permit.digest].status == "revoked"
    said = the_list().statement["predicate"]
    assert {key for row in said["entries"] for key in row} == {"permit", "status", "refuse_new_loads", "since", "index"}


def test_before_the_first_permit_there_is_no_list(db):
    assert Client().get("/api/v1/permits/revocation-list").status_code == 404


@pytest.mark.slow
def test_ten_thousand_permits_are_quick(permit, tmp_path):
    """Reading 10,000 permits, a fifth of them withdrawn, takes seconds; a round without a change, nothing."""
    count = proving.count(10_000, 1_000)
    many_permits(permit, count, withdrawn=count // 5)
    for _ in range(2 + count // 2_000):
        notarise(tmp_path)
    started = time.monotonic()
    found = revocations.withdrawn_at(log.size(), clock.now())
    took = time.monotonic() - started
    assert len(found) == count // 5
    assert took < 5
    started = time.monotonic()
    assert not revocations._is_due(revocations.newest(), the_notary(tmp_path), log.size(), clock.now())
    assert time.monotonic() - started < 0.1


def the_notary(folder):
    keys = Ed25519PrivateKey.from_private_bytes(b"\1" * 32), Ed25519PrivateKey.from_private_bytes(b"\2" * 32)
    return Notary(settings.LOG_ORIGIN, *keys, folder / "state", folder / "anchors")


def many_permits(permit, count, *, withdrawn):
    """Copies of one approval and its permit, each with the two entries that count, written past the services."""
    fields = "jsonb_build_object('id', gen_random_uuid()"
    past_the_guards(
        f"INSERT INTO approvals_approvalrequest SELECT (jsonb_populate_record(r, {fields}))).* "
        f"FROM approvals_approvalrequest r, generate_series(1, {count}) WHERE r.id = '{permit.approval_id}'; "
        f"INSERT INTO registry_permit SELECT (jsonb_populate_record(p, {fields}, 'approval_id', r.id, "
        "'digest', 'sha256:' || encode(sha256(r.id::text::bytea), 'hex')))).* "
        f"FROM registry_permit p, approvals_approvalrequest r WHERE p.id = '{permit.pk}' AND r.id <> p.approval_id"
    )
    approved = next(e for e in log.entries_about_request(permit.approval_id) if e.event == Event.APPROVAL_APPROVED)
    bodies = []
    for number, pk in enumerate(ApprovalRequest.objects.exclude(pk=permit.approval_id).values_list("pk", flat=True)):
        body = approved.parsed | {"id": str(uuid.uuid4()), "subjects": [], "payload": None}
        bodies.append(body | {"data": body["data"] | {"request": str(pk)}})
        if number < withdrawn:
            moved = {"request": str(pk), "from": "approved", "to": "revoked"}
            bodies.append(body | {"id": str(uuid.uuid4()), "event": "approval.state_changed", "data": moved})
    with connection.cursor() as cursor:
        cursor.executemany("INSERT INTO audit_entry (body) VALUES (%s)", [[encode(body)] for body in bodies])


def lie(event, data):
    """Write an entry as the app's role can, about no row."""
    with transaction.atomic():
        audit.append(event=event, actor=ME, data=data)


def in_the_table(change, about):
    """Change the row of an approval as somebody who owns the table could: guards off, change, guards on."""
    past_the_guards(f"UPDATE approvals_approvalrequest SET {change} WHERE id = '{about.approval_id}'")


def past_the_guards(statement):
    tables = "('approvals_approvalrequest'::regclass, 'registry_permit'::regclass)"
    with as_owner(connection), connection.cursor() as cursor:
        cursor.execute(
            "SELECT tgrelid::regclass::text, tgname FROM pg_trigger WHERE NOT tgisinternal AND tgenabled = 'A' "
            f"AND tgname <> 'keep_index' AND tgrelid IN {tables}"
        )
        guards = cursor.fetchall()
        for table, trigger in guards:
            cursor.execute(f"ALTER TABLE {table} DISABLE TRIGGER {trigger}")
        cursor.execute(statement)
        for table, trigger in guards:
            cursor.execute(f"ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}")
