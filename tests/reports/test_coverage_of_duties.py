"""Controls by evidence: what is held under each duty or control, what is stale or missing, and articles by system."""

import csv
import io
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.accounts import recertification
from governance.accounts.roles import Role
from governance.common import clock
from governance.inventory import declaring
from governance.inventory import services as inventory
from governance.inventory.law import as_classified
from governance.regulation import record
from governance.regulation.classified import from_record
from governance.regulation.crosswalk import crosswalk, framework
from governance.regulation.dates import standing
from governance.regulation.register import load
from reports import holdings, services
from reports.coverage import (
    COLUMNS,
    Held,
    Holdings,
    asked_by_control,
    asked_by_point,
    by_group,
    counts,
    lines_of_controls,
    lines_of_duties,
)
from reports.models import Document
from tests.factories import a_user, given
from tests.papers import reviewed, submitted
from tests.reports.factories import Bank, a_declared_system, a_proposal, notarise, ready_to_declare, watch

OLD, NEW = datetime(2026, 10, 1, tzinfo=UTC), datetime(2026, 11, 1, tzinfo=UTC)
PROVIDER = from_record(
    ai_act_class="high", annex_points=["Annex III.5.b"], trace=[], law_version="v", roles=["provider", "deployer"]
)
NOTHING = Holdings()
DUTIES = standing(PROVIDER, load(), on=date(2030, 1, 1)).duties


def asked(point):
    return asked_by_point(point, crosswalk(), record.load())


def lines(held=NOTHING, duties=DUTIES):
    return {line.id: line for line in lines_of_duties(duties, asked, held)}


def cell(point, column, **held):
    return lines(Holdings(**held))[point].cells[column]


# The pure part


def test_a_cell_is_missing_in_part_held_or_stale():
    both = {"performance/v1": Held(2, OLD), "calibration/v1": Held(1, NEW), "robustness/v1": Held(1, OLD)}
    missing = cell("Art 15.1", "evidence")
    assert (missing.state, missing.absent) == ("missing", ("performance/v1", "calibration/v1", "robustness/v1"))
    part = cell("Art 15.1", "evidence", evidence={"performance/v1": Held(2, OLD)})
    assert (part.state, part.held, part.asked, part.count, part.newest) == ("part", 1, 3, 2, OLD)
    assert part.absent == ("calibration/v1", "robustness/v1")
    whole = cell("Art 15.1", "evidence", evidence=both)
    assert (whole.state, whole.count, whole.newest) == ("held", 4, NEW)
    old = cell("Art 15.1", "evidence", evidence=both | {"robustness/v1": Held(1, OLD, stale=True)})
    assert old.state == "stale"


def test_each_column_is_filled_from_what_serves_the_point():
    tested = asked("Art 9.8")
    assert "performance/v1" in tested.evidence
    assert "approval.decided" in tested.decided
    assert tested.risks
    assert tested.kinds == ("risk-file",)
    watched = asked("Art 72.2")
    assert watched.monitoring
    assert watched.questions == ("interaction-in-use",)
    assert watched.kinds == ("art-72-plan",)
    assert asked("Art 11.1").kinds == ("annex-iv",)
    assert asked("Art 47.1").kinds == ("annex-v",)
    assert asked("Art 73.1").kinds == (), "a report is made once there is an incident"


def test_any_decision_of_those_that_show_it_fills_the_cell():
    held = cell("Art 9.8", "decisions", events={"approval.decided": Held(3, NEW), "criteria.signed": Held(1, OLD)})
    assert (held.state, held.count, held.newest) == ("held", 4, NEW)
    missing = cell("Art 9.8", "decisions", events={"alert.opened": Held(3, NEW)})
    assert missing.state == "missing"
    assert "approval.decided" in missing.absent


def test_answers_risks_monitoring_and_documents_have_their_own_columns():
    assert cell("Art 72.2", "answers", answers={"interaction-in-use": Held(1, NEW)}).state == "held"
    assert cell("Art 9.1", "risks", risks=Held(4, NEW)).state == "held"
    assert cell("Art 9.1", "risks", risks=Held(4, NEW, stale=True)).state == "stale"
    assert cell("Art 9.1", "risks").state == "missing"
    assert cell("Art 72.2", "monitoring", monitoring=Held(1, NEW)).state == "held"
    assert cell("Art 11.1", "documents", documents={"annex-iv": Held(1, OLD, stale=True)}).state == "stale"
    assert cell("Art 11.1", "risks").state == "not_asked"


