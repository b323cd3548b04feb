"""The log's promise inside the database: no governed change without an entry that names it, and no changed entry."""

import json
import uuid
from hashlib import sha256

import pytest
import rfc8785
from django.conf import settings
from django.db import DatabaseError, IntegrityError, connection, transaction

from governance.accounts.models import Grant, User
from governance.audit import guards, selectors
from governance.audit import services as audit
from governance.audit.errors import EntryTooLarge, NoOpenTransaction
from governance.audit.events import Event
from governance.common import clock
from governance.inventory.models import AISystem
from tests.audit.entries import ME, a_grant, a_person, a_system, granted

committed = pytest.mark.django_db(transaction=True)


def a_grant_with_entry(person: User) -> Grant:
    grant = a_grant(person)
    grant.log_entry = uuid.uuid4()
    return grant


def a_grant_saved(person: User) -> None:
    a_grant_with_entry(person).save()


def raw_insert(person: User) -> None:
    with connection.cursor() as cursor:
        cursor.execute(
            "INSERT INTO accounts_grant (id, log_entry, person_id, role, valid_from) "
            "VALUES (%s, %s, %s, 'owner', now())",
            [uuid.uuid4(), uuid.uuid4(), person.pk],
        )


@committed
def test_one_append_saves_the_row_and_names_it_with_its_digest():
    grant = granted(a_person())
    (entry,) = list(map(selectors.as_entry, selectors.entries()))
    body = entry.parsed
    assert entry.body == rfc8785.dumps(body)
    assert entry.leaf_hash == sha256(b"\x00" + entry.body).digest()
    (named,) = body["subjects"]
    assert named["table"] == "accounts_grant"
    assert named["key"] == str(grant.pk)
    assert named["before"] is None
    assert named["after"].startswith("sha256:")
    assert Grant.objects.get().log_entry == entry.id
    assert set(body) == {"v", "log", "id", "event", "at", "actor", "subjects", "data", "payload"}


@committed
def test_append_outside_a_transaction_is_refused():
    with pytest.raises(NoOpenTransaction):
        audit.append(event=Event.ROLE_GRANTED, actor=ME)


@committed
@pytest.mark.parametrize(
    "change",
    [
        a_grant_saved,
        lambda person: Grant.objects.bulk_create([a_grant_with_entry(person)]),
        raw_insert,
    ],
    ids=["save", "bulk_create", "raw SQL"],
)
def test_a_governed_row_without_an_entry_fails_at_commit(change):
    person = a_person()
    with pytest.raises(IntegrityError, match="without a log entry"), transaction.atomic():
        change(person)
    assert not Grant.objects.exists()


@committed
def test_updates_and_deletes_need_their_entry_too_also_in_bulk():
    a_system()
    with pytest.raises(IntegrityError, match="without a log entry"), transaction.atomic():
        AISystem.objects.update(state="live")
    with pytest.raises(IntegrityError, match="without a log entry"), transaction.atomic():
        AISystem.objects.all().delete()
    system = AISystem.objects.get()
    assert system.state == "proposed"
    system.state = "live"
    with transaction.atomic():
        audit.append(event=Event.SYSTEM_UPDATED, actor=ME, subjects=[system])
    with transaction.atomic():
        audit.append(event=Event.SYSTEM_UPDATED, actor=ME, deleted=[system])
    assert not AISystem.objects.exists()


@committed
def test_an_entry_about_another_row_does_not_satisfy():
    one, other = granted(a_person()), granted(a_person("other@bank.example"))
    with pytest.raises(IntegrityError, match=f"accounts_grant {other.pk} without a log entry"), transaction.atomic():
        audit.append(event=Event.ROLE_GRANTED, actor=ME, subjects=[one])
        Grant.objects.filter(pk=other.pk).update(valid_until=clock.now())


@committed
def test_a_change_after_the_entry_that_names_the_row_fails():
    grant = a_grant(a_person())
    with pytest.raises(IntegrityError, match="but not this change of it"), transaction.atomic():
        audit.append(event=Event.ROLE_GRANTED, actor=ME, subjects=[grant])
        Grant.objects.update(valid_until=clock.now())


@committed
def test_an_entry_rolled_back_with_its_savepoint_does_not_count():
    grant = a_grant(a_person())
    with pytest.raises(IntegrityError), transaction.atomic():
        grant.log_entry = uuid.uuid4()
        grant.save()
        with pytest.raises(RuntimeError), transaction.atomic():
            audit.append(event=Event.ROLE_GRANTED, actor=ME, subjects=[grant])
            raise RuntimeError


