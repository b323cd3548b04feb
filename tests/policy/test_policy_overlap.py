"""Publication: one policy governs a system's alias, and another hand than the author's puts it in force."""

from __future__ import annotations

import threading

import pytest
from django.db import IntegrityError, connection, transaction

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.audit import services as audit
from governance.audit.events import Event
from governance.common import clock
from governance.policy import selectors, services, shipped
from governance.policy.document import parse
from governance.policy.errors import PolicyOverlaps
from governance.policy.models import PolicyVersion
from tests.factories import SETUP, a_policy, a_policy_text, a_system, a_user

NAME = "policy: credit-high-risk"


def other(name: str, *changes: tuple[str, str]) -> str:
    return a_policy_text((NAME, f"policy: {name}"), *changes)


def test_a_policy_takes_over_only_if_it_says_so(db):
    system, first = a_system(), a_policy()
    with pytest.raises(
        PolicyOverlaps, match=r"applies_to, line 10: credit-high-risk v1 governs .* `supersedes: \[credit-"
    ):
        a_policy(other("a-first-by-name"))
    assert selectors.governing(system, "champion") == first
    taking = other("z-last-by-name", ("policy: z-last", "supersedes: [credit-high-risk]\npolicy: z-last"))
    second = a_policy(taking)
    assert selectors.governing(system, "champion") == second
    with pytest.raises(PolicyOverlaps, match="z-last-by-name v1"):
        a_policy(a_policy_text(("title: Credit", "title: New credit")))
    back = a_policy(a_policy_text((NAME, f"{NAME}\nsupersedes: [z-last-by-name]")))
    assert selectors.governing(system, "champion") == back


@pytest.mark.parametrize(
    ("old", "new", "overlaps"),
    [
        ("ai_act_class: high", "ai_act_class: [minimal, limited]", False),
        ("ai_act_class: high", "ai_act_class: [minimal, high]", True),
        ("model_tier: [1, 2]", "model_tier: [3]", False),
        ("model_tier: [1, 2]", "model_tier: [2, 3]", True),
        (", model_tier: [1, 2]", "", True),
        ("targets: [champion, canary]", "targets: [shadow]", False),
        ("targets: [champion, canary]", "targets: [Champion]", True),
    ],
)
def test_policies_overlap_by_class_tier_and_target(old, new, overlaps):
    one, two = parse(a_policy_text()), parse(other("other", (old, new)))
    assert one.overlaps(two) is two.overlaps(one) is overlaps


def test_the_shipped_policies_stand_side_by_side(db):
    assert {a_policy(shipped.text(name)).name for name in shipped.names()} == set(shipped.names())


@pytest.mark.django_db(transaction=True)
def test_of_two_publications_at_once_one_is_refused():
    author, publisher = a_user(Role.POLICY_AUTHOR), a_user(Role.POLICY_PUBLISHER)
    for role in (Role.VALIDATOR, Role.RISK_OFFICER):
        a_user(role)
    drafts = [services.draft_policy(text=other(name), author=author) for name in ("one", "two")]
    refused: list[Exception] = []
    together = threading.Barrier(2)

    def publish(version: PolicyVersion) -> None:
        together.wait()
        try:
            services.publish_policy(version_id=version.pk, publisher=publisher)
        except PolicyOverlaps as error:
            refused.append(error)
        finally:
            connection.close()

    threads = [threading.Thread(target=publish, args=[version]) for version in drafts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(refused), len(selectors.in_force())) == (1, 1)


def drafted_by(author: User) -> PolicyVersion:
    text = shipped.text("minimal-risk")
    document = parse(text)
    version = PolicyVersion(
        name=document.name, number=1, text=text, digest=document.digest, author=author, made_at=clock.now()
    )
    with transaction.atomic():
        audit.append(event=Event.POLICY_DRAFTED, actor=SETUP, subjects=[version], data={"made": "by a test"})
    return version


def test_the_sponsor_of_the_author_does_not_publish(db, client):
    sponsor = a_user(Role.POLICY_PUBLISHER)
    version = drafted_by(a_user(sponsor=sponsor))
    with pytest.raises(services.OwnPolicy, match="or a service account of theirs did"):
        services.publish_policy(version_id=version.pk, publisher=sponsor)
    assert services.publish_policy(version_id=version.pk, publisher=a_user(Role.POLICY_PUBLISHER)).published_at


def test_a_service_account_does_not_publish_what_its_sponsor_wrote(db):
    author = a_user(Role.POLICY_AUTHOR)
    version = drafted_by(author)
    with pytest.raises(services.OwnPolicy):
        services.publish_policy(version_id=version.pk, publisher=a_user(sponsor=author))


def test_the_database_refuses_the_sponsor_as_well(db):
    sponsor = a_user(Role.POLICY_PUBLISHER)
    version = drafted_by(a_user(sponsor=sponsor))
    with (
        pytest.raises(IntegrityError, match="by the hand that wrote it"),
        transaction.atomic(),
        connection.cursor() as c,
    ):
        c.execute(
            "UPDATE policy_policyversion SET publisher_id = %s, published_at = now() WHERE id = %s",
            [sponsor.pk, version.pk],
        )
