"""No path reaches ``approved`` without a quorum of distinct eligible people per stage, none of them with a part in it.

Random people sign, lose roles, get them late, are deactivated, ask for changes, lend their place and take it back;
requests are withdrawn, resubmitted, suspended, revoked, commented on; what was approved goes live and is renewed, while
what it renews may lose its force; time passes. Beside Placet runs a small model that only knows
who may count; whatever Placet accepts, the model must accept too. Everything is real: services, PostgreSQL, its
triggers.
"""

from __future__ import annotations

from contextlib import ExitStack
from datetime import timedelta
from typing import Any

import pytest
from django.db import transaction
from hypothesis import HealthCheck
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule, run_state_machine_as_test

from governance.accounts.models import Grant
from governance.accounts.roles import Role
from governance.approvals import comments, delegations, lifting, services, signing
from governance.approvals.models import ApprovalRequest, Delegation, State
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import DomainError
from registry import promotions, renewals
from registry.models import AliasHistory, PromotionRequest
from tests.approvals.slow_reading import assert_index_holds
from tests.factories import (
    PASSWORD,
    REASON,
    SETUP,
    Cast,
    a_policy_text,
    a_stand_in,
    a_user,
    accept,
    approve,
    given,
    lent,
    put_live,
    record_applied,
)
from tests.proving import PROVE, count

pytestmark = pytest.mark.django_db
TWO_OFFICERS = a_policy_text(
    ("{name: risk, roles: [risk_officer], quorum: 1}", "{name: risk, roles: [risk_officer], quorum: 2}")
)
WANTED = {"validation": (Role.VALIDATOR, 1), "risk": (Role.RISK_OFFICER, 2)}
PEOPLE = st.integers(0, 10)


