"""Waivers: a failed check may stand for a time, on people's word in a request of its own, and on this evidence only."""

from __future__ import annotations

import json
import uuid
from datetime import timedelta

import pytest

from governance.accounts.roles import Role
from governance.accounts.services import grant_role
from governance.approvals import enforcement, lifting, selectors, services, signing, waived, waivers
from governance.approvals.errors import (
    ChecksHold,
    NotEligible,
    NotWaivable,
    RequestNotOpen,
    SelfApproval,
    WaiverOpen,
)
from governance.approvals.findings import open_finding
from governance.approvals.models import ApprovalRequest, Finding, State, Waiver
from governance.audit import selectors as log
from governance.audit.events import Event
from governance.common import clock
from governance.common.errors import Forbidden, InvalidInput
from placet.derivation import LogDisagrees, rederive, waiver_digest
from registry import promotions
from registry.models import Permit
from tests import payloads
from tests.approvals.test_passkey_decisions import BY_PASSKEY, confirmed
from tests.approvals.test_passkey_decisions import entries as passkey_entries
from tests.approvals.test_rules_in_sql import refused, written
from tests.authenticator import Authenticator
from tests.factories import PASSWORD, REASON, SETUP, Cast, a_policy_text, a_user, accept, approve, attach, state_of
from tests.reports.factories import notarise

CHECK = "fairness.selection-ratio-sex"
MONTH = timedelta(days=30)


def blocked(cast, number=1):
    """A request in review that one check blocks, of which the policy lets a failure stand."""
    request = cast.reviewed(number=number, ratio=0.6, half=0.05).approval
    assert request.outcome == "BLOCK"
    return request


def asked(cast, request, *, check=CHECK, requester=None, lasts=MONTH, reason="The next data set mends it."):
    return waivers.request_waiver(
        request_id=request.pk,
        check_id=check,
        requester=requester or cast.engineer,
        reason=reason,
        expires_at=clock.now() + lasts,
    )


def granted(cast, request, **fields):
    made = asked(cast, request, **fields)
    approve(made.approval, cast.validator)
    approve(made.approval, cast.officer)
    return Waiver.objects.select_related("approval").get(pk=made.pk)


def approved(cast, request):
    accept(request, cast.validator, check=CHECK)
    approve(request, cast.validator)
    approve(request, cast.officer)


def now(request):
    return selectors.request(request.pk)


def entries(request):
    return list(enumerate(entry.parsed for entry in log.entries_about_request(request.pk)))


def test_a_failed_check_stands_once_each_stage_has_signed_its_waiver(cast):
    request = blocked(cast)
    accept(request, cast.validator, check=CHECK)
    with pytest.raises(ChecksHold):
        approve(request, cast.validator)
    made = asked(cast, request)
    deciding = now(made.approval)
    assert (deciding.state, deciding.outcome, deciding.asks_for) == (State.IN_REVIEW, "ALLOW", "waiver")
    assert log.payload_of(made.log_entry) == {"reason": "The next data set mends it."}
    approve(deciding, cast.validator)
    assert now(request).outcome == "BLOCK"  # one stage is not all of them
    approve(deciding, cast.officer)
    assert now(request).outcome == "ALLOW"
    check = next(row for row in now(request).verdict["checks"] if row["id"] == CHECK)
    assert (check["outcome"], check["effect"], check["lifted_by"]) == ("fail", "WARN", "waiver")
    assert now(made.approval).valid_until == made.expires_at
    approve(request, cast.validator)
    approve(request, cast.officer)
    assert state_of(request) == State.APPROVED


def test_whoever_may_not_sign_the_request_may_not_sign_its_waiver_nor_who_asks_for_it(cast):
    request = blocked(cast)
    asking = a_user(Role.VALIDATOR)
    grant_role(person=asking, role=Role.ENGINEER, granted_by=None, actor=SETUP)
    made = asked(cast, request, requester=asking)
    reasons = {row["person"]: row["reasons"] for row in made.approval.excluded}
    assert reasons.keys() == {row["person"] for row in request.excluded} | {str(asking.pk)}
    for person in (cast.engineer, cast.owner, asking):
        with pytest.raises(SelfApproval):
            approve(made.approval, person)
    with pytest.raises(NotEligible):
        approve(made.approval, cast.officer)  # the second stage, not the first


