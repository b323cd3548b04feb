"""Comments: by whoever may read the request, in every state, never changed, and erasable to the last word."""

from __future__ import annotations

import json

import pytest
from django.db import DatabaseError, IntegrityError, connection, transaction

from governance.accounts.roles import Role
from governance.accounts.services import create_token
from governance.approvals import comments, services
from governance.approvals.errors import CommentRefused
from governance.approvals.models import ApprovalRequest, Comment, State
from governance.audit import erasure
from governance.audit import selectors as log
from governance.common import clock
from governance.common.errors import Unknown
from tests.audit.entries import a_person
from tests.factories import REASON, Cast, a_stand_in, a_user, approve, fresh, given, lent, state_of
from tests.roles import as_role

pytestmark = pytest.mark.django_db
TEXT = "Ms Ndiaye asks whether the holiday weeks are in the window."


@pytest.fixture
def cast(mlflow_address: str, settings) -> Cast:
    settings.MLFLOW_TRACKING_URI = mlflow_address
    return Cast()


def say(made, author, text: str = TEXT, **more) -> Comment:
    return comments.write_comment(request_id=made.approval_id, author=author, text=text, **more)


def test_who_is_kept_from_signing_comments_too_and_nothing_of_the_request_changes(cast):
    made = cast.allowed()
    before = ApprovalRequest.objects.values().get(pk=made.approval_id)
    for person in (cast.engineer, cast.owner, cast.validator, a_user(Role.AUDITOR)):
        say(made, person)
    assert ApprovalRequest.objects.values().get(pk=made.approval_id) == before
    was = list(made.approval.comments.order_by("written_at").values_list("author_was", flat=True))
    assert was == ["requester,trainer,engineer", "owner", "validator", "auditor"]
    approve(made.approval, cast.validator)  # a comment is no decision: the stage still wants their signature


def test_what_somebody_was_then_stays_with_the_comment(cast):
    made, person = cast.promotion(), a_user(Role.RISK_OFFICER)
    said = say(made, person)
    given(person, Role.VALIDATOR)
    assert Comment.objects.get(pk=said.pk).author_was == "risk_officer"


def test_in_every_state_a_request_takes_comments(cast):
    collecting = cast.promotion(number=1)
    review, approved = cast.allowed(number=2), cast.approved(number=3)
    changes, rejected, withdrawn = cast.allowed(number=4), cast.allowed(number=5), cast.promotion(number=6)
    approve(changes.approval, cast.validator, verdict="request_changes")
    approve(rejected.approval, cast.validator, verdict="reject")
    services.withdraw(request_id=withdrawn.approval_id, requester=cast.engineer, reason=REASON)
    seen = set()
    for made in (collecting, review, approved, changes, rejected, withdrawn):
        state = state_of(made.approval)
        say(made, cast.owner)
        assert state_of(made.approval) == state
        seen.add(state)
    services.suspend(request_id=approved.approval_id, reason="Drift.", actor=services.PLACET)
    say(approved, cast.owner)
    services.revoke(request_id=approved.approval_id, reason="Gone.", actor=services.PLACET)
    say(approved, cast.owner)
    assert len(seen) == 6


def test_who_may_not_read_a_request_is_told_that_there_is_none(cast):
    made = cast.promotion()
    for stranger in (a_user(), a_stand_in(Role.VALIDATOR)):
        with pytest.raises(Unknown):
            say(made, stranger)
    assert not Comment.objects.exists()


@pytest.mark.parametrize("text", ["", "  \n ", "x" * (comments.LONGEST + 1)])
def test_a_comment_has_a_text_of_bounded_length(cast, text):
    with pytest.raises(CommentRefused):
        say(cast.promotion(), cast.owner, text)


def test_the_text_stands_in_the_entrys_payload_and_nowhere_else(cast):
    made = cast.promotion()
    said = say(made, cast.owner, mentions=[cast.engineer.email])
    entry = log.entry_by_id(said.log_entry)
    assert entry.event == "approval.commented"
    assert entry.parsed["data"] == {
        "request": str(made.approval_id),
        "comment": str(said.pk),
        "author_was": ["owner"],
        "mentions": [cast.engineer.actor_id],
    }
    assert log.payload_of(said.log_entry) == {"text": TEXT}
    assert entry.parsed["payload"].startswith("sha256:")
    assert _tables_that_hold("Ndiaye") == {"audit_payload"}


def _tables_that_hold(word: str) -> set[str]:
    """Every table of the database in which a row's text holds the word, bytes read as text."""
    found = set()
    with connection.cursor() as cursor:
        cursor.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")
        for (table,) in cursor.fetchall():
            rows = (
                f'SELECT EXISTS (SELECT FROM "{table}" t WHERE to_jsonb(t)::text ILIKE %s OR to_jsonb(t)::text LIKE %s)'
            )
            cursor.execute(rows, [f"%{word}%", f"%{word.encode().hex()}%"])
            if cursor.fetchone()[0]:
                found.add(table)
    return found