def test_a_line_is_as_whole_as_its_cells_and_what_is_to_be_confirmed_is_never_filled():
    everything = Holdings(
        evidence={name: Held(1, NEW) for name in ("performance/v1", "calibration/v1", "robustness/v1")},
        events={event: Held(1, NEW) for row in crosswalk().rows for event in row.holds.log},
        documents={"instructions": Held(1, NEW)},
    )
    assert lines(everything)["Art 15.1"].whole == "held"
    assert lines(Holdings(events=everything.events))["Art 15.1"].whole == "part"
    assert lines()["Art 15.1"].whole == "missing"
    whole = {line.whole for line in lines(everything).values()}
    assert "unserved" in whole
    tested = next(duty for duty in DUTIES if duty.point.id == "Art 15.1")
    waiting = replace(tested, point=replace(tested.point, to_be_confirmed=True))
    (line,) = lines(everything, [waiting]).values()
    assert line.whole == "to_be_confirmed"
    assert {cell.state for cell in line.cells.values()} == {"not_asked"}


def test_every_duty_has_a_line_with_a_cell_in_each_column():
    found = lines()
    assert list(found) == [duty.point.id for duty in DUTIES]
    assert all(tuple(line.cells) == COLUMNS for line in found.values())
    assert sum(counts(found.values()).values()) == len(DUTIES)


def test_the_share_of_an_article_counts_only_what_can_be_served():
    shares = by_group(lines(Holdings(risks=Held(4, NEW))).values())
    art_9 = shares["Art 9"]
    assert art_9.points >= art_9.served == art_9.held > art_9.whole
    assert by_group(lines().values())["Art 9"].held == 0
    assert all(share.whole <= share.held <= share.served <= share.points for share in shares.values())


@pytest.mark.parametrize("name", ["iso-42001", "nist-ai-rmf", "sr-11-7", "gdpr-22"])
def test_a_control_claims_what_its_rows_say_and_nothing_beyond(name):
    controls = crosswalk().for_framework(framework(name))
    found = lines_of_controls(controls, record.load(), Holdings(risks=Held(1, NEW)))
    assert [line.id for line in found] == [item.control.id for item in controls]
    for line, item in zip(found, controls, strict=True):
        assert line.cells["risks"].state == "not_asked"
        if not item.rows:
            assert line.whole == "unserved"
        claimed = asked_by_control(item.rows, record.load())
        named = {kind for row in item.rows for kind in row.holds.evidence} - {"document/v1"}
        assert set(claimed.evidence) == named


# What is held, from the database


@pytest.fixture
def bank(db, settings, tmp_path, monkeypatch) -> Bank:
    settings.STORAGE_ROOT = tmp_path / "storage"
    monkeypatch.setattr(services, "render", lambda content, snapshot, said: b"%PDF-1.7 quickly made")
    monkeypatch.setattr(services, "libraries", lambda: {"weasyprint": "70.0"})
    return Bank()


def held_by(bank: Bank) -> Holdings:
    return holdings.holdings_of([bank.system.pk])[bank.system.pk]


def build(bank: Bank, kind: str = "annex-iv") -> Document:
    job = services.request_document(kind=kind, ai_system=bank.system, requester=bank.owner)
    made = services.build_document(job.pk).document
    assert made
    return made


def test_evidence_is_held_for_the_version_in_use_and_stale_for_an_earlier_one(bank):
    bank.live()
    assert held_by(bank).evidence["performance/v1"].count == 1
    assert not held_by(bank).evidence["performance/v1"].stale
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    assert holdings.holdings_of([other.pk])[other.pk].evidence == {}


def test_evidence_of_a_version_that_was_replaced_is_stale(bank):
    bank.reviewed()
    assert not held_by(bank).evidence["performance/v1"].stale
    bank.promotion(number=2)
    assert held_by(bank).evidence["performance/v1"].stale
    assert held_by(bank).evidence["performance/v1"].count == 1


def test_answers_count_while_they_stand(bank):
    assert held_by(bank).answers["hardware"].count == 1
    declaring.declare(ai_system=bank.system, answers={"hardware": ""}, by=bank.owner)
    assert "hardware" not in held_by(bank).answers


def test_documents_are_held_stale_once_they_are_out_of_date_and_drafts_of_statements_do_not_count(bank):
    build(bank)
    build(bank, "annex-v")
    found = held_by(bank).documents
    assert set(found) == {"annex-iv"}
    assert not found["annex-iv"].stale
    declaring.declare(ai_system=bank.system, answers={"hardware": "Another server."}, by=bank.owner)
    assert held_by(bank).documents["annex-iv"].stale


