"""An entry says what its rows' fields were and became, and never takes free text into a log that is kept for ever."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
import rfc8785
from django.db import connection, models, transaction
from django.db.backends.postgresql.psycopg_any import DateTimeTZRange
from django.db.models import F
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from governance.accounts.roles import Role
from governance.audit import changes, selectors
from governance.audit import services as audit
from governance.audit.events import Event
from governance.audit.export import governed_models
from governance.audit.searching import words_of
from governance.audit.web.changed import people_in, rows_of
from governance.common import clock
from governance.inventory.models import AISystem
from tests.audit.entries import ME, a_grant, a_person, a_system, granted
from tests.roles import as_role

pytestmark = pytest.mark.django_db(transaction=True)

PRIVATE = "Ms Ndiaye's own words"
KEPT = {
    "accounts.Grant": "person role system_id granted_by confirmed_by mapping valid_from valid_until ended_by",
    "accounts.ClaimMapping": "role system_id days made_by made_at confirmed_by confirmed_at valid_from "
    "ended_by ended_at",
    "accounts.WorkloadIdentity": "account seconds made_by made_at confirmed_by confirmed_at ended_by ended_at",
    "accounts.ExternalIdentity": "person provider valid_from valid_until linked_by link_confirmed_by unlinked_by "
    "unlink_confirmed_by",
    "accounts.GrantProposal": "person role system_id valid_until proposed_by proposed_at settled_by settled_at grant",
    "accounts.AccessReview": "system_id reviewer due_on opened_by opened_at closed_at",
    "accounts.AccessReviewItem": "review grant assigned_to verdict decided_by decided_at",
    "approvals.ApprovalRequest": "subject_id system policy_version requester state opened_at resubmitted_at "
    "review_opened_at escalated_at settled_at valid_until renews",
    "accounts.LegalHold": "kind set_by set_at lifted_by lifted_at",
    "accounts.Passkey": "person backup_eligible enrolled_at confirmed_by confirmed_at ended_at",
    "approvals.Comment": "request author written_at",
    "approvals.Decision": "request round approver on_behalf_of verdict change_class passkey decided_at",
    "approvals.Delegation": "delegator delegate role system valid_from valid_until confirmed_by confirmed_at ended_at",
    "approvals.Finding": "system request severity owner opened_at due_on extensions plan_due proposed_at "
    "closure_evidence closed_at closed_by",
    "approvals.StandingApproval": "system model_id policy_version classification live approval max_uses used made_at "
    "expires_at",
    "approvals.StandingMatch": "standing request number made_at",
    "approvals.Waiver": "request approval made_at expires_at",
    "evidence.Evidence": "subject_id baseline_id origin job made_at",
    "evidence.EvidenceKey": "holder registered_by registered_at ended_at",
    "evidence.EvidenceReview": "evidence reviewer verdict reviewed_at",
    "evidence.Reproduction": "evidence job asked_by result made_at",
    "evidence.SubmittedDocument": "evidence system_id kind submitter issued_on expires_on submitted_at",
    "inventory.AISystem": "owner ai_act_class model_tier class_reopened_at state made_at retired_at",
    "inventory.Classification": "proposed_by proposed_at signed_by signed_at withdrawn_at "
    "system ai_act_class model_tier placed_on",
    "inventory.Correspondence": "system number kind received_on due_on state sent_on answered_by answered_at "
    "recorded_by recorded_at settled_by settled_at erased_at",
    "inventory.DatasetPin": "system pinned_by pinned_at unpinned_at",
    "inventory.Declaration": "system number taken_from made_by made_at verdict reviewed_by reviewed_at",
    "inventory.ModelAssignment": "proposed_by proposed_at signed_by signed_at withdrawn_at system model_id from_system",
    "inventory.Modification": "system number kind class_before declared_by declared_at",
    "inventory.Risk": "system number kind likelihood severity residual_likelihood residual_severity owner "
    "review_on state made_by made_at changed_by changed_at accepted_by accepted_at closed_at",
    "inventory.SuccessCriteria": "proposed_by proposed_at signed_by signed_at withdrawn_at system",
    "monitoring.Alert": "number run newest_run monitor version approval review rollback severity state opened_at "
    "breached_at acknowledged_at acknowledged_by muted_until muted_by resolved_at resolved_by",
    "monitoring.DriftRun": "monitor version window_start window_end rows evidence outcome drifted made_at",
    "monitoring.Incident": "number system version alert widespread equivalent_law owner handed_over_by opened_by "
    "opened_at stated_by state occurred_at aware_at suspected_at link_established_at reported_at reported_by reports "
    "ending closed_at closed_by",
    "monitoring.IncidentNote": "incident author written_at",
    "monitoring.IncidentTask": "incident owner due_on made_at done_at done_by",
    "monitoring.Monitor": "model snapshot enabled enabled_at made_at",
    "monitoring.RecordErasure": "monitor column officer records labels quarantined made_at",
    "monitoring.RetrainHook": "model set_by set_at ended_at",
    "policy.PolicyVersion": "number author made_at publisher published_at",
    "registry.AdoptedAlias": "adoption model version system owner finding state left_at",
    "registry.Adoption": "number deadline proposed_by proposed_at signed_by signed_at withdrawn_at",
    "registry.AliasHistory": "model version during promotion opened_by ended_by adoption",
    "registry.AliasChange": "number kind model version replaces promotion asked_by asked_at state done_at journal_id",
    "registry.ApplyGrant": "change made_at expires_at used_at written_at",
    "registry.GateConfiguration": "number mode registry automatic_revert loosens proposed_by proposed_at signed_by "
    "signed_at ended_at",
    "registry.DatasetSnapshot": "role rows task favourable_direction delete_by gone_at gone_because mirrored_at",
    "registry.BuildsOn": "version base kind stated_by stated_at withdrawn_by withdrawn_at",
    "registry.ModelVersion": "origin model number mlflow_created_at_ms artifact_bytes decision_threshold trained_by "
    "registered_by evaluation_dataset training_dataset mirrored_at",
    "registry.Permit": "approval change kind log_index issued_at expires_at",
    "registry.ObservedAlias": "model number mlflow_created_at_ms first_seen_at last_seen_at finding",
    "registry.PromotionRequest": "number version approval requester change_class state made_at applied_at",
    "registry.RegisteredModel": "system mirrored_at",
    "registry.WatchSpan": "expected_every_s started_at ended_at beats longest_gap_s",
    "registry.ModelSignature": "permit signed_at",
    "registry.RevocationList": "number log_size withdrawn issued_at next_update",
    "validation.Validation": "number approval occasion validator state opened_at begun_at settled_at opinion evidence",
    "validation.ValidationFinding": "validation finding",
    "validation.ValidationPart": "validation part written_at",
    "validation.ValidationTest": "validation kind outcome value low high evidence made_at",
    "reports.Disposal": "system disposed_by kept_until files made_at",
    "reports.Document": "kind system signatory unsigned_bytes time_stamp_ends_at measured declared missing "
    "requested_by made_at",
    "reports.DocumentSignatory": "document person personal_data signed_at",
    "reports.DocumentTimeStamp": "document number stamped_at ends_at",
}


def test_whoever_adds_a_field_says_here_whether_its_values_may_stand_in_the_log_for_ever():
    kept = {
        model._meta.label: " ".join(
            field.name
            for field in model._meta.concrete_fields
            if changes.is_kept(field) and field.name not in {"id", "log_entry"}
        )
        for model in governed_models()
    }
    assert kept == KEPT


@pytest.mark.parametrize(
    ("field", "kept"),
    [
        (models.CharField(max_length=9), False),
        (models.CharField(max_length=9, choices=[("a", "A")]), True),
        (models.TextField(), False),
        (models.EmailField(), False),
        (models.SlugField(), False),
        (models.JSONField(), False),
        (models.BinaryField(), False),
        (models.GenericIPAddressField(), False),
        (models.FileField(), False),
        (models.DurationField(), False),
        (models.DecimalField(max_digits=9, decimal_places=2), True),
        (models.PositiveSmallIntegerField(), True),
        (models.BooleanField(), True),
        (models.DateField(), True),
        (models.DateTimeField(), True),
        (models.UUIDField(), True),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, models.Field) else str(value),
)
def test_a_field_is_kept_by_its_type_and_left_out_by_default(field, kept):
    assert changes.is_kept(field) is kept


def save(*rows: AISystem, **data: object) -> selectors.LogEntry:
    with transaction.atomic():
        entry = audit.append(event=Event.SYSTEM_UPDATED, actor=ME, subjects=rows, data=data)
    return selectors.entry_by_id(entry)


def test_an_update_says_what_was_and_what_became_of_numbers_times_ids_and_listed_words():
    system = AISystem.objects.get(pk=a_system().pk)
    first, second = system.owner, a_person("second@bank.example")
    earlier, later = system.made_at, datetime(2027, 1, 2, 3, 4, 5, 6, UTC)
    system.owner, system.made_at, system.model_tier = second, later, 2
    system.ai_act_class, system.state = AISystem.AIActClass.HIGH, "live"
    entry = save(system, system="credit")
    assert entry.body == rfc8785.dumps(entry.parsed)
    assert entry.parsed["data"] == {
        "system": "credit",
        "changed": {
            "inventory_aisystem": {
                str(system.pk): {
                    "owner": [str(first.pk), str(second.pk)],
                    "ai_act_class": ["", "high"],
                    "model_tier": [None, 2],
                    "state": ["proposed", "live"],
                    "made_at": [clock.rfc3339(earlier), "2027-01-02T03:04:05.000006Z"],
                }
            }
        },
    }


def test_of_free_text_json_and_lists_of_text_only_the_fields_name_is_kept():
    system = a_system()
    system.name, system.purpose, system.favourable_outcome = f"{PRIVATE} 1", f"{PRIVATE} 2", f"{PRIVATE} 3"
    system.success_criteria, system.ai_roles, system.slug = [f"{PRIVATE} 4"], [f"{PRIVATE} 5"], "ndiaye"
    entry = save(system)
    (said,) = entry.parsed["data"]["changed"]["inventory_aisystem"].values()
    names = ("ai_roles", "favourable_outcome", "name", "purpose", "slug", "success_criteria")
    assert said == dict.fromkeys(names, "not kept")
    again = AISystem.objects.get()
    again.purpose = again.name = "-"
    gone = save(again)  # nor does it come in as what a field was before
    for body in (entry.body, gone.body):
        assert b"ndiaye" not in body.lower()


def test_a_word_that_is_none_of_the_choices_is_free_text():
    system = a_system()
    system.state = "Ms Ndiaye"
    assert b"Ndiaye" not in save(system).body
    system.state = "live"
    entry = save(system)
    assert b"Ndiaye" not in entry.body
    assert entry.parsed["data"]["changed"]["inventory_aisystem"][str(system.pk)] == {"state": "not kept"}


def test_the_same_value_in_another_python_form_is_no_change():
    system = a_system()
    system.owner_id, system.model_tier = str(system.owner_id), None
    system.ai_roles, system.success_criteria = ("provider",), []
    entry = save(system)
    assert entry.parsed["data"] == {}


def test_true_and_1_differ_in_json():
    system = a_system()
    system.cost_matrix = {"answer": 1}
    save(system)
    system.cost_matrix = {"answer": True}
    assert b'"cost_matrix":"not kept"' in save(system).body


def test_numbers_without_one_form_and_ranges_of_time_become_text():
    from registry.models import AliasHistory, ModelVersion

    began, ended = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    alias = AliasHistory(during=DateTimeTZRange(began, ended))
    columns = {field.attname: getattr(alias, field.attname) for field in AliasHistory._meta.concrete_fields}
    texts = ["2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z"]
    before = columns | {"during": DateTimeTZRange(began, None)}
    assert changes.changes(alias, before) == {"during": [[texts[0], None], texts]}
    version = ModelVersion(decision_threshold=0.3, artifact_bytes=2**60)
    columns = {field.attname: getattr(version, field.attname) for field in ModelVersion._meta.concrete_fields}
    before = columns | {"decision_threshold": 0.5, "artifact_bytes": 1}
    assert changes.changes(version, before) == {"decision_threshold": ["0.5", "0.3"], "artifact_bytes": [1, str(2**60)]}


def test_what_no_python_code_knows_is_refused():
    system = a_system()
    system.model_tier = F("model_tier")
    with pytest.raises(TypeError, match="holds an expression"):
        save(system)


def test_a_field_that_was_not_read_did_not_change():
    pk = a_system().pk
    system = AISystem.objects.only("state", "log_entry").get(pk=pk)
    system.state = "live"
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        entry = selectors.entry_by_id(audit.append(event=Event.SYSTEM_UPDATED, actor=ME, subjects=[system]))
    assert len(asked) == 4  # what it was, its new state, the entry, and this test's own look at that
    assert entry.parsed["data"]["changed"]["inventory_aisystem"] == {str(pk): {"state": ["proposed", "live"]}}


def test_a_new_row_costs_no_question():
    grant = a_grant(a_person())
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        audit.append(event=Event.ROLE_GRANTED, actor=ME, subjects=[grant])
    assert [query["sql"].split()[0] for query in asked.captured_queries] == ["INSERT", "INSERT"]


def test_a_row_that_comes_or_goes_has_no_changes():
    system = a_system()
    with transaction.atomic():
        audit.append(event=Event.SYSTEM_UPDATED, actor=ME, deleted=[system])
    assert ["changed" in row.parsed["data"] for row in map(selectors.as_entry, selectors.entries())] == [False, False]


def test_several_rows_stand_side_by_side_and_cost_one_question_a_table():
    grants = [granted(a_person()), granted(a_person("other@bank.example"))]
    system = a_system(grants[0].person)
    for grant in grants:
        grant.valid_until = grant.valid_from + timedelta(days=1)
    system.state = "live"
    new = a_grant(system.owner, Role.OWNER)
    with transaction.atomic(), CaptureQueriesContext(connection) as asked:
        entry = audit.append(event=Event.ROLE_GRANTED, actor=ME, subjects=[*grants, system, new])
    statements = [query["sql"].split()[0] for query in asked.captured_queries]
    assert statements == ["SELECT", "SELECT", "UPDATE", "UPDATE", "UPDATE", "INSERT", "INSERT"]
    changed = selectors.entry_by_id(entry).parsed["data"]["changed"]
    assert {table: set(rows) for table, rows in changed.items()} == {
        "accounts_grant": {str(grant.pk) for grant in grants},
        "inventory_aisystem": {str(system.pk)},
    }


def test_nobody_else_says_what_changed():
    with pytest.raises(ValueError, match="append fills it in"), transaction.atomic():
        audit.append(event=Event.LOG_HEARTBEAT, actor=ME, data={"changed": {}})


def test_values_that_changed_are_no_words_to_find_an_entry_by():
    system = a_system()
    system.state = "live"
    words = words_of(save(system, system="credit").parsed)
    assert {"credit", str(system.pk), "inventory_aisystem"} <= set(words)
    assert "live" not in words


def test_the_page_tells_it_in_words(notary, client):
    with as_role("app"):
        system = a_system()
        pk = system.pk
        system.state, system.name, system.model_tier = "live", PRIVATE, 1
        system.owner = a_person("second@bank.example", name="Bea Second")
        save(system)
        with transaction.atomic():
            audit.append(event=Event.SYSTEM_UPDATED, actor=ME, deleted=[system])
        reader = a_person("reader@bank.example")
        granted(reader, Role.RISK_OFFICER)
    notary.round()

    def page(index: int) -> str:
        with as_role("app"):
            client.force_login(reader)
            return " ".join(client.get(reverse("audit-entry", args=[index])).content.decode().split())

    made, updated, gone = page(0), page(1), page(2)
    assert '<ins class="x-ins">created</ins>' in made
    assert '<del class="x-del">Proposed</del>' in updated
    assert '<ins class="x-ins">Live</ins>' in updated
    assert '<ins class="x-ins">Bea Second</ins>' in updated
    assert "Model tier" in updated
    assert f"AI system {str(pk)[:8]}" in updated
    assert "changed; its text is not kept in the log" in updated
    assert PRIVATE not in updated
    assert '<ins class="x-ins">deleted</ins>' in gone


def test_a_field_or_table_that_a_later_release_renamed_keeps_its_old_name():
    fields = {"stage": ["one", None]}
    subjects = [{"table": table, "key": "1", "before": "a", "after": "b"} for table in ("inventory_aisystem", "old")]
    body = {"subjects": subjects, "data": {"changed": {"inventory_aisystem": {"1": fields}, "old": {"1": fields}}}}
    assert people_in(body) == []
    line = {"field": "stage", "before": "one", "after": None}
    assert rows_of(body, {}) == [line | {"row": "AI system 1"}, line | {"row": "old 1"}]


def test_an_interval_is_shown_by_its_ends():
    january, february = "2026-01-01T00:00:00.000000Z", "2026-02-01T00:00:00.000000Z"
    said = {"during": [[january, None], [january, february]]}
    subject = {"table": "registry_aliashistory", "key": "1", "before": "a", "after": "b"}
    (line,) = rows_of({"subjects": [subject], "data": {"changed": {"registry_aliashistory": {"1": said}}}}, {})
    assert line["before"] == "1 Jan 2026, 00:00:00 UTC to open"
    assert line["after"] == "1 Jan 2026, 00:00:00 UTC to 1 Feb 2026, 00:00:00 UTC"