class Requests(RuleBasedStateMachine):
    cast: Cast
    staff: list[Any]
    lent: dict[Any, Any]  # delegate -> delegator, in force before each request
    reached = 0
    reached_by_stand_in = 0
    renewed = 0
    refused_past_a_suspension = 0

    def __init__(self) -> None:
        super().__init__()
        self.undo = ExitStack()
        self.atomic = transaction.atomic()
        self.atomic.__enter__()
        self.now = clock.now()
        self.undo.enter_context(clock.frozen(self.now))
        made = self.cast.promotion()
        self.cast.attached(made, ratio=0.97, half=0.05)
        self.promotion = made
        self.id = made.approval.pk
        self.opened = made.approval.opened_at
        self.held = {
            g.pk: (g.person_id, g.role, g.valid_from, g.system_id)
            for g in Grant.objects.filter(valid_until__isnull=True)
        }
        self.places = dict(self.lent)
        self.active = {person.pk for person in self.staff}
        self.signed: dict[str, set[Any]] = {}
        self.signers: set[Any] = set()
        self.was_approved = False
        self.old: Any = None  # what is being renewed

    def teardown(self) -> None:
        transaction.set_rollback(True)
        self.atomic.__exit__(None, None, None)
        self.undo.close()

    @property
    def approval(self) -> ApprovalRequest:
        return ApprovalRequest.objects.get(pk=self.id)

    def attempt(self, act: Any) -> bool:
        """Do what the rules may refuse; return whether they let it through."""
        try:
            with transaction.atomic():
                act()
        except DomainError:
            return False
        return True

    def may_count(self, pk: Any, stage: str, *, here: bool = True) -> bool:
        """The reference: active, with the role since before the request and still, and without a part in it."""
        role, _ = WANTED[stage]
        since = any(
            who == pk and what == role and begun <= self.opened and (system is None or not here)
            for who, what, begun, system in self.held.values()
        )
        return pk in self.active and since and pk not in {self.cast.engineer.pk, self.cast.owner.pk}

    def place(self, person: Any, stage: str) -> Any:
        """In whose place the person signs: their own, or that of one who may sign and lent it before the request."""
        if self.may_count(person.pk, stage):
            return person.pk
        delegator = self.places.get(person.pk)
        lends = delegator and self.may_count(delegator, stage) and self.now < self.opened + timedelta(days=29)
        return delegator if lends and self.may_count(person.pk, stage, here=False) else None

    @rule(who=PEOPLE, verdict=st.sampled_from(["approve", "approve", "approve", "request_changes", "reject"]))
    def decide(self, who: int, verdict: str) -> None:
        person = self.staff[who]
        stage = next((name for name, (_, n) in WANTED.items() if len(self.signed.get(name, ())) < n), None)

        def act() -> None:
            approve(self.approval, person, verdict=verdict)

        if self.attempt(act):
            assert stage is not None
            place = self.place(person, stage)
            assert place, f"{person} signed in {stage}"
            assert all(place not in places for places in self.signed.values())
            assert person.pk not in self.signers
            if verdict == "approve":
                self.signers.add(person.pk)
                self.signed.setdefault(stage, set()).add(place)

    def able(self) -> list[int]:
        """Whom the reference lets sign in the open stage."""
        signed = {place for places in self.signed.values() for place in places} | self.signers
        stage = next((name for name, (_, n) in WANTED.items() if len(self.signed.get(name, ())) < n), "risk")
        return [
            n
            for n, p in enumerate(self.staff)
            if p.pk not in signed and (place := self.place(p, stage)) and place not in signed
        ]

    @rule(steps=st.integers(1, 4))
    def go_on(self, steps: int) -> None:
        """Review and sign as one should: without this, hardly any path comes near an approval."""
        for _ in range(steps):
            for who in self.able()[:1]:
                self.review(who)
                self.decide(who, "approve")

    @rule(harm=st.sampled_from(["role ended", "role given anew", "deactivated", "place taken back"]))
    def sign_although(self, harm: str) -> None:
        """Somebody who was just able to sign tries it after what should keep them from it."""
        for who in self.able()[:1]:
            self.review(who)
            if harm == "deactivated":
                self.deactivate(who, False)
            elif harm == "place taken back":
                self.take_back(who)
            else:
                roles = [what for held, what, *_ in self.held.values() if held == self.staff[who].pk]
                self.end_roles(who)
                for role in roles if harm == "role given anew" else []:
                    self.give_role(who, role)
            self.decide(who, "approve")

    @rule()
    def begin_anew(self) -> None:
        """Changes are asked for and answered; nothing that was signed before counts any more."""
        for who in self.able()[:1]:
            self.decide(who, "request_changes")
            if self.approval.state == State.CHANGES_REQUESTED:
                self.resubmit()

    @rule(who=PEOPLE)
    def review(self, who: int) -> None:
        self.attempt(lambda: accept(self.approval, self.staff[who], check="fairness.selection-ratio-sex"))

    @rule(who=PEOPLE)
    def end_roles(self, who: int) -> None:
        # No grant ends in the moment in which it was given: it would still hold in that moment.
        self.now += timedelta(milliseconds=1)
        self.undo.enter_context(clock.frozen(self.now))
        for grant in Grant.objects.filter(person=self.staff[who], pk__in=self.held):
            grant.valid_until = self.now
            audit.append(event=Event.ROLE_REVOKED, actor=SETUP, subjects=[grant], data={"made": "by a test"})
            del self.held[grant.pk]

    @rule(who=PEOPLE, role=st.sampled_from([Role.VALIDATOR, Role.RISK_OFFICER]))
    def give_role(self, who: int, role: Role) -> None:
        person = self.staff[who]
        if (person.pk, role) not in {(held, what) for held, what, *_ in self.held.values()}:
            grant = given(person, role)
            self.held[grant.pk] = (person.pk, role, grant.valid_from, None)

    @rule(who=PEOPLE, to=PEOPLE)
    def lend_late(self, who: int, to: int) -> None:
        """What is lent after the request was made gives nothing: the reference takes no note of it."""
        self.attempt(lambda: lent(self.staff[who], self.staff[to]))

    @rule(who=PEOPLE)
    def take_back(self, who: int) -> None:
        for row in Delegation.objects.filter(delegate=self.staff[who]):
            self.attempt(lambda row=row: delegations.end_delegation(delegation_id=row.pk, by=row.delegator))
            self.places.pop(row.delegate_id, None)

    @rule(who=PEOPLE, active=st.booleans())
    def deactivate(self, who: int, active: bool) -> None:
        person = self.staff[who]
        type(person).objects.filter(pk=person.pk).update(is_active=active)
        (self.active.add if active else self.active.discard)(person.pk)

    @rule(hours=st.sampled_from([1, 24, 24 * 20, 24 * 200]))
    def wait(self, hours: int) -> None:
        self.now += timedelta(hours=hours)
        self.undo.enter_context(clock.frozen(self.now))
        services.expire_undecided()
        services.lapse_overdue()

    @rule()
    def resubmit(self) -> None:
        def act() -> None:
            promotions.resubmit(promotion_id=self.promotion.pk, requester=self.cast.engineer, reason="Answered.")

        if self.attempt(act):
            self.signed, self.signers = {}, set()
            if self.approval.state == State.COLLECTING:
                self.cast.attached(self.promotion, ratio=0.97, half=0.05)

    @rule()
    def withdraw(self) -> None:
        self.attempt(lambda: services.withdraw(request_id=self.id, requester=self.cast.engineer, reason="Not now."))

    @precondition(lambda self: self.was_approved)
    @rule(who=PEOPLE, how=st.sampled_from(["suspend", "lift", "revoke"]))
    def afterwards(self, who: int, how: str) -> None:
        signer = self.staff[who]
        words = {"request_id": self.id, "signer": signer, "rationale": REASON, "password": PASSWORD}
        acts = {
            "suspend": lambda: services.suspend(request_id=self.id, reason="Drift.", actor=SETUP),
            "lift": lambda: lifting.lift_suspension(**words),
            "revoke": lambda: signing.revoke_approval(**words),
        }
        self.attempt(acts[how])

    @rule(who=PEOPLE)
    def comment(self, who: int) -> None:
        """Whoever reads it may comment, and nothing that counts moves by it."""
        person, before = self.staff[who], self.looked_at()
        reads = person.pk in self.active and any(pk == person.pk and not of for pk, _, _, of in self.held.values())
        said = self.attempt(
            lambda: comments.write_comment(request_id=self.id, author=person, text="What of the holidays?")
        )
        assert said or not reads
        assert self.looked_at() == before

    def looked_at(self) -> Any:
        row = ApprovalRequest.objects.filter(pk=self.id).values().get()
        return row, sorted(self.approval.decisions.values_list("pk", flat=True))

    @precondition(lambda self: self.was_approved and self.old is None)
    @rule(then=st.sampled_from(["go on", "wait", "suspend", "revoke"]))
    def renew(self, then: str) -> None:
        """Put what was approved live, and ask for its renewal near its end; from then on that is the request here."""
        old = self.approval
        if old.state != State.APPROVED:
            return
        if self.promotion.state != PromotionRequest.State.APPLIED:
            put_live(self.cast, self.promotion)
        self.now = max(self.now, old.valid_until - timedelta(days=20))
        self.undo.enter_context(clock.frozen(self.now))
        made: list[Any] = []
        asker = self.cast.engineer
        if not self.attempt(
            lambda: made.extend(renewals.request_renewal(promotion_id=self.promotion.pk, requester=asker)[:1])
        ):
            return
        self.old, self.promotion, self.id = old, made[0], made[0].approval_id
        self.opened, self.was_approved = self.approval.opened_at, False
        self.signed, self.signers, self.places = {}, set(), {}  # what was lent for a month is over
        self.cast.attached(self.promotion, ratio=0.97, half=0.05)
        if then in {"suspend", "revoke"}:
            self.harm_what_is_renewed(then)
        if then != "wait":
            self.go_on(4)

    @precondition(lambda self: self.old is not None)
    @rule(how=st.sampled_from(["suspend", "revoke", "lapse"]))
    def harm_what_is_renewed(self, how: str) -> None:
        def act() -> None:
            if how == "lapse":
                services.lapse_overdue()
            else:
                getattr(services, how)(request_id=self.old.pk, reason="Drift.", actor=SETUP)

        if self.attempt(act) and how != "lapse" and not self.was_approved:
            self.go_on(4)
            Requests.refused_past_a_suspension += self.approval.state == State.IN_REVIEW

    @precondition(lambda self: self.old is not None and self.was_approved)
    @rule()
    def take_its_place(self) -> None:
        self.attempt(lambda: record_applied(self.promotion.pk))

    @invariant()
    def what_is_renewed_keeps_its_force_until_then(self) -> None:
        """One of the two is in force at any time, and nothing renews what has lost its force."""
        if self.old is None:
            return
        state, mine = ApprovalRequest.objects.get(pk=self.old.pk).state, self.approval.state
        if state == State.RENEWED:
            assert self.was_approved
            assert mine in {State.APPROVED, State.SUSPENDED, State.REVOKED, State.LAPSED}
        live = AliasHistory.objects.get(during__endswith__isnull=True, alias="champion", model=self.cast.model)
        assert live.promotion_id == self.promotion.pk or state != State.RENEWED

    @invariant()
    def approved_only_by_a_quorum(self) -> None:
        state = self.approval.state
        if state == State.APPROVED and not self.was_approved:
            self.was_approved = True
            if self.old is not None:
                assert ApprovalRequest.objects.get(pk=self.old.pk).state in {State.APPROVED, State.LAPSED}
                Requests.renewed += 1
            Requests.reached += 1
            Requests.reached_by_stand_in += bool(self.signers & self.lent.keys())
            for stage, (_, quorum) in WANTED.items():
                assert len(self.signed.get(stage, ())) >= quorum, f"{stage}: {self.signed}"

    @invariant()
    def index_says_what_the_rows_say(self) -> None:
        """Whatever happened: the badge and the lists find the request exactly as the slow reading does."""
        self.looks = getattr(self, "looks", 0) + 1
        assert_index_holds(self.id, self.staff[self.looks % len(self.staff)])