def test_a_new_draft_does_not_make_an_old_signed_declaration_younger(bank):
    ready_to_declare(bank)
    said = {"name": "A. Signatory", "function": "Director", "on_behalf_of": "Bank", "place": "Frankfurt"}
    draft = build(bank, "annex-v")
    _, job = services.sign_statement(document_id=draft.pk, person=bank.owner, personal_data=True, **said)
    services.build_document(job.pk)
    assert not held_by(bank).documents["annex-v"].stale
    declaring.declare(ai_system=bank.system, answers={"standards": "None were applied."}, by=bank.owner)
    assert held_by(bank).documents["annex-v"].stale
    build(bank, "annex-v")
    assert held_by(bank).documents["annex-v"].stale


@pytest.mark.django_db(transaction=True)
def test_decisions_are_told_from_the_log_once_the_notary_has_placed_them(bank, tmp_path):
    bank.live()
    assert "approval.decided" not in held_by(bank).events
    notarise(tmp_path)
    events = held_by(bank).events
    assert events["approval.decided"].count == 2
    assert events["classification.signed"].count == 1
    assert events["role.granted"].count >= 5, "roles for all systems count for each"
    assert events["policy.published"].count == 1
    assert events["evidence.attached"].count == sum(row.count for row in held_by(bank).evidence.values())
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    elsewhere = holdings.holdings_of([other.pk])[other.pk].events
    assert "approval.decided" not in elsewhere
    assert elsewhere["policy.published"].count == 1


@pytest.mark.django_db(transaction=True)
def test_rows_about_evidence_data_and_roles_count_for_the_systems_that_they_are_of(bank, tmp_path):
    live = bank.live()
    about_system, about_version = submitted(bank.system, bank.owner), submitted(live.version, bank.owner)
    for document in (about_system, about_version):
        reviewed(document, bank.validator)
    recertification.open_review(reviewer=a_user(), due_on=clock.now().date(), by=a_user(Role.ADMINISTRATOR))
    notarise(tmp_path)
    events = held_by(bank).events
    assert events["document.submitted"].count == events["evidence.reviewed"].count == 2
    assert events["dataset.mirrored"].count >= 1
    assert events["access_review.opened"].count == 1
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    elsewhere = holdings.holdings_of([other.pk])[other.pk].events
    assert not {"document.submitted", "evidence.reviewed", "dataset.mirrored"} & set(elsewhere)
    assert elsewhere["access_review.opened"].count == 1


def test_nothing_is_asked_for_that_names_no_row_and_so_could_never_be_held():
    asked_for = {event for duty in DUTIES for event in (*asked(duty.point.id).decided, *asked(duty.point.id).log)}
    assert "evidence.reproduced" in asked_for
    assert not {"explanation.read", "records.expired"} & asked_for


def test_a_monitor_that_ought_to_have_heard_something_is_stale(bank):
    live = bank.live()
    monitor = watch(bank, live.version, drifted=False)
    assert held_by(bank).monitoring.count == 1
    with clock.frozen(monitor.made_at + timedelta(days=40)):
        assert held_by(bank).monitoring.stale


# The pages


def page_of(client, bank: Bank, **asked: str):
    return client.get(reverse("system-coverage", args=[bank.system.pk]), asked)


def text_of(response) -> str:
    return response.content.decode()


def test_the_rows_of_a_system_are_the_points_that_bind_it_now_or_later(bank, client):
    client.force_login(bank.auditor)
    now, ever = page_of(client, bank), page_of(client, bank, when="all")
    signed = bank.system.classifications.get()
    stands = standing(as_classified(signed, bank.system), load(), on=clock.now().date())
    assert [line["id"] for line in now.context["lines"]] == [duty.point.id for duty in stands.by_state("applies")]
    assert [line["id"] for line in ever.context["lines"]] == [duty.point.id for duty in stands.duties]
    assert len(ever.context["lines"]) > len(now.context["lines"])
    assert '<th scope="row">' in text_of(ever)


def test_the_rows_can_be_the_controls_of_a_framework(bank, client):
    client.force_login(bank.auditor)
    iso = page_of(client, bank, framework="iso-42001")
    assert [line["id"] for line in iso.context["lines"]][:1] == [framework("iso-42001").controls[0].id]
    newer = page_of(client, bank, framework="sr-26-2")
    assert [line["id"] for line in newer.context["lines"]] == ["pillar 1", "pillar 2", "pillar 3"]
    assert newer.context["legacy"].startswith("SR 11-7")
    assert page_of(client, bank, framework="nothing").context["filters"]["framework"] == "ai-act"


def test_rows_are_narrowed_by_article_and_state(bank, client):
    client.force_login(bank.auditor)
    found = page_of(client, bank, when="all", group="Art 9").context["lines"]
    assert {line["group"] for line in found} == {"Art 9"}
    missing = page_of(client, bank, when="all", state="missing").context["lines"]
    assert {line["whole"] for line in missing} == {"missing"}
    empty = page_of(client, bank, when="all", group="Art 9", state="held")
    assert "No row is like that." in text_of(empty)
    assert page_of(client, bank, group="Art 999").context["filters"]["group"] == ""


