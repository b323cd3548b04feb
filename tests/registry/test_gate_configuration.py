"""What the gate protects and how strictly: two people say it, and what it lets through is on record."""

from __future__ import annotations

import json

import pytest
from django.db import connection, transaction
from django.db.utils import IntegrityError

from governance.accounts.roles import Role
from governance.approvals.models import Finding
from governance.audit import services as audit
from governance.audit.actors import System
from governance.audit.events import Event
from governance.audit.models import Entry
from governance.common.errors import InvalidInput
from governance.policy import shipped
from registry import configuring, gate, protected
from registry.errors import ConfigurationOpen, ConfigurationSettled, NotYourConfiguration
from registry.models import GateConfiguration
from tests.documents.sample_snapshot import ANSWERS
from tests.factories import PASSWORD, Cast, a_model, a_system, a_user, given

WHY = "The desk that prices loans uses its own alias."
STRICT = {
    "protected_aliases": ["champion", "canary"],
    "mode": "block",
    "registry": "governed",
    "automatic_revert": False,
}


@pytest.fixture
def two(db):
    """An administrator who proposes and a risk officer who signs."""
    return a_user(Role.ADMINISTRATOR), a_user(Role.RISK_OFFICER)


def propose(person, **changes):
    return configuring.propose(**(STRICT | {"reason": WHY} | changes), person=person)


def configured(two, **changes):
    row = propose(two[0], **changes)
    return configuring.sign(number=row.number, person=two[1], password=PASSWORD)


def attempt(name, action="alias.set", alias="champion", **detail):
    return gate.decide(
        identity={"username": "somebody", "source": "basic-auth"},
        action=action,
        subject={"name": name, "version": "1", "workspace": "default"},
        detail={"alias": alias, **detail},
        grant=None,
    )


def test_a_mode_is_that_of_the_model_and_not_of_its_namesake_in_another_workspace(two):
    configured(two, mode="observe")
    a_model(a_system(), name="twin")
    asked = {
        "identity": {"username": "somebody"},
        "action": "alias.set",
        "detail": {"alias": "champion"},
        "grant": None,
    }
    answers = {
        workspace: gate.decide(subject={"name": "twin", "version": "1", "workspace": workspace}, **asked)
        for workspace in ("default", "team-a")
    }
    assert answers["default"].verdict == "BLOCK", "a high-risk system is always blocked"
    assert answers["team-a"].verdict == "ALLOW"
    assert answers["team-a"].detail.startswith("team-a:twin belongs to no AI system")
    said = [
        json.loads(body)["data"].get("model") for body in Entry.objects.order_by("seq").values_list("body", flat=True)
    ]
    assert said[-2:] == ["twin", "team-a:twin"]


def events():
    return [json.loads(body)["event"] for body in Entry.objects.order_by("seq").values_list("body", flat=True)]


def test_the_settings_count_until_two_people_sign(two, settings):
    settings.PROTECTED_ALIASES = ("champion",)
    assert protected.in_force() == protected.by_settings()
    row = propose(two[0], protected_aliases=[" Champion", "canary", "CANARY", "pricing-*"])
    assert protected.in_force().number == 0, "a proposal changes nothing"
    configuring.sign(number=row.number, person=two[1], password=PASSWORD)
    now = protected.in_force()
    assert (now.number, now.protected_aliases) == (row.number, ("champion", "canary", "pricing-*"))
    assert [now.protects(alias) for alias in ("Pricing-EU", "production")] == [True, False]


def test_one_is_in_force_at_a_time_and_the_newest_counts(two):
    first = configured(two)
    second = configured(two, automatic_revert=True)
    first.refresh_from_db()
    assert first.ended_at == second.signed_at
    assert protected.in_force().automatic_revert
    assert [row.number for row in configuring.history()] == [2, 1]


def test_who_may(two):
    administrator, officer = two
    of_one_system = a_user()
    given(of_one_system, Role.RISK_OFFICER, system_id=a_system().pk)
    for person in (a_user(Role.ENGINEER), a_user(Role.OWNER), of_one_system):
        with pytest.raises(NotYourConfiguration):
            propose(person)
    mine = propose(officer)
    with pytest.raises(NotYourConfiguration, match="You proposed it"):
        configuring.sign(number=mine.number, person=officer, password=PASSWORD)
    with pytest.raises(NotYourConfiguration):
        configuring.sign(number=mine.number, person=administrator, password=PASSWORD)
    with pytest.raises(ConfigurationOpen):
        propose(administrator, mode="warn")
    configuring.withdraw(number=mine.number, person=administrator)
    with pytest.raises(ConfigurationSettled):
        configuring.sign(number=mine.number, person=a_user(Role.RISK_OFFICER), password=PASSWORD)