def test_what_cannot_be_waived(cast):
    request = blocked(cast)
    blocks = next(row["id"] for row in request.verdict["checks"] if row["on_fail"] == "block")
    passed = next(row["id"] for row in request.verdict["checks"] if row["outcome"] == "pass")
    for check in (blocks, passed, "none"):
        with pytest.raises(NotWaivable):
            asked(cast, request, check=check)
    with pytest.raises(Forbidden):
        asked(cast, request, requester=cast.validator)
    for lasts in (timedelta(0), timedelta(days=91)):
        with pytest.raises(InvalidInput, match="90 days"):
            asked(cast, request, lasts=lasts)
    with pytest.raises(InvalidInput, match="why"):
        asked(cast, request, reason=" ")
    made = asked(cast, request)
    with pytest.raises(WaiverOpen):
        asked(cast, request)
    with pytest.raises(RequestNotOpen):
        waivers.request_waiver(
            request_id=made.approval_id,
            check_id=CHECK,
            requester=cast.engineer,
            reason=REASON,
            expires_at=clock.now() + MONTH,
        )
    approve(made.approval, cast.validator, verdict="reject")
    assert now(request).outcome == "BLOCK"
    services.withdraw(request_id=request.pk, requester=cast.engineer, reason="Another one is better.")
    with pytest.raises(RequestNotOpen):
        asked(cast, request)


