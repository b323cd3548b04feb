"""Standing approvals on pages: asked for from what serves, decided on, seen in use, revoked."""

from __future__ import annotations

import json
from datetime import timedelta

from governance.approvals import signing
from governance.approvals.models import StandingApproval, State
from governance.common import clock
from tests.approvals.test_passkey_decisions import BY_PASSKEY, confirmed
from tests.authenticator import Authenticator
from tests.factories import PASSWORD, REASON, Cast, a_policy_text, a_user, state_of
from tests.standing import BOUNDS, COMMIT, asked, granted, retrained, served


def typed(**fields):
    values = {
        "parameters": "max_depth = 3, 4, 5\nlearning_rate = 0.1\nseed = *",
        "bounds": "\n".join(BOUNDS),
        "uses": "2",
        "until": (clock.now() + timedelta(days=60)).date().isoformat(),
        "reason": "Retrained each month.",
    }
    return values | fields


def test_one_is_asked_for_decided_on_used_and_revoked(cast, client):
    served(cast)
    model = f"/models/{cast.model.pk}"
    client.force_login(cast.officer)
    assert client.get(model).context["standing"] is None  # nothing stands, and an officer asks for none
    client.force_login(cast.engineer)
    assert client.get(model).context["standing"]["aliases"] == ["champion"]
    ask = f"{model}/standing-approvals/champion"
    form = client.get(ask)
    assert (form.status_code, COMMIT in form.content.decode()) == (200, True)
    assert "max_depth = 4" in form.context["form"]["parameters"]
    assert "evidence.performance.auc.low" in form.context["fields"]
    for wrong, sentence in (
        ({"bounds": ""}, "Bound at least one figure."),
        ({"bounds": "evidence.performance.auc.lo > 0"}, "There is no field"),
        ({"parameters": "max_depth"}, "Write each parameter as"),
        ({"until": "2099-01-01"}, "at the latest in"),
        ({"uses": "101"}, "one to 100 uses"),
        ({"reason": ""}, "Say why"),
    ):
        answer = client.post(ask, typed(**wrong))
        assert (answer.status_code, sentence.lower() in answer.content.decode().lower()) == (422, True), sentence
    page = client.post(ask, typed()).headers["Location"]
    row = StandingApproval.objects.get()
    assert page == f"/standing-approvals/{row.approval_id}"
    shown = client.get(page)
    assert "Retrained each month." in shown.content.decode()
    assert (shown.context["withdrawable"], shown.context["decision"]["allowed"]) == (True, False)
    assert client.post(ask, typed()).status_code == 409  # it waits
    verdict = {"verdict": "approve", "rationale": REASON, "no_conflict": "on", "password": PASSWORD}
    for person in (cast.validator, cast.officer):
        client.force_login(person)
        assert page in [item["url"] for item in client.get("/", {"waiting": "me"}).context["rows"]]
        assert client.post(f"{page}/decide", verdict | {"password": "wrong"}).status_code == 403
        assert client.post(f"{page}/decide", verdict).status_code == 302
    made = retrained(cast)
    review = client.get(f"/approvals/{made.approval.pk}")
    assert (made.approval.state, review.context["standing"]["number"]) == (State.APPROVED, 1)
    assert "Approved by a standing approval" in review.content.decode()
    outside = retrained(cast, number=3, code=None)
    asked_page = client.get(f"/promotions/{outside.pk}").content.decode()
    assert "Outside the standing approval" in asked_page
    assert "Its run names no commit" in asked_page
    listed = client.get(model).context["standing"]["rows"][0]
    assert (listed["left"], listed["signed_by"]) == (1, f"{cast.validator.name}, {cast.officer.name}")
    end = {"rationale": REASON, "password": PASSWORD}
    assert client.get(page).context["uses"][0]["subject"] == made.approval.subject_name
    assert client.post(f"{page}/revoke", end | {"rationale": "No."}).status_code == 422
    assert client.post(f"{page}/revoke", end | {"password": "wrong"}).status_code == 403
    client.force_login(cast.validator)
    assert client.post(f"{page}/revoke", end).status_code == 403
    client.force_login(cast.officer)
    assert client.post(f"{page}/revoke", end).status_code == 302
    assert (state_of(row.approval), client.post(f"{page}/revoke", end).status_code) == (State.REVOKED, 409)
    assert "Revoked" in client.get(page).content.decode()


