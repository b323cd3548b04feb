"""The risk file in a document: what its authors declared, who accepted what remains, and where the log says so."""

import uuid
from datetime import date

from governance.accounts.roles import Role
from governance.audit import selectors as log
from governance.evidence.models import Evidence
from governance.inventory import risks
from reports.documents.building import build
from reports.facts import Facts
from tests.factories import a_system, a_user
from tests.reports.factories import Bank


def a_risk_file(system, author, officer):
    base = {"kind": "rights", "likelihood": 4, "severity": 3, "review_on": date(2999, 1, 1)}
    base |= {"hazard": "Few young applicants in the data.", "affected": "Applicants under 25"}
    done = {"measures": "A person reads every refusal.", "tests": "Backtest", "residual_likelihood": 2}
    done |= {"residual_severity": 1}
    first = risks.open_risk(ai_system=system, by=author, title="Refused for their age", **base, **done)
    risks.accept_risk(risk_id=first.pk, by=officer, reason="What is left is watched each week.")
    risks.open_risk(ai_system=system, by=author, title="Not yet treated", **base)


def test_the_snapshot_has_each_risk_with_roles_digest_and_entry(db):
    system = a_system()
    a_risk_file(system, a_user(Role.ENGINEER), a_user(Role.RISK_OFFICER))
    accepted, open_ = Facts(system).snapshot(uuid.uuid4(), {}, "risk-file")["risks"]
    assert (accepted["number"], accepted["role"], accepted["accepted_by_role"]) == (1, "engineer", "risk_officer")
    assert (accepted["likelihood"], accepted["severity"], accepted["residual_severity"]) == (4, 3, 1)
    assert (open_["state"], open_["measures"], open_["accepted_by_role"], open_["accepted_at"]) == (
        "open",
        None,
        None,
        None,
    )
    newest = list(log.entries_naming("inventory_risk", [uuid.UUID(accepted["id"])]))[-1]
    assert newest.parsed["event"] == "risk.accepted"
    assert accepted["digest"] == newest.parsed["subjects"][0]["after"]


def test_the_document_prints_what_was_declared_under_its_points(db):
    system = a_system()
    a_risk_file(system, a_user(Role.ENGINEER), a_user(Role.RISK_OFFICER))
    content = build(Facts(system).snapshot(uuid.uuid4(), {}, "risk-file"))
    said = {section.point: section.paragraphs for section in content.sections}
    identified = said["Art 9.2.a"][0]
    assert (identified.state, identified.declared_by.role) == ("declared", "engineer")
    assert [row[0].text for row in identified.blocks[0].rows] == ["R-1 Refused for their age", "R-2 Not yet treated"]
    (residual,) = (p for p in said["Art 9.5"] if p.blocks)
    assert [cell.text for cell in residual.blocks[0].rows[0]][1:5] == ["2", "1", "accepted", "risk officer"]
    assert len(residual.blocks[0].rows) == 1


def test_evidence_that_the_tests_name_is_printed_as_measured_and_cited(db, settings, tmp_path):
    settings.STORAGE_ROOT = tmp_path / "storage"
    cast = Bank()
    made = cast.reviewed()
    shown = Evidence.objects.get(subject_id=made.version_id, type="robustness/v1")
    a_risk_file(cast.system, cast.system.owner, cast.officer)
    first, _second = risks.risks_of(cast.system)
    risks.change_risk(risk_id=first.pk, by=cast.system.owner, evidence=[shown.pk])
    snapshot = Facts(cast.system).snapshot(uuid.uuid4(), {}, "risk-file")
    (named,) = snapshot["risks"][0]["evidence"]
    assert (named["id"], named["payload_digest"]) == (str(shown.pk), shown.payload_digest)
    assert snapshot["risks"][1]["evidence"] == []
    said = {section.point: section.paragraphs for section in build(snapshot).sections}
    (tested,) = (p for p in said["Art 9.6"] if p.text == "What shows the tests of the measures.")
    assert tested.state == "measured"
    (line,) = tested.blocks[0].rows
    about = [f"R-{first.number} {first.title}", "robustness/v1", made.version.subject_name]
    assert [cell.text for cell in line][:3] == about
    assert [(source.id, source.digest) for source in tested.sources] == [(str(shown.pk), shown.payload_digest)]
    risks.change_risk(risk_id=first.pk, by=cast.system.owner, evidence=[])
    said = {s.point: s.paragraphs for s in build(Facts(cast.system).snapshot(uuid.uuid4(), {}, "risk-file")).sections}
    assert not [p for p in said["Art 9.6"] if p.text == "What shows the tests of the measures."]


def test_an_empty_file_is_a_gap_with_an_owner(db):
    content = build(Facts(a_system()).snapshot(uuid.uuid4(), {}, "risk-file"))
    (section,) = (section for section in content.sections if section.point == "Art 9.2.a")
    assert [(p.state, p.owner, p.text) for p in section.paragraphs] == [
        ("missing", "owner", "No risk is on record.")  # nobody is risk officer of the system
    ]
