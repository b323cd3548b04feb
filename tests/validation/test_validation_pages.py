"""The pages of validations, as a validator uses them, and what others see of them."""

from __future__ import annotations

import re
from datetime import timedelta

import icalendar
import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client
from django.urls import reverse

from governance.accounts.models import User
from governance.accounts.roles import Role
from governance.common import clock
from governance.validation.models import State, Validation
from tests.factories import PASSWORD, Cast, a_policy_text, a_user
from tests.validation.test_revalidation_calendar import YEARLY
from tests.validation.test_validations import ASKED
from tests.validation.working import (
    CHALLENGER,
    FINDING,
    INDEPENDENCE,
    PDF,
    PLAN,
    REPORT,
    TEST,
    begun,
    planned,
    signed,
    worked,
)


def signed_in(person: User) -> Client:
    client = Client()
    client.force_login(person)
    return client


def at(name: str, *args: object) -> str:
    return reverse(f"validation-{name}", args=args)


def test_a_validator_takes_a_validation_from_its_beginning_to_the_signature(cast):
    made = cast.reviewed()
    client = signed_in(cast.validator)
    review = reverse("review", args=[made.approval_id])
    assert "Validate it" in client.get(review).content.decode()
    answer = client.post(at("open"), {"approval": made.approval_id})
    v = Validation.objects.get()
    assert (answer.status_code, answer["Location"]) == (302, at("detail", v.pk))
    assert client.post(at("plan", v.pk), PLAN)["Location"] == at("detail", v.pk) + "#plan"
    client.post(at("independence", v.pk), INDEPENDENCE | {"no_part": "on"})
    client.post(at("begin", v.pk))
    for values in (TEST, CHALLENGER):
        assert client.post(at("test-add", v.pk), values).status_code == 302
    client.post(at("finding", v.pk), FINDING)
    client.post(at("report", v.pk), REPORT | {"opinion": "fit_with_conditions"})
    file = SimpleUploadedFile("../../etc/passwd.pdf", PDF, "text/html")
    assert client.post(at("upload", v.pk), {"report": file}).status_code == 302
    page = client.get(at("detail", v.pk)).content.decode()
    for words in (*PLAN.values(), *REPORT.values(), TEST["name"], CHALLENGER["name"], FINDING["title"]):
        assert words in page
    seen = re.search(r'name="seen" value="(sha256:[0-9a-f]{64})"', page)
    assert seen
    wrong = client.post(at("sign", v.pk), {"seen": seen[1], "password": "wrong"})
    assert wrong.status_code == 403
    assert "wrong" not in wrong.content.decode().partition("sign-password")[2][:600]
    assert client.post(at("sign", v.pk), {"seen": seen[1], "password": PASSWORD}).status_code == 302
    v.refresh_from_db()
    assert v.state == State.SIGNED
    report = client.get(at("detail", v.pk)).content.decode()
    assert "What was signed" in report
    assert "<form" not in report.partition('id="main"')[2]
    shown = signed_in(cast.officer).get(review).content.decode()
    for words in (REPORT["limitations"], "Fit with conditions", "1 of its findings is open", str(v)):
        assert words in shown


def test_the_report_is_a_download_that_no_browser_runs(cast):
    v = begun(cast.reviewed().approval, cast.validator)
    client = signed_in(cast.validator)
    assert client.get(at("file", v.pk)).status_code == 404
    client.post(at("upload", v.pk), {"report": SimpleUploadedFile("report.pdf", PDF)})
    answer = signed_in(cast.officer).get(at("file", v.pk))
    assert answer.content == PDF
    assert answer["Content-Disposition"] == f'attachment; filename="val-{v.number}-report.pdf"'
    assert answer["Content-Type"] == "application/pdf"
    assert answer["X-Content-Type-Options"] == "nosniff"
    assert answer["Content-Security-Policy"] == "sandbox; default-src 'none'"
    assert signed_in(a_user()).get(at("file", v.pk)).status_code == 404


@pytest.mark.parametrize(
    ("name", "content"),
    [("report.pdf", b"<script>alert(1)</script>"), ("a.pdf", b"%PDF-1.7" + b"0" * (11 << 20)), ("a.pdf", b"")],
    ids=["no pdf", "too large", "empty"],
)
def test_a_file_that_is_no_pdf_or_too_large_is_refused_with_a_sentence(cast, name, content):
    v = begun(cast.reviewed().approval, cast.validator)
    answer = signed_in(cast.validator).post(at("upload", v.pk), {"report": SimpleUploadedFile(name, content)})
    assert answer.status_code == 422
    assert 'role="alert"' in answer.content.decode()
    assert Validation.objects.get().report_digest == ""


def test_a_refused_form_keeps_what_was_typed(cast):
    v = begun(cast.reviewed().approval, cast.validator)
    answer = signed_in(cast.validator).post(at("test-add", v.pk), TEST | {"done": "Looked.", "value": "much"})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert ">Looked.</textarea>" in page
    for field, sentence in (("done", "in at least 20 characters"), ("value", "A figure is a number")):
        assert f'aria-describedby="test-{field}-e"' in page
        assert sentence in page.partition(f'id="test-{field}-e"')[2].partition("</p>")[0]
    assert 'aria-describedby="test-name-e"' not in page
    assert "challenger-done-e" not in page


