"""Who comes in by claims, with which roles, and what the database refuses of it."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from django.db import IntegrityError, connection, transaction

from governance.accounts import administration, identities, mappings, provisioning
from governance.accounts.errors import MappingOpen, MappingSettled, SignOnRefused
from governance.accounts.models import ClaimMapping, Grant, User
from governance.accounts.roles import Role
from governance.accounts.selectors import roles_of
from governance.accounts.services import SignInAgain
from governance.audit import selectors as log
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from governance.config.oidc import Provider
from tests.accounts.test_role_rules import a_machine, two
from tests.factories import PASSWORD, SETUP, a_user, given

__all__ = ["two"]
pytestmark = pytest.mark.django_db(transaction=True)
ISSUER = "https://idp.bank.example/realms/bank"


@pytest.fixture(autouse=True)
def provider(settings: Any) -> None:
    settings.OIDC = Provider(issuer=ISSUER, client_id="placet", email_domains=frozenset({"bank.example"}))


def claims(sub: str = "4711", *groups: str, **more: Any) -> dict[str, Any]:
    base = {
        "iss": ISSUER,
        "sub": sub,
        "email": f"{sub}@bank.example",
        "email_verified": True,
        "name": f"Newcomer {sub}",
    }
    return {**base, "groups": list(groups), **more}


def mapped(two: tuple[User, User], role: Role = Role.ENGINEER, value: str = "ml", **fields: Any) -> ClaimMapping:
    made = mappings.map_claim(claim="groups", value=value, role=role, by=two[0], **fields)
    if made.valid_from is None:
        made = mappings.confirm_mapping(mapping_id=made.pk, by=two[1], password=PASSWORD)
    return made


def events(since: int) -> list[log.LogEntry]:
    rows = log.entries()
    return [log.as_entry(entry) for entry in reversed(rows[: len(rows) - since])]


def test_the_first_sign_in_makes_the_person_and_their_roles_and_logs_each(two):
    mapping = mapped(two, Role.RISK_OFFICER, "risk")
    before = len(log.entries())
    person = provisioning.admit(claims("4711", "risk", "lunch"))
    assert (person.email, person.name, person.has_usable_password()) == ("4711@bank.example", "Newcomer 4711", False)
    assert roles_of(person) == {"risk_officer"}
    created, linked, granted = events(before)
    assert [entry.event for entry in (created, linked, granted)] == [
        "person.created",
        "identity.linked",
        "role.granted",
    ]
    assert {entry.actor for entry in (created, linked, granted)} == {"system:single-sign-on"}
    assert granted.parsed["data"]["mapping"] == str(mapping.pk)
    for entry in (created, linked, granted):
        assert "4711" not in str(entry.parsed["data"])  # the provider's name for them is personal: payload only
    assert provisioning.admit(claims("4711", "risk")).pk == person.pk
    assert len(log.entries()) == before + 3  # nothing changed, so nothing is said


def test_a_role_ends_with_its_claim_and_comes_back_as_another_grant(two):
    mapping = mapped(two)
    mapped(two, Role.OWNER, "owners")
    person = provisioning.admit(claims("1", "ml", "owners"))
    before = len(log.entries())
    provisioning.admit(claims("1", "owners"))
    assert roles_of(person) == {"owner"}
    (ended,) = events(before)
    assert (ended.event, ended.parsed["data"]["mapping"]) == ("role.revoked", str(mapping.pk))
    provisioning.admit(claims("1", "ml", "owners"))
    assert roles_of(person) == {"owner", "engineer"}
    assert Grant.objects.filter(person=person, role="engineer").count() == 2


def test_roles_given_by_hand_are_not_the_claims_to_end(two):
    mapped(two)
    person = provisioning.admit(claims("1", "ml"))
    given(person, Role.OWNER)
    provisioning.admit(claims("1"))
    assert roles_of(person) == {"owner"}


def test_what_an_administrator_took_no_claim_brings_back(two):
    mapped(two)
    person = provisioning.admit(claims("1", "ml"))
    administration.take_role(person=person, role=Role.ENGINEER, by=two[0])
    provisioning.admit(claims("1", "ml"))
    assert roles_of(person) == set()


def test_days_bound_a_role_and_an_auditors_always_ends(two):
    with pytest.raises(InvalidInput, match="always has an end"):
        mapped(two, Role.AUDITOR, "audit")
    mapped(two, Role.AUDITOR, "audit", days=7)
    person = provisioning.admit(claims("1", "audit"))
    grant = Grant.objects.get(person=person)
    assert timedelta() <= grant.valid_from + timedelta(days=7) - grant.valid_until < timedelta(minutes=1)
    with clock.frozen(clock.now() + timedelta(days=8)):
        assert roles_of(person) == set()
        provisioning.admit(claims("1", "audit"))
        assert roles_of(person) == {"auditor"}


def test_nobody_administers_and_decides_whatever_the_claims_say(two):
    mapped(two, Role.ADMINISTRATOR, "it")
    refused = mapped(two, Role.VALIDATOR, "validation")
    mapped(two)
    person = provisioning.admit(claims("1", "it", "validation", "ml"))
    assert roles_of(person) == {"engineer"}
    assert log.as_entry(log.entries()[0]).event == "claims.refused"
    other = provisioning.admit(claims("2", "ml"))
    given(other, Role.ADMINISTRATOR)
    provisioning.admit(claims("2", "ml", "validation"))
    assert roles_of(other) == {"engineer", "administrator"}
    newest = log.as_entry(log.entries()[0])
    assert (newest.event, newest.parsed["data"]["mappings"]) == ("claims.refused", [str(refused.pk)])


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"email_verified": False}, "verified"),
        ({"email_verified": None}, "verified"),
        ({"email": None}, "verified"),
        ({"email": "no address"}, "domain"),
        ({"email": "x@bank.example.evil.example"}, "domain"),
        ({"groups": ["other"]}, "opens anything"),
        ({"groups": "ml,"}, "opens anything"),
        ({"sub": ""}, "who you are"),
        ({"sub": 4711}, "who you are"),
        ({"sub": "x" * 255}, "longer"),
    ],
)
def test_who_is_not_let_in(two, more, says):
    mapped(two)
    with pytest.raises(SignOnRefused, match=says):
        provisioning.admit({**claims("1", "ml"), **more})
    assert User.objects.count() == 2


def test_an_address_finds_nobody_until_an_administrator_links_the_name(two):
    mapped(two)
    known = a_user()
    theirs = claims("1", "ml", email=known.email)
    with pytest.raises(SignOnRefused, match="not linked") as refusal:
        provisioning.admit(theirs)
    name = refusal.value.detail.rsplit(" ", 1)[-1]
    assert name == f"{ISSUER}#1"
    identities.link_identity(person=known, provider="oidc", subject=name, by=two[0])
    assert provisioning.admit(theirs).pk == known.pk
    assert roles_of(known) == {"engineer"}
    with pytest.raises(SignOnRefused):  # the same subject of another issuer is somebody else
        provisioning.admit({**theirs, "iss": "https://other.example"})


def test_the_deactivated_and_machines_stay_outside(two):
    mapped(two)
    person = provisioning.admit(claims("1", "ml"))
    administration.deactivate_person(person=person, by=two[0], reason="Left.")
    with pytest.raises(SignOnRefused, match="closed"):
        provisioning.admit(claims("1", "ml"))
    with pytest.raises(IntegrityError, match="signs in nowhere"):
        identities.link_identity(person=a_machine(), provider="oidc", subject=f"{ISSUER}#2", by=two[0])


def test_a_new_name_and_address_are_taken_over_and_logged_without_saying_them(two):
    mapped(two)
    person = provisioning.admit(claims("1", "ml"))
    provisioning.admit(claims("1", "ml", name="Another Name", email="new@bank.example"))
    person.refresh_from_db()
    assert (person.name, person.email) == ("Another Name", "new@bank.example")
    entry = log.as_entry(log.entries()[0])
    assert entry.event == "person.updated"
    assert entry.parsed["data"] == {"person": person.actor_id, "fields": ["name", "email"]}
    provisioning.admit(claims("1", "ml", name="Another Name", email="unverified@bank.example", email_verified=False))
    provisioning.admit(claims("1", "ml", name="Another Name", email=two[0].email))  # it is somebody else's
    person.refresh_from_db()
    assert person.email == "new@bank.example"


def test_roles_end_when_nobody_has_signed_in_for_long(two):
    mapped(two)
    person = provisioning.admit(claims("1", "ml"))
    with clock.frozen(clock.now() + timedelta(days=29)):
        assert provisioning.end_stale_roles() == 0
    with clock.frozen(clock.now() + timedelta(days=31)):
        assert provisioning.end_stale_roles() == 1
        assert roles_of(person) == set()
        assert provisioning.end_stale_roles() == 0


def test_a_grave_mapping_takes_two_administrators(two):
    made = mappings.map_claim(claim="groups", value="risk", role=Role.RISK_OFFICER, by=two[0])
    with pytest.raises(SignOnRefused, match="opens anything"):
        provisioning.admit(claims("1", "risk"))
    for by, error in ((two[0], Forbidden), (a_user(Role.ENGINEER), Forbidden), (a_machine(), Forbidden)):
        with pytest.raises(error):
            mappings.confirm_mapping(mapping_id=made.pk, by=by, password=PASSWORD)
    with pytest.raises(SignInAgain):
        mappings.confirm_mapping(mapping_id=made.pk, by=two[1], password="wrong")
    with clock.frozen(clock.now() + timedelta(days=15)), pytest.raises(MappingSettled):
        mappings.confirm_mapping(mapping_id=made.pk, by=two[1], password=PASSWORD)
    with pytest.raises(MappingOpen):
        mappings.map_claim(claim="groups", value="risk", role=Role.RISK_OFFICER, by=two[1])
    mappings.confirm_mapping(mapping_id=made.pk, by=two[1], password=PASSWORD)
    with pytest.raises(MappingSettled):
        mappings.confirm_mapping(mapping_id=made.pk, by=two[1], password=PASSWORD)
    person = provisioning.admit(claims("1", "risk"))
    with pytest.raises(Forbidden):
        mappings.end_mapping(mapping_id=made.pk, by=a_user(Role.ENGINEER))
    mappings.end_mapping(mapping_id=made.pk, by=two[1])
    assert roles_of(person) == set()
    provisioning.admit(claims("1", "risk"))
    assert roles_of(person) == set()


def test_another_providers_mappings_give_nothing(two, settings):
    mapped(two)
    provisioning.admit(claims("1", "ml"))
    settings.OIDC = Provider(issuer="https://new.example", client_id="placet")
    with pytest.raises(SignOnRefused, match="opens anything"):
        provisioning.admit({**claims("2", "ml"), "iss": "https://new.example"})


def _as_written(row: Any) -> None:
    with transaction.atomic():
        audit.append(event=Event.ROLE_GRANTED, actor=SETUP, subjects=[row])


def test_the_database_refuses_roles_that_no_mapping_gives(two):
    risk, waits = mapped(two, Role.RISK_OFFICER, "risk"), None
    waits = mappings.map_claim(claim="groups", value="dpo", role=Role.DATA_PROTECTION_OFFICER, by=two[0])
    short = mapped(two, Role.ENGINEER, "ml", days=3)
    person, stranger = provisioning.admit(claims("1", "ml")), a_user()
    now = clock.now()
    for fields, rule in (
        ({"person": stranger, "role": "risk_officer", "mapping": risk}, "no mapping in force"),
        ({"person": person, "role": "validator", "mapping": risk}, "no mapping in force"),
        ({"person": person, "role": "risk_officer", "mapping": risk, "system_id": stranger.pk}, "no mapping in force"),
        ({"person": person, "role": "data_protection_officer", "mapping": waits}, "no mapping in force"),
        ({"person": person, "role": "engineer", "mapping": short}, "no mapping in force"),
        ({"person": person, "role": "risk_officer", "mapping": risk, "granted_by": two[0]}, "claim_gives_a_role_alone"),
        ({"person": person, "role": "risk_officer"}, "two administrators give"),
    ):
        with pytest.raises(IntegrityError, match=rule):
            _as_written(Grant(valid_from=now, **fields))


def test_the_database_keeps_a_mapping_as_it_was_made(two):
    made = mapped(two, Role.RISK_OFFICER, "risk")
    for change, rule in (
        ("value = 'everybody'", "made open, confirmed once"),
        ("role = 'validator'", "made open, confirmed once"),
        ("confirmed_at = NULL, confirmed_by_id = NULL, valid_from = NULL", "made open, confirmed once"),
        (f"ended_at = now(), ended_by_id = '{a_user().pk}'", "administrators say"),
    ):
        with pytest.raises(IntegrityError, match=rule), connection.cursor() as cursor:
            cursor.execute(f"UPDATE accounts_claimmapping SET {change} WHERE id = %s", [made.pk])
    with pytest.raises(IntegrityError, match="made open"), connection.cursor() as cursor:
        cursor.execute("DELETE FROM accounts_claimmapping WHERE id = %s", [made.pk])
    words = {"issuer": ISSUER, "claim": "groups", "value": "x", "role": "validator", "made_at": clock.now()}
    for fields, rule in (
        ({"made_by": a_user()}, "administrators say"),
        ({"made_by": two[0], "valid_from": words["made_at"]}, "grave_mapping_counts_once_confirmed"),
    ):
        with pytest.raises(IntegrityError, match=rule):
            _as_written(ClaimMapping(**words, **fields))


def test_the_database_lets_a_sign_in_link_only_whom_it_made(two):
    person = provisioning.admit(claims("1", "ml")) if mapped(two) else None
    for whose in (a_user(), person):
        with pytest.raises(IntegrityError, match="an administrator says"), connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO accounts_externalidentity (id, log_entry, person_id, provider, subject, valid_from) "
                "VALUES (gen_random_uuid(), gen_random_uuid(), %s, 'oidc', %s, now())",
                [whose.pk, f"{ISSUER}#9"],
            )
