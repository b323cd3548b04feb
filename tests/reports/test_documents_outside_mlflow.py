"""A document says who supplies a version that no MLflow holds, what one is built on, and that nothing is enforced."""

from __future__ import annotations

import uuid

import pytest

from governance.accounts.roles import Role
from governance.approvals.findings import open_finding
from governance.policy import shipped
from registry import bases, promotions
from reports.documents.building import build
from reports.facts import Facts
from tests.factories import Cast, a_system, a_user, a_version, approve, fresh
from tests.outside import LLM, a_recorded_version, recorded
from tests.papers import reviewed, submitted
from tests.registry.test_outside_mlflow import approved, stated
from tests.reports.test_reports_facts import snapshot_of
from tests.validation.working import signed as validated


@pytest.fixture
def cast(db, settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path
    return Cast(shipped.text("outside-mlflow"))


def at(snapshot, number):
    return next(part for part in build(snapshot).sections if part.number == number).paragraphs


def test_the_documentation_names_the_supplier_and_says_that_its_use_is_what_people_stated(cast):
    made = a_recorded_version(cast.system, cast.owner, **LLM)
    stated(cast, approved(cast, made))
    snapshot = snapshot_of(cast.system)
    assert (snapshot["model"]["origin"], snapshot["model"]["source"]) == ("recorded", None)
    assert snapshot["model"]["recorded"]["supplier"] == "A supplier"
    assert snapshot["gate"]["kind"] == "not-enforced"
    assert snapshot["permit"] is None
    said = str(build(snapshot))
    for words in (
        "Versions in production. Not enforced: no MLflow holds the model",
        "identified by the digest of what was recorded of it.",
        "A language model",
        "No serving permit binds the bytes of the model.",
    ):
        assert words in said, words
    supplied = [one for one in at(snapshot, "2(a)") if "supplied and recorded by people" in one.text]
    assert [(one.state, one.sources[0].digest) for one in supplied] == [("measured", made.artifact_digest)]


def test_what_a_version_is_built_on_is_measured_from_the_words_that_were_said(cast):
    base = a_recorded_version(cast.system, cast.owner, **LLM)
    embedding = recorded(cast.system, cast.owner, **LLM | {"name": "embedding", "product": "An embedding"})
    upper = a_version(cast.model, number=1)
    snapshot = snapshot_of(cast.system)
    assert (snapshot["model"]["builds_on"], snapshot["model"]["origin"]) == ([], "mlflow")
    for lower, below, kind in ((upper, base, "base_model"), (base, embedding, "embedding")):
        bases.state_base(
            model=str(lower.model),
            version=1,
            base_model=str(below.model),
            base_version=1,
            kind=kind,
            person=cast.owner,
        )
    snapshot = snapshot_of(cast.system)
    assert [(row["name"], row["depth"]) for row in snapshot["model"]["builds_on"]] == [
        ("outside_mlflow:base-llm", 1),
        ("outside_mlflow:embedding", 2),
    ]
    (built,) = [one for one in at(snapshot, "2(a)") if "built on these parts" in one.text]
    assert built.state == "measured"
    assert [source.digest for source in built.sources] == [base.artifact_digest, embedding.artifact_digest]
    assert "A supplier An embedding 2026-10-01" in str(built.blocks)
    assert "gate" not in snapshot


def test_what_is_open_against_a_base_and_its_restrictions_stand_with_what_builds_on_it(cast):
    other = a_system(owner=cast.owner, name="Language models")
    base = a_recorded_version(other, cast.owner, **LLM)
    upper = a_version(cast.model, number=1)
    bases.state_base(
        model=str(upper.model), version=1, base_model=str(base.model), base_version=1, kind="base_model",
        person=cast.owner,
    )  # fmt: skip

    def known(kind="annex-iv", number="2(a)"):
        content = build(Facts(cast.system).snapshot(uuid.uuid4(), {}, kind))
        part = next(part for part in content.sections if part.number == number)
        (said,) = [one for one in part.paragraphs if "open against the parts below" in one.text]
        (table,) = said.blocks
        return said, [cell.text for cell in table.rows[0]][1:]

    assert known()[1] == ["none in force", "none", "none recorded"]
    made = open_finding(
        system=other, code="raised", title="Answers in the wrong language", severity="high", source="audit",
        actor=cast.owner,
    )  # fmt: skip
    open_finding(
        system=cast.system, code="raised", title="Of the system itself", severity="low", source="audit",
        actor=cast.owner,
    )  # fmt: skip
    asked, _ = promotions.request_promotion(
        model=str(base.model), version=1, alias="in-use", requester=cast.engineer,
        use_restrictions=["no answers to minors"],
    )  # fmt: skip
    for subject, kind in ((base, "supplier_documents"), (other, "dpia")):
        reviewed(submitted(subject, cast.owner, kind=kind), a_user(Role.VALIDATOR))
    validated(fresh(asked).approval, cast.validator)
    for person in (cast.validator, cast.officer):
        approve(asked.approval, person)
    for kind, number in (("annex-iv", "2(a)"), ("instructions", "3(b)(iii)")):
        said, (state, findings, restrictions) = known(kind, number)
        assert (state, restrictions) == ("approved", "no answers to minors")
        assert findings == f"high, due {made.due_on.isoformat()}, no log entry"
        assert str(made.pk) in {source.id for source in said.sources}
        assert "wrong language" not in str(said), "the other system can be out of the reader's reach"
