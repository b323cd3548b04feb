"""What a version is built on: who says so, that there is no ring, what is shown of it, who is told of its trouble."""

from __future__ import annotations

from itertools import pairwise

import pytest
from django.db import IntegrityError, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange

from governance.accounts.roles import Role
from governance.approvals import services as approvals
from governance.approvals.findings import open_finding
from governance.approvals.models import Finding
from governance.audit.actors import System
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput, Unknown
from registry import bases, mlflow
from registry.errors import BaseStated, BuildsOnItself, UnknownModel
from registry.mirror import mirror_version
from registry.models import AliasHistory, BuildsOn
from registry.reviewing.outside_pages import bases_shown
from tests.factories import a_model, a_system, a_user, a_version, fresh, given, mirrored
from tests.outside import LLM, a_recorded_version, recorded
from tests.papers import reviewed, submitted
from tests.registry.test_applying import at_once
from tests.registry.test_outside_mlflow import bodies


@pytest.fixture
def stored(settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path


@pytest.fixture
def base(cast, stored):
    return a_recorded_version(cast.system, cast.owner, **LLM)


def says(person, upper, lower, kind="base_model"):
    return bases.state_base(
        model=str(upper.model),
        version=upper.number,
        base_model=str(lower.model),
        base_version=lower.number,
        kind=kind,
        person=person,
    )


def test_an_engineer_says_it_once_and_the_log_has_it(cast, base):
    upper = a_version(cast.model)
    with pytest.raises(Forbidden):
        says(cast.validator, upper, base)
    word = says(cast.engineer, upper, base)
    with pytest.raises(BaseStated):
        says(cast.owner, upper, base, kind="component")
    with pytest.raises(InvalidInput):
        says(cast.engineer, upper, a_version(cast.model, number=2), kind="idea")
    entry = next(body["data"] for body in bodies() if body["event"] == Event.BASE_STATED)
    assert (entry["base_model"], entry["base_digest"]) == ("outside_mlflow:base-llm", base.artifact_digest)
    assert [row.base for row in bases.below(upper)] == [base]
    assert bases.above([base]) == [word]


def test_what_was_wrong_is_withdrawn_and_can_be_said_again(cast, base):
    upper = a_version(cast.model)
    word = says(cast.engineer, upper, base)
    with pytest.raises(Forbidden):
        bases.withdraw_base(word_id=word.pk, person=cast.validator)
    stranger = a_user()
    with pytest.raises(Unknown):
        bases.withdraw_base(word_id=word.pk, person=stranger)
    bases.withdraw_base(word_id=word.pk, person=cast.engineer)
    with pytest.raises(BaseStated):
        bases.withdraw_base(word_id=word.pk, person=cast.engineer)
    assert bases.below(upper) == []
    assert says(cast.engineer, upper, base).pk != word.pk


def test_nothing_builds_on_itself_also_not_by_way_of_others(cast, base):
    middle, top = a_version(cast.model), a_version(cast.model, number=2)
    says(cast.engineer, middle, base)
    says(cast.engineer, top, middle)
    assert [(row.base, row.depth) for row in bases.below(top)] == [(middle, 1), (base, 2)]
    for upper, lower in ((base, top), (middle, top), (top, top)):
        with pytest.raises(BuildsOnItself):
            says(cast.owner, upper, lower)


def test_a_base_out_of_reach_can_not_be_named_and_one_that_is_there_says_only_its_name(cast, base, mlflow_address):
    other = a_system(owner=a_user(Role.OWNER), name="Another system")
    theirs = a_version(a_model(other))
    mine = a_user()
    given(mine, Role.ENGINEER, system_id=cast.system.pk)
    upper = a_version(cast.model)
    with pytest.raises(UnknownModel):
        says(mine, upper, theirs)
    says(cast.engineer, upper, theirs)
    open_finding(
        system=other, code="manual", title="It leaks", severity="critical", source="review", actor=System("test")
    )
    row = bases_shown(cast.model, mine)["rows"][0]
    assert (row["name"], row["covered"], row["findings"], row["url"]) == (str(theirs), False, [], "")
    row = bases_shown(cast.model, cast.engineer)["rows"][0]
    assert (row["covered"], row["findings"]) == (True, ["It leaks (critical)"])


def test_evidence_of_a_base_is_shown_as_inherited_and_counts_for_nothing(cast, base):
    made = cast.promotion(number=1)
    says(cast.engineer, made.version, base)
    reviewed(submitted(base, cast.owner), a_user(Role.VALIDATOR))
    row = bases_shown(cast.model, cast.engineer)["rows"][0]
    assert [(item["type"], item["origin"]) for item in row["evidence"]] == [("submitted_document/v1", "Submitted")]
    assert fresh(made).approval.evidence_ids == []
    assert fresh(made).approval.state == "collecting"


def test_whose_live_version_builds_on_it_is_told_when_its_approval_loses_its_force(cast):
    below = cast.live(number=1)
    upper_system = a_system(owner=a_user(Role.OWNER), name="Upper")
    upper = a_version(a_model(upper_system))
    idle = a_version(a_model(upper_system))
    for version in (upper, idle):
        says(upper_system.owner, version, below.version)
    in_use(upper)
    approvals.suspend(request_id=below.approval_id, actor=System("test"), reason="Drift.")
    told = Finding.objects.get(code="base-trouble")
    assert (told.system, told.owner, told.severity) == (upper_system, upper_system.owner, "high")
    assert told.title == f"{upper} builds on {below.version}, whose approval is suspended"


def test_whose_live_version_builds_on_it_is_told_of_a_new_version(cast, base):
    upper = a_version(cast.model)
    says(cast.engineer, upper, base)
    assert recorded(cast.system, cast.owner, **LLM | {"version": "2026-11-01"}).number == 2
    assert not Finding.objects.filter(code="base-new-version").exists(), "it is not in use"
    in_use(upper)
    recorded(cast.system, cast.owner, **LLM | {"version": "2026-12-01"})
    told = Finding.objects.get(code="base-new-version")
    assert (told.title, told.severity) == (f"{upper} builds on {base}, and {base.model} v3 is there", "low")


def test_a_new_version_in_mlflow_is_told_of_too(cast, tracking):
    lower_model = a_model(cast.system)
    lower, upper = a_version(lower_model), a_version(cast.model)
    says(cast.engineer, upper, lower)
    in_use(upper)
    tracking.add(lower_model.name, 2)
    with mlflow.Client() as client:
        mirror_version(client, lower_model, client.version(lower_model.name, 2))
        mirror_version(client, lower_model, client.version(lower_model.name, 2), lower_model.versions.get(number=2))
    assert Finding.objects.filter(code="base-new-version").count() == 1


def test_the_database_refuses_a_version_below_itself_and_a_word_twice(cast, base):
    upper = a_version(cast.model)
    word = says(cast.engineer, upper, base)
    fields = {"kind": "component", "stated_by": cast.engineer, "stated_at": clock.now()}
    for row in (
        BuildsOn(version=upper, base=upper, **fields),
        BuildsOn(version=upper, base=base, **fields),
        BuildsOn(version=base, base=upper, withdrawn_at=clock.now(), **fields),
    ):
        with pytest.raises(IntegrityError), transaction.atomic():
            mirrored(Event.BASE_STATED, row)
    assert list(BuildsOn.objects.all()) == [word]


def in_use(version):
    """Put a version behind an alias, as if it served."""
    during = DateTimeTZRange(clock.now(), None, "[)")
    span = AliasHistory(model=version.model, alias="champion", version=version, during=during)
    return mirrored(Event.PROMOTION_APPLIED, span)


def test_no_ring_is_built_from_its_parts_however_many_and_at_once(committed_cast):
    cast = committed_cast
    one, two, three, four = (a_version(cast.model, number=number) for number in (1, 2, 3, 4))
    says(cast.engineer, two, three)
    says(cast.engineer, four, one)
    said = at_once(lambda: says(cast.engineer, one, two), lambda: says(cast.engineer, three, four))
    assert sorted(type(result).__name__ for result in said) == ["BuildsOn", "BuildsOnItself"]


def test_a_long_chain_is_shown_to_its_end_and_no_ring(cast):
    versions = [a_version(cast.model, number=number) for number in range(1, 10)]
    for lower, upper in pairwise(versions):
        says(cast.engineer, upper, lower)
    assert [row.depth for row in bases.below(versions[-1])] == list(range(1, 9))
    with pytest.raises(BuildsOnItself):
        says(cast.engineer, versions[0], versions[-1])


def test_who_builds_on_it_by_way_of_what_is_not_in_use_is_told_too(cast):
    below = cast.live(number=1)
    upper_system = a_system(owner=a_user(Role.OWNER), name="Upper")
    middle, top = a_version(a_model(upper_system)), a_version(a_model(upper_system))
    says(upper_system.owner, middle, below.version)
    says(upper_system.owner, top, middle)
    in_use(top)
    approvals.suspend(request_id=below.approval_id, actor=System("test"), reason="Drift.")
    assert [row.title for row in Finding.objects.filter(code="base-trouble")] == [
        f"{top} builds on {below.version}, whose approval is suspended"
    ]


def test_a_page_with_many_bases_asks_the_database_no_more(cast, base, django_assert_max_num_queries):
    first = a_version(cast.model)
    says(cast.engineer, first, base)
    bases_shown(cast.model, cast.engineer)
    with django_assert_max_num_queries(50) as one:
        bases_shown(cast.model, cast.engineer)
    for number in range(2, 6):
        says(cast.engineer, a_version(cast.model, number=number), base)
    with django_assert_max_num_queries(len(one.captured_queries)):
        bases_shown(cast.model, cast.engineer)