def test_what_the_validator_writes_is_text_and_no_markup(cast):
    v = begun(cast.reviewed().approval, cast.validator)
    client = signed_in(cast.validator)
    client.post(at("report", v.pk), REPORT | {"summary": "<img src=x onerror=alert(1)> and more", "opinion": "fit"})
    assert "<img src=x" not in client.get(at("detail", v.pk)).content.decode()


def test_others_read_a_validation_and_are_offered_nothing(cast):
    v = worked(cast.reviewed().approval, cast.validator)
    page = signed_in(cast.officer).get(at("detail", v.pk)).content.decode()
    assert "makes this validation; you read it." in page
    assert "/signature" not in page
    assert signed_in(cast.officer).post(at("plan", v.pk), PLAN).status_code == 403
    assert signed_in(a_user()).get(at("detail", v.pk)).status_code == 404


def test_the_list_holds_mine_open_and_signed_ones_and_what_waits(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(a_policy_text(*ASKED))
    first, second = cast.promotion(), cast.promotion(number=2)
    client = signed_in(cast.validator)
    page = client.get(at("list")).content.decode()
    assert page.count("Validate it") == 2
    done, v = signed(first.approval, cast.validator), planned(second.approval, cast.validator)
    page = client.get(at("list")).content.decode()
    assert "Waits for a validator" not in page
    assert (str(v) in page, str(done) in page) == (True, False)
    page = client.get(at("list") + "?show=signed").content.decode()
    assert (f"{v} " in page, f"{done} " in page) == (False, True)
    page = signed_in(cast.officer).get(at("list") + "?show=all&page=99999999999").content.decode()
    assert f"{done} " in page
    assert "Validate it" not in page
    assert str(done) not in signed_in(a_user()).get(at("list") + "?show=all").content.decode()


def test_the_menu_offers_validations_to_those_who_work_with_them(cast):
    link = f'href="{at("list")}"'
    for person, offered in ((cast.validator, True), (cast.officer, True), (cast.engineer, False), (a_user(), False)):
        assert (link in signed_in(person).get(reverse("inbox")).content.decode()) is offered


def test_the_calendar_shows_what_is_late_first_and_begins_a_revalidation(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(a_policy_text(YEARLY))
    made = cast.live()
    client = signed_in(cast.validator)
    page = client.get(at("calendar")).content.decode()
    assert "Overdue" not in page
    assert "not validated yet" in page
    with clock.frozen(clock.now() + timedelta(days=100)):
        assert "10 days late" in client.get(at("calendar")).content.decode()
    other = a_user().pk
    assert "Nothing is due" in client.get(at("calendar") + f"?system={other}").content.decode()
    assert client.get(at("calendar") + "?system=none").status_code == 200
    file = client.get(at("ics"))
    assert file["Content-Type"] == "text/calendar; charset=utf-8"
    assert len(icalendar.Calendar.from_ical(file.content).walk("VEVENT")) == 1
    assert not icalendar.Calendar.from_ical(signed_in(a_user()).get(at("ics")).content).walk("VEVENT")
    client.post(at("open"), {"approval": made.approval_id})
    assert Validation.objects.get().occasion == "revalidation"
    assert "under way" in client.get(at("calendar")).content.decode()


def test_validations_are_read_over_the_api_and_decided_on_pages_alone(cast):
    v = signed(cast.reviewed().approval, cast.validator, opinion="fit_with_conditions")
    client = signed_in(cast.officer)
    [row] = client.get("/api/v1/validations?state=signed&opinion=fit_with_conditions").json()["results"]
    assert (row["reference"], row["evidence"]) == (str(v), v.evidence.payload_digest)
    assert client.get("/api/v1/validations?opinion=not_fit").json()["results"] == []
    assert client.get("/api/v1/validations?state=fine").status_code == 422
    answer = client.get(f"/api/v1/validations/{v.pk}")
    detail = answer.json()
    assert [(test["kind"], test["value"]) for test in detail["tests"]] == [("test", 0.781), ("challenger", 0.021)]
    assert [found["severity"] for found in detail["findings"]] == ["medium"]
    assert cast.validator.name not in answer.content.decode()
    assert answer["ETag"]
    assert client.post(f"/api/v1/validations/{v.pk}", {}, content_type="application/json").status_code == 405
    assert signed_in(a_user(Role.ENGINEER)).get(f"/api/v1/validations/{v.pk}").status_code == 200
    assert signed_in(a_user()).get(f"/api/v1/validations/{v.pk}").status_code == 404


def test_a_tag_changes_with_a_test(cast):
    v = worked(cast.reviewed().approval, cast.validator)
    client = signed_in(cast.validator)
    before = client.get(f"/api/v1/validations/{v.pk}")["ETag"]
    client.post(at("test-remove", v.pk, v.tests.first().pk))
    assert client.get(f"/api/v1/validations/{v.pk}")["ETag"] != before