def test_a_system_without_a_classification_says_that_nobody_can_say(bank, client):
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    a_proposal(other, bank.owner)
    client.force_login(bank.auditor)
    page = client.get(reverse("system-coverage", args=[other.pk]))
    assert page.context["lines"] == []
    assert "no signed classification" in text_of(page)


def rows_of(response) -> list[list[str]]:
    return list(csv.reader(io.StringIO(response.content.decode())))


def test_the_table_comes_as_a_file_with_the_same_rows(bank, client):
    bank.live()
    client.force_login(bank.auditor)
    page = page_of(client, bank, when="all")
    response = client.get(reverse("system-coverage-csv", args=[bank.system.pk]), {"when": "all"})
    assert response["Content-Type"].startswith("text/csv")
    assert response["Content-Disposition"] == 'attachment; filename="consumer-credit-coverage.csv"'
    note, heading, *rows = rows_of(response)
    assert "never that it meets the point" in note[1]
    assert len(heading) == 3 + 3 * len(COLUMNS)
    assert [row[0] for row in rows] == [line["id"] for line in page.context["lines"]]
    performance = next(row for row in rows if row[0] == "Art 15.1")
    assert performance[3].startswith("held") or performance[3].startswith("in part")
    assert performance[4] != ""


def test_a_name_is_no_formula_in_the_file(bank, client):
    other = a_declared_system(bank.owner, slug="evil", name="=HYPERLINK(1)")
    client.force_login(bank.auditor)
    for address in (reverse("system-coverage-csv", args=[other.pk]), reverse("coverage-csv")):
        cells = [text for row in rows_of(client.get(address)) for text in row]
        assert not [text for text in cells if text.startswith("=")]


def test_the_map_has_a_column_for_each_system_and_a_row_for_each_article_that_binds_any(bank, client):
    bank.live()
    a_declared_system(bank.owner, slug="churn", name="<b>Churn</b>")
    client.force_login(bank.auditor)
    page = client.get(reverse("coverage"), {"when": "all"})
    names = [row["name"] for row in page.context["systems"]]
    assert set(names) == {"<b>Churn</b>", "Consumer credit scoring"}
    assert "<b>Churn</b>" not in text_of(page)
    place = names.index("Consumer credit scoring")
    rows = {row["group"]: row["cells"] for row in page.context["rows"]}
    assert rows["Art 15"][place]["text"].endswith(f"/{by_group(lines().values())['Art 15'].served}")
    assert rows["Art 15"][place]["level"] in {"1", "2", "3", "4"}
    assert rows["Art 15"][1 - place]["said"] == "does not bind it"
    assert client.get(rows["Art 15"][place]["url"]).context["filters"]["group"] == "Art 15"
    _note, heading, *table = rows_of(client.get(reverse("coverage-csv"), {"when": "all"}))
    assert heading[2:] == names
    assert [row[0] for row in table] == list(rows)


def test_systems_out_of_reach_are_in_no_map_and_have_no_page(bank, client):
    other = a_declared_system(bank.owner, slug="churn", name="Churn")
    client.force_login(given(a_user(), Role.VALIDATOR, system_id=other.pk).person)
    assert page_of(client, bank).status_code == 404
    assert client.get(reverse("system-coverage-csv", args=[bank.system.pk])).status_code == 404
    assert [row["name"] for row in client.get(reverse("coverage")).context["systems"]] == ["Churn"]


def queries(client, address: str) -> int:
    with CaptureQueriesContext(connection) as caught:
        assert client.get(address).status_code == 200
    return len(caught)


def test_the_queries_do_not_grow_with_what_is_held_or_with_the_systems(bank, client):
    build(bank)
    client.force_login(bank.auditor)
    addresses = [
        reverse("system-coverage", args=[bank.system.pk]),
        f"{reverse('coverage')}?when=all",
        f"/api/v1/systems/{bank.system.slug}/coverage?when=all",
        "/api/v1/system-coverage?when=all",
    ]
    before = {address: queries(client, address) for address in addresses}
    build(bank)
    build(bank, "risk-file")
    for number in range(3):
        more = a_declared_system(bank.owner, slug=f"other-{number}", name=f"Other {number}")
        signed = a_proposal(more, bank.owner)
        inventory.sign_classification(classification_id=signed.pk, signer=bank.officer)
    assert {address: queries(client, address) for address in addresses} == before
    assert max(before.values()) < 60