def test_who_asked_takes_it_back_and_others_learn_nothing(cast, client):
    served(cast)
    page = f"/standing-approvals/{asked(cast).approval_id}"
    client.force_login(a_user())
    assert client.get(page).status_code == 404
    assert client.get(f"/models/{cast.model.pk}/standing-approvals/champion").status_code == 404
    client.force_login(cast.officer)
    assert client.post(f"{page}/withdraw", {"reason": "No."}).status_code == 403
    client.force_login(cast.engineer)
    assert client.get(f"/waivers/{page.split('/')[-1]}").status_code == 404
    assert client.get(f"/models/{cast.model.pk}/standing-approvals/canary").status_code == 404
    assert client.post(f"{page}/withdraw", {"reason": "Later."}).status_code == 302
    assert state_of(StandingApproval.objects.get().approval) == State.WITHDRAWN


def test_the_pages_of_a_request_say_that_it_was_let_through_and_by_which(cast, client):
    served(cast)
    row = granted(cast)
    made = retrained(cast)
    link = f'<a href="/standing-approvals/{row.approval_id}">let through by a standing approval</a>'
    client.force_login(cast.engineer)
    for page in (f"/promotions/{made.pk}", f"/approvals/{made.approval_id}"):
        shown = client.get(page)
        assert shown.status_code == 200
        assert shown.content.decode().count(link) == 2  # one for each stage
        assert "0 of 1 signed" not in " ".join(row["detail"] for row in shown.context.get("rail") or [])


def test_a_system_lists_those_in_force_and_no_others(cast, client):
    served(cast)
    row = granted(cast, max_uses=1)
    client.force_login(cast.validator)
    page = f"/systems/{cast.system.pk}"
    [shown] = client.get(page).context["standing"]
    assert (shown["pk"], shown["left"], shown["alias"]) == (row.approval_id, 1, "champion")
    assert f"/standing-approvals/{row.approval_id}" in client.get(page).content.decode()
    with clock.frozen(row.expires_at):
        client.force_login(cast.validator)
        assert client.get(page).context["standing"] == []
    retrained(cast)
    assert client.get(page).context["standing"] == []
    second = granted(cast)
    assert [item["pk"] for item in client.get(page).context["standing"]] == [second.approval_id]
    signing.revoke_approval(request_id=second.approval_id, signer=cast.officer, rationale=REASON, password=PASSWORD)
    asked(cast)
    assert client.get(page).context["standing"] == []


def test_the_reason_on_the_page_is_that_of_the_asking_after_uses_too(cast, client):
    served(cast)
    row = granted(cast)
    retrained(cast)
    client.force_login(cast.owner)
    shown = client.get(f"/standing-approvals/{row.approval_id}")
    assert shown.context["reason"] == "Retrained each month on new applications, by the same code."


def test_it_is_signed_by_passkey_where_its_stage_says_so(db, mlflow_address, settings, client):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast, mine = Cast(a_policy_text(BY_PASSKEY)), Authenticator()
    confirmed(cast.officer, mine)
    page = None

    def sign(approval, url):
        client.force_login(cast.officer)
        statement = client.post(f"{url}/decide", {"verdict": "approve", "rationale": REASON, "no_conflict": "on"})
        credential = json.dumps(mine.get(json.loads(statement.context["options"])))
        sent = {"prepared": statement.context["prepared"], "credential": credential}
        assert client.post(statement.context["sign_url"], sent).status_code == 302
        assert state_of(approval) == State.APPROVED
        return statement

    from tests import factories

    whole = factories.approve
    try:
        factories.approve = lambda approval, person, **more: (
            sign(approval, f"/approvals/{approval.pk}") if person == cast.officer else whole(approval, person, **more)
        )
        served(cast)
    finally:
        factories.approve = whole
    row = asked(cast)
    whole(row.approval, cast.validator)
    page = f"/standing-approvals/{row.approval_id}"
    assert sign(row.approval, page).context["sign_url"] == f"{page}/sign"
    assert state_of(retrained(cast).approval) == State.APPROVED