@committed
@pytest.mark.parametrize("table", ["audit_entry", "audit_subject", "audit_leaf", "audit_checkpoint", "audit_node"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET {} = {}", "DELETE FROM {}", "TRUNCATE {} CASCADE"])
def test_the_app_role_can_neither_update_delete_nor_truncate_the_log(table, statement):
    granted(a_person())
    columns = {"audit_entry": "leaf_hash", "audit_subject": "key", "audit_leaf": "leaf_hash", "audit_node": "hash"}
    column = columns.get(table, "note")
    with pytest.raises(DatabaseError, match="permission denied"), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement.format(table, column, column))
    assert len(list(map(selectors.as_entry, selectors.entries()))) == 1


@committed
@pytest.mark.parametrize(
    "statement",
    [
        "ALTER TABLE audit_entry DISABLE TRIGGER audit_deny_row",
        "ALTER TABLE accounts_grant DISABLE TRIGGER audit_entry_required",
        "SET session_replication_role = replica",
        "DROP TABLE audit_anchor",
        "SET ROLE placet_owner",
        "INSERT INTO audit_leaf VALUES (0, gen_random_uuid(), '')",
        "INSERT INTO audit_entry (body, recorded_at) VALUES ('{}', now())",
        "INSERT INTO audit_subject VALUES (gen_random_uuid(), 'a', 'b', null, null, pg_current_xact_id())",
        "DELETE FROM audit_pending",
        "CREATE TEMP TABLE accounts_grant (id uuid)",
        "TRUNCATE accounts_grant",
        "SELECT audit_flush_test_database()",
    ],
)
def test_the_app_role_cannot_step_around_the_guards(statement):
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)


@committed
def test_a_sealed_row_refuses_change_even_with_an_entry(django_user_model):
    from governance.policy.models import PolicyVersion

    author, publisher = a_person(), a_person("publisher@bank.example")
    version = PolicyVersion(
        name="p",
        number=1,
        text="policy: p",
        digest="sha256:" + "0" * 64,
        author=author,
        made_at=clock.now(),
        publisher=publisher,
        published_at=clock.now(),
    )
    with transaction.atomic():
        audit.append(event=Event.POLICY_PUBLISHED, actor=ME, subjects=[version])
    version.text = "policy: other"
    with pytest.raises(DatabaseError, match="kept as they were written"), transaction.atomic():
        audit.append(event=Event.POLICY_PUBLISHED, actor=ME, subjects=[version])


@committed
def test_personal_text_lies_in_the_payload_behind_a_salted_commitment():
    with transaction.atomic():
        entry_id = audit.append(event=Event.LOG_HEARTBEAT, actor=ME, data={"n": 1}, payload={"rationale": "because"})
    entry = selectors.entry_by_id(entry_id)
    assert b"because" not in entry.body
    assert selectors.payload_of(entry_id) == {"rationale": "because"}
    with connection.cursor() as cursor:
        cursor.execute("SELECT salt, payload FROM audit_payload")
        salt, payload = (bytes(value) for value in cursor.fetchone())
    assert entry.parsed["payload"] == "sha256:" + sha256(b"placet/payload/v1\x00" + salt + payload).hexdigest()


@committed
def test_an_entry_beyond_65535_bytes_is_refused_and_nothing_stays():
    with pytest.raises(EntryTooLarge), transaction.atomic():
        audit.append(event=Event.LOG_HEARTBEAT, actor=ME, data={"long": "x" * 70_000})
    assert not list(map(selectors.as_entry, selectors.entries()))


@committed
def test_the_database_refuses_an_entry_beyond_65535_bytes_whoever_writes_it():
    body = json.dumps({"id": str(uuid.uuid4()), "log": settings.LOG_ORIGIN, "subjects": [], "long": "x" * 66_000})
    with pytest.raises(IntegrityError, match="holds at most 65535"), connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_entry (body) VALUES (%s)", [body.encode()])


@committed
def test_the_database_refuses_an_entry_of_several_lines_which_no_export_could_write():
    body = json.dumps({"id": str(uuid.uuid4()), "log": settings.LOG_ORIGIN, "subjects": []}, indent=1)
    with pytest.raises(IntegrityError, match="line end"), connection.cursor() as cursor:
        cursor.execute("INSERT INTO audit_entry (body) VALUES (%s)", [body.encode()])


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("row", "hashed"),
    [
        ('{"a": 1, "b": null}', '{"a": 1}'),
        ('{"a": null, "\\"b$.c": null}', "{}"),
        ('{"a": {"b": null}, "c": [null], "d": "null"}', '{"a": {"b": null}, "c": [null], "d": "null"}'),
    ],
    ids=["a null column", "nothing but null columns", "null inside a value stays"],
)
def test_a_digest_leaves_out_null_columns_alone(row, hashed):
    with connection.cursor() as cursor:
        cursor.execute("SELECT audit_digest(%s::jsonb), audit_digest(NULL)", [row])
        assert cursor.fetchone() == (f"sha256:{sha256(hashed.encode()).hexdigest()}", None)


@committed
def test_numbers_without_one_form_become_text():
    with transaction.atomic():
        entry_id = audit.append(event=Event.LOG_HEARTBEAT, actor=ME, data={"share": 0.1, "set": {"b", "a"}})
    assert json.loads(selectors.entry_by_id(entry_id).body)["data"] == {"share": "0.1", "set": ["a", "b"]}


@committed
def test_the_start_up_check_finds_nothing_for_the_app_role():
    assert guards.problems() == []