@pytest.mark.slow
def test_no_path_reaches_approved_without_its_quorum(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Requests.cast = Cast(TWO_OFFICERS)
    stand_ins = [a_stand_in(Role.RISK_OFFICER), a_stand_in(Role.VALIDATOR), a_stand_in(Role.RISK_OFFICER)]
    people = [
        stand_ins[0],
        cast.validator,
        cast.officer,
        a_user(Role.RISK_OFFICER),
        a_user(Role.RISK_OFFICER),
        a_user(Role.VALIDATOR),
    ]
    Requests.staff = [*people, *stand_ins[1:], cast.engineer, cast.owner, a_user()]
    for part in (cast.engineer, cast.owner):  # with the right roles, and kept from signing all the same
        given(part, Role.VALIDATOR)
        given(part, Role.RISK_OFFICER)
    pairs = zip(stand_ins, [cast.officer, cast.validator, cast.owner], strict=True)
    Requests.lent = {row.delegate_id: row.delegator_id for row in (lent(of, to) for to, of in pairs)}
    run_state_machine_as_test(
        Requests,
        settings=hypothesis_settings(
            max_examples=count(1000, 20),
            stateful_step_count=25,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much, HealthCheck.data_too_large],
        ),
    )
    assert Requests.reached, "no example was approved, so nothing was shown"
    if PROVE:  # twenty examples may well end before one of these, which take many steps
        assert Requests.renewed, "no renewal was approved"
        assert Requests.refused_past_a_suspension, "nobody tried to renew what had lost its force"
        assert Requests.reached_by_stand_in, "no stand-in signed for what was approved"