def test_the_database_keeps_the_second_person_and_what_was_signed(two):
    row = propose(two[1])
    for statement, rule in (
        ("UPDATE registry_gateconfiguration SET signed_by_id = proposed_by_id, signed_at = now()", "second_person"),
        ("UPDATE registry_gateconfiguration SET mode = 'observe'", "gate_configuration_never_changes"),
    ):
        with pytest.raises(IntegrityError) as refused, transaction.atomic(), connection.cursor() as cursor:
            cursor.execute(statement)
        assert rule in refused.value.__cause__.diag.constraint_name
    assert GateConfiguration.objects.get() == row


@pytest.mark.parametrize(
    ("changes", "loosened"),
    [
        ({"mode": "warn"}, True),
        ({"registry": "stock"}, True),
        ({"protected_aliases": ["champion"]}, True),
        ({"protected_aliases": ["champion", "can*"]}, False),
        ({"protected_aliases": ["champion", "canary", "prod-*"]}, False),
        ({"automatic_revert": True}, False),
    ],
)
def test_what_loosens_is_said_and_opens_a_finding(two, changes, loosened):
    configured(two)
    row = configured(two, **changes)
    assert row.loosens is loosened
    assert (
        Finding.objects.filter(code="gate-loosened", title__contains=f"configuration {row.number}").exists() is loosened
    )


@pytest.mark.parametrize(
    "changes",
    [{"protected_aliases": []}, {"protected_aliases": [" "]}, {"protected_aliases": ["a,b"]}, {"reason": "no"}],
)
def test_bad_input_is_refused(two, changes):
    with pytest.raises(InvalidInput):
        propose(two[0], **changes)
    assert not GateConfiguration.objects.exists()


def test_what_is_live_stays_protected(cast, two):
    cast.live()
    with pytest.raises(InvalidInput, match="live as champion"):
        propose(two[0], protected_aliases=["canary"])


@pytest.mark.parametrize("mode", ["observe", "warn"])
def test_a_gate_that_only_looks_lets_through_and_records_what_it_would_have_said(two, mode):
    configured(two, mode=mode)
    answer = attempt("churn")
    assert (answer.verdict, answer.would, answer.mode) == ("ALLOW", "BLOCK", mode)
    assert "belongs to no AI system" in answer.detail
    assert events()[-1] == "gate.let_through"


def test_a_reserved_tag_is_refused_in_every_mode(two):
    configured(two, mode="observe")
    assert attempt("churn", action="tag.set", key="gov.status").verdict == "BLOCK"
    assert events()[-1] == "gate.refused"


def test_a_wrong_grant_is_refused_in_every_mode(two):
    configured(two, mode="observe")
    answer = gate.decide(
        identity={"username": "placet", "source": "basic-auth"},
        action="alias.set",
        subject={"name": "churn", "version": "1"},
        detail={"alias": "champion"},
        grant="grant_of_nothing",
    )
    assert answer.verdict == "BLOCK"


def test_the_policy_decides_for_its_systems_and_nothing_relaxes_a_high_risk_one(cast, two):
    configured(two, mode="observe")
    assert cast.system.ai_act_class == "high"
    assert attempt(cast.model.name).verdict == "BLOCK"
    with transaction.atomic():
        cast.system.ai_act_class = "minimal"
        audit.append(event=Event.SYSTEM_UPDATED, actor=System("test"), subjects=[cast.system], data={})
    assert attempt(cast.model.name).verdict == "ALLOW", "no policy governs it now, so the configuration does"


def test_what_names_no_alias_is_held_as_strictly_as_the_strictest_alias_that_a_policy_names(two):
    """A pattern is no alias: ``prod-*`` is governed by nothing, and ``prod-eu`` by a policy that blocks."""
    answers = {key: ANSWERS[key] for key in ANSWERS.keys() - {"fraud_detection_only", "profiling"}}
    cast = Cast(
        shipped.text("minimal-risk").replace("targets: [champion, canary]", "targets: [prod-eu]"),
        answers=answers | {"annex_iii_uses": ["none"]},
        tier=4,
    )
    configured(two, mode="observe", protected_aliases=["prod-*"])
    assert attempt(cast.model.name, alias="prod-us").verdict == "ALLOW"
    for action in ("stage.transition", "model.delete", "model.rename", "version.delete"):
        assert attempt(cast.model.name, action=action, alias=None).verdict == "BLOCK", action
    assert attempt("of-no-system", action="model.delete", alias=None).verdict == "ALLOW"