def test_a_policy_bounds_how_long_a_waiver_lasts_and_one_without_stages_grants_none(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(a_policy_text(("  valid_for:", "  waive_for: P7D\n  valid_for:")))
    request = blocked(cast)
    with pytest.raises(InvalidInput, match="7 days"):
        asked(cast, request, lasts=timedelta(days=8))
    asked(cast, request, lasts=timedelta(days=6))


def test_a_waiver_that_ends_takes_the_approval_with_it_and_lifting_needs_another(cast):
    request = blocked(cast)
    granted(cast, request)
    approved(cast, request)
    with clock.frozen(clock.now() + MONTH + timedelta(hours=1)):
        assert not waived.in_force(request).exists()
        services.lapse_overdue()
        found = now(request)
        assert (found.state, found.outcome) == (State.SUSPENDED, "BLOCK")
        assert "waiver" in found.state_reason
        words = {"request_id": request.pk, "signer": cast.officer, "rationale": REASON, "password": PASSWORD}
        with pytest.raises(ChecksHold):
            lifting.lift_suspension(**words)
        granted(cast, found)
        assert now(request).outcome == "ALLOW"
        lifting.lift_suspension(**words)
        assert state_of(request) == State.APPROVED


def test_a_revoked_waiver_blocks_again(cast):
    request = blocked(cast)
    made = granted(cast, request)
    assert now(request).outcome == "ALLOW"
    signing.revoke_approval(request_id=made.approval_id, signer=cast.officer, rationale=REASON, password=PASSWORD)
    assert (now(request).state, now(request).outcome) == (State.IN_REVIEW, "BLOCK")


def test_on_other_evidence_a_waiver_counts_for_nothing(committed_cast):
    cast = committed_cast
    request = blocked(cast)
    made = granted(cast, request)
    second = blocked(cast, number=2)
    assert not waived.in_force(second).exists()
    row = Waiver(
        request=second,
        check_id=CHECK,
        manifest_digest=made.manifest_digest,
        approval=made.approval,
        made_at=clock.now(),
        expires_at=clock.now() + MONTH,
    )
    refused("waiver_of_a_failed_waivable_check", row)
    row.manifest_digest = second.manifest_digest
    refused("waiver_decided_by_its_own_request", row)


def test_in_a_round_on_new_evidence_a_waiver_counts_for_nothing(cast):
    request = blocked(cast)
    granted(cast, request)
    approve(request, cast.validator, verdict="request_changes")
    promotions.resubmit(promotion_id=request.promotion.pk, requester=cast.engineer, reason="The same once more.")
    assert (now(request).state, now(request).outcome) == (State.IN_REVIEW, "ALLOW")  # on the very same evidence
    approve(request, cast.validator, verdict="request_changes")
    attach(request, payloads.fairness(ratio=0.6, half=0.05))
    promotions.resubmit(promotion_id=request.promotion.pk, requester=cast.engineer, reason="Measured once more.")
    assert (now(request).state, now(request).outcome) == (State.IN_REVIEW, "BLOCK")


def test_the_database_takes_no_waiver_of_what_does_not_fail_nor_one_that_others_decide(committed_cast):
    cast = committed_cast
    request = blocked(cast)
    passed = next(row["id"] for row in request.verdict["checks"] if row["outcome"] == "pass")
    blocks = next(row["id"] for row in request.verdict["checks"] if row["on_fail"] == "block")

    def a_row(**fields):
        begun = clock.now()
        values = {"check_id": CHECK, "manifest_digest": request.manifest_digest, "approval": request}
        return Waiver(request=request, **(values | {"made_at": begun, "expires_at": begun + MONTH} | fields))

    for check in (passed, blocks):
        refused("waiver_of_a_failed_waivable_check", a_row(check_id=check))
    refused("waiver_decided_by_its_own_request", a_row())

    def deciding(row, **fields):
        made = ApprovalRequest.objects.get(pk=request.pk)
        made.pk, made._state.adding = uuid.uuid4(), True
        made.subject_kind, made.subject_id, made.asks_for = "waiver", row.pk, "waiver"
        made.state, made.manifest_digest, made.evidence_ids, made.review_opened_at = "collecting", "", [], None
        for name, value in fields.items():
            setattr(made, name, value)
        written(made, Event.APPROVAL_OPENED)
        row.approval = made
        return row

    refused("waiver_decided_by_its_own_request", deciding(a_row(), stages=[]))
    refused("waiver_decided_by_its_own_request", deciding(a_row(), excluded=[]))
    refused("waiver_decided_by_its_own_request", deciding(a_row(), subject_id=uuid.uuid4()))
    refused("waiver_of_a_year_at_most", deciding(a_row(expires_at=clock.now() + timedelta(days=367))))
    written(deciding(a_row()), Event.WAIVER_REQUESTED)


def test_the_derivation_wants_the_waivers_own_entries(cast):
    request = blocked(cast)
    made = granted(cast, request)
    approved(cast, request)
    mine, theirs = entries(request), [(-100 + n, body) for n, body in entries(made.approval)]
    found = rederive([*theirs, *mine], str(request.pk))
    assert dict(found.waivers) == {CHECK: str(made.approval_id)}
    with pytest.raises(LogDisagrees, match="no entry approves"):
        rederive(mine, str(request.pk))
    with pytest.raises(LogDisagrees, match="not granted for this request"):
        rederive([*mine, *((n + 1000, body) for n, body in theirs)], str(request.pk))
    signatures = [row for row in theirs if row[1]["event"] != "approval.decided"]
    with pytest.raises(LogDisagrees, match="too few signatures"):
        rederive([*signatures, *mine], str(request.pk))
    other = waiver_digest(str(request.pk), "another", request.manifest_digest)
    wrong = [(n, _about(body, other)) for n, body in theirs]
    with pytest.raises(LogDisagrees, match="not granted for this request"):
        rederive([*wrong, *mine], str(request.pk))


def _about(body, digest):
    if "subject" not in body["data"]:
        return body
    return {**body, "data": {**body["data"], "subject": {**body["data"]["subject"], "digest": digest}}}


def test_the_notary_signs_a_permit_on_a_waiver_that_it_derived_from_the_log(committed_cast, tmp_path, monkeypatch):
    cast = committed_cast
    request = blocked(cast)
    made = granted(cast, request)
    approved(cast, request)
    whole = log.entries_about_request
    monkeypatch.setattr(
        "registry.permits.log_selectors.entries_about_request",
        lambda key: [] if str(key) == str(made.approval_id) else whole(key),
    )
    notarise(tmp_path)
    assert not Permit.objects.exists()  # the waiver's own entries are not there
    monkeypatch.undo()
    notarise(tmp_path)
    assert Permit.objects.get().approval_id == request.pk


def test_the_pages_ask_for_a_waiver_decide_on_it_and_take_it_back(cast, client):
    request = blocked(cast)
    review = f"/approvals/{request.pk}"
    client.force_login(cast.engineer)
    shown = client.get(review)
    assert [check for check, _ in shown.context["waivers"]["checks"]] == [CHECK]
    assert {"text": "a waiver that the stages sign", "href": "#waivers"} in shown.context["verdict"]["unblocks"]
    typed = {"check": CHECK, "until": (clock.now() + MONTH).date().isoformat(), "reason": "Mended with the next data."}
    for wrong, sentence in (
        ({"reason": ""}, "Say why the failed check may stand."),
        ({"until": "2099-01-01"}, "at the latest in 90 days"),
        ({"check": "none"}, "does not let its failure stand"),
    ):
        answer = client.post(f"{review}/waivers", typed | wrong)
        assert (answer.status_code, sentence in answer.content.decode()) == (422, True)
    made = [Waiver.objects.get(approval=client.post(f"{review}/waivers", typed).headers["Location"].split("/")[-1])]
    page = f"/waivers/{made[0].approval_id}"
    shown = client.get(page)
    assert "Mended with the next data." in shown.content.decode()
    assert (shown.context["withdrawable"], shown.context["decision"]["allowed"]) == (True, False)
    assert client.post(f"{page}/withdraw", {"reason": "With other words."}).status_code == 302
    client.post(f"{review}/waivers", typed)
    page = f"/waivers/{Waiver.objects.exclude(pk=made[0].pk).get().approval_id}"
    form = {"verdict": "approve", "rationale": REASON, "no_conflict": "on", "password": PASSWORD}
    for person in (cast.validator, cast.officer):
        client.force_login(person)
        row = client.get("/", {"waiting": "me"}).context["rows"]
        assert (page, f"Waiver of {CHECK}") in [(item["url"], item["title"]) for item in row]
        assert client.post(f"{page}/decide", form | {"password": "wrong"}).status_code == 403
        assert client.post(f"{page}/decide", form).status_code == 302
    assert now(request).outcome == "ALLOW"
    assert [row["state"] for row in client.get(review).context["waivers"]["rows"]] == ["withdrawn", "approved"]
    assert client.get(f"/waivers/{request.pk}").status_code == 404
    assert client.get(f"/approvals/{page.split('/')[-1]}").status_code == 404


def test_a_waiver_is_signed_by_passkey_where_its_stage_says_so(db, mlflow_address, settings, client):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast, mine = Cast(a_policy_text(BY_PASSKEY)), Authenticator()
    confirmed(cast.officer, mine)
    request = blocked(cast)
    made = asked(cast, request)
    approve(made.approval, cast.validator)
    client.force_login(cast.officer)
    page = f"/waivers/{made.approval_id}"
    statement = client.post(f"{page}/decide", {"verdict": "approve", "rationale": REASON, "no_conflict": "on"})
    assert (statement.status_code, statement.context["sign_url"]) == (200, f"{page}/sign")
    sent = {"prepared": statement.context["prepared"], "credential": "{}"}
    assert client.post(f"{page}/sign", sent).status_code == 422
    sent["credential"] = json.dumps(mine.get(json.loads(statement.context["options"])))
    assert client.post(f"{page}/sign", sent).status_code == 302
    assert (state_of(made.approval), now(request).outcome) == (State.APPROVED, "ALLOW")
    with pytest.raises(LogDisagrees, match="passkey"):
        rederive(
            [row for row in passkey_entries(made.approval) if "passkey" not in row[1]["event"]], str(made.approval_id)
        )
    assert rederive(passkey_entries(made.approval), str(made.approval_id)).signed


def test_conditions_on_findings_hold_the_request_and_not_its_waiver(db, mlflow_address, settings):
    settings.MLFLOW_TRACKING_URI = mlflow_address
    cast = Cast(
        a_policy_text(("  valid_for:", "  conditions: {max_open_findings: 0, on_overdue: suspend}\n  valid_for:"))
    )
    request = blocked(cast)
    open_finding(
        source="review",
        code="open",
        title="Something is open",
        severity=Finding.Severity.LOW,
        system=cast.system,
        owner=cast.owner,
        actor=SETUP,
    )
    waiting = asked(cast, request)
    enforcement.sweep()  # evaluates the request, which the finding holds
    assert enforcement.sweep() == 0  # of the waiver that waits there is nothing to evaluate, however often
    services.withdraw(request_id=waiting.approval_id, requester=cast.engineer, reason="Asked for anew.")
    made = granted(cast, request)
    assert (state_of(made.approval), now(request).outcome) == (State.APPROVED, "HOLD")
    with clock.frozen(clock.now() + timedelta(days=200)):
        assert (enforcement.sweep(), enforcement.sweep()) == (0, 0)
    assert state_of(made.approval) == State.APPROVED