@pytest.mark.django_db(transaction=True)
def test_redacting_deletes_the_words_everywhere_and_says_who_did_it_and_when(cast, client):
    made = cast.promotion()
    machine = a_user(name="Pipeline", sponsor=cast.owner)
    given(machine, Role.ENGINEER)
    token = create_token(holder=machine, label="ci", scopes=["promotions:read", "promotions:write"])
    address = f"/api/v1/approval-requests/{made.approval_id}/comments"
    headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "once"}
    answers = [client.post(address, {"text": TEXT}, content_type="application/json", headers=headers) for _ in range(2)]
    assert [answer.status_code for answer in answers] == [201, 201]
    said = Comment.objects.get()  # done once, and the answer that was kept for the key does not hold the words
    assert _tables_that_hold("Ndiaye") == {"audit_payload"}
    officer = a_person("dpo@bank.example")
    with as_role("privacy"):
        erasure.redact(entry_id=said.log_entry, actor=officer, reason="Article 17 GDPR, request of 3 November.")
    assert _tables_that_hold("Ndiaye") == set()
    (shown,) = comments.comments_on(made.approval)
    assert shown.text is None
    assert shown.erased_by == officer.actor_id
    assert shown.erased_at is not None
    assert abs((clock.now() - shown.erased_at).total_seconds()) < 60
    (row,) = client.get(address, headers=headers).json()["results"]
    assert (row["text"], row["erased_by"]) == (None, officer.actor_id)
    assert "Ndiaye" not in json.dumps(row)


def test_a_comment_names_people_by_address_or_name_and_keeps_their_ids(cast):
    made = cast.promotion()
    said = say(made, cast.owner, mentions=["@ml engineer", cast.validator.email.upper(), cast.validator.name])
    assert set(said.mentions) == {cast.engineer.pk, cast.validator.pk}
    assert {person.pk for person in comments.mentioned(said)} == {cast.engineer.pk, cast.validator.pk}


def test_only_who_may_read_the_request_is_mentioned_and_told(cast):
    made, stranger = cast.promotion(), a_stand_in(Role.VALIDATOR, name="Somewhere else")
    twins = [a_user(Role.RISK_OFFICER, name="Twin") for _ in range(2)]
    machine = a_user(name="Pipeline", sponsor=cast.owner)
    given(machine, Role.ENGINEER)
    for name in (stranger.email, "Somewhere else", "Nobody", "Twin", "Pipeline"):
        with pytest.raises(CommentRefused):
            say(made, cast.owner, mentions=[name])
    with pytest.raises(CommentRefused):
        say(made, cast.owner, mentions=[f"p{n}@bank.example" for n in range(comments.MOST_MENTIONS + 1)])
    said = say(made, cast.owner, mentions=[twins[0].email, cast.owner.email])
    assert comments.mentioned(said) == [twins[0]]  # nobody is told of their own words
    twins[0].is_active = False
    twins[0].save(update_fields=["is_active"])
    assert comments.mentioned(said) == []


def test_a_stand_in_who_can_sign_now_is_among_the_readers(cast):
    stand_in = a_stand_in(Role.VALIDATOR)
    lent(cast.validator, stand_in)
    made = cast.allowed()
    assert stand_in in comments.readers(made.approval)
    assert stand_in in comments.mentioned(say(made, cast.owner, mentions=[stand_in.email]))
    assert stand_in not in comments.readers(cast.promotion(number=2).approval)  # not in review: out of their reach


@pytest.mark.parametrize("statement", ["UPDATE approvals_comment SET mentions = '{}'", "DELETE FROM approvals_comment"])
def test_a_comment_is_never_changed_in_sql_either(cast, statement):
    say(cast.promotion(), cast.owner, mentions=[cast.engineer.email])
    with pytest.raises(DatabaseError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute(statement)
    assert Comment.objects.get().mentions == [cast.engineer.pk]


def test_a_comment_without_its_entry_is_refused_at_commit(cast):
    made = cast.promotion()
    with pytest.raises(IntegrityError), transaction.atomic():
        Comment.objects.create(
            request=made.approval, author=cast.owner, written_at=clock.now(), log_entry=made.approval.log_entry
        )
        with connection.cursor() as cursor:
            cursor.execute("SET CONSTRAINTS ALL IMMEDIATE")


def test_over_the_api_a_person_speaks_in_their_session_and_a_token_for_its_service_account(cast, client):
    made = cast.promotion()
    address = f"/api/v1/approval-requests/{made.approval_id}/comments"
    machine = a_user(name="Pipeline", sponsor=cast.owner)
    given(machine, Role.ENGINEER)
    machines = create_token(holder=machine, label="ci", scopes=["promotions:write"])
    reading = create_token(holder=machine, label="read", scopes=["promotions:read"])
    persons = create_token(holder=cast.engineer, label="mine", scopes=["promotions:write"])

    def post(token: str = "") -> int:
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        sent = {"text": "Trained again.", "mentions": [cast.owner.email]}
        return client.post(address, sent, content_type="application/json", headers=headers).status_code

    assert [post(machines), post(reading), post(persons)] == [201, 403, 403]
    client.force_login(cast.owner)
    assert post() == 201
    newest, oldest = client.get(address).json()["results"]
    assert (newest["author"]["name"], newest["author"]["is_service"]) == ("Model owner", False)
    assert (oldest["author"]["name"], oldest["author"]["is_service"]) == ("Pipeline", True)
    assert oldest["mentions"] == [str(cast.owner.pk)]
    assert fresh(made).approval.state == State.COLLECTING
