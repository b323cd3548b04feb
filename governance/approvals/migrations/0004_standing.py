"""Standing approvals, and the rules that the database keeps of them."""

import datetime
import uuid

import django.db.models.deletion
import django.db.models.expressions
from django.db import migrations, models

from governance.audit.operations import Govern

# Which stage of a request is open. None is in a request that a standing approval grants: its row says so, and is refused
# below unless every condition that the database can see holds.
OPEN_STAGE = """
CREATE OR REPLACE FUNCTION approvals_open_stage(asked uuid, stages jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT s.stage FROM jsonb_array_elements(stages) WITH ORDINALITY AS s(stage, n)
  WHERE (SELECT count(DISTINCT coalesce(d.on_behalf_of_id, d.approver_id)) FROM approvals_decision d
         WHERE d.request_id = asked AND d.round = approvals_round(asked) AND d.verdict = 'approve'
           AND d.stage = s.stage ->> 'name') < (s.stage ->> 'quorum')::integer
    AND NOT EXISTS (SELECT FROM approvals_standingmatch m WHERE m.request_id = asked AND m.number IS NOT NULL)
  ORDER BY s.n LIMIT 1
$$;
"""
OPEN_STAGE_BEFORE = """
CREATE OR REPLACE FUNCTION approvals_open_stage(asked uuid, stages jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT s.stage FROM jsonb_array_elements(stages) WITH ORDINALITY AS s(stage, n)
  WHERE (SELECT count(DISTINCT coalesce(d.on_behalf_of_id, d.approver_id)) FROM approvals_decision d
         WHERE d.request_id = asked AND d.round = approvals_round(asked) AND d.verdict = 'approve'
           AND d.stage = s.stage ->> 'name') < (s.stage ->> 'quorum')::integer
  ORDER BY s.n LIMIT 1
$$;
"""

# A standing approval is taken from an approval in force, and decided by a request of its own, with stages, from which
# everybody is kept who is kept from that. Nothing of it changes but the uses, and these are as many as its matches say.
STANDING = """
CREATE FUNCTION approvals_standing_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE live record; deciding record;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF to_jsonb(NEW) - ARRAY['used', 'log_entry'] IS DISTINCT FROM to_jsonb(OLD) - ARRAY['used', 'log_entry'] THEN
      RAISE EXCEPTION 'what standing approval % allows does not change', OLD.id
        USING ERRCODE = '23514', CONSTRAINT = 'standing_approval_does_not_change';
    END IF;
    RETURN NEW;
  END IF;
  SELECT * INTO live FROM approvals_approvalrequest r WHERE r.id = NEW.live_id;
  SELECT * INTO deciding FROM approvals_approvalrequest r WHERE r.id = NEW.approval_id;
  IF NEW.used <> 0 OR live.state <> 'approved' OR live.subject_kind = 'standing-approval'
     OR live.asks_for <> 'alias ' || NEW.alias
     OR left(live.subject_name, length(NEW.model_name) + 1) <> NEW.model_name || '/'
     OR deciding.subject_kind <> 'standing-approval' OR deciding.subject_id <> NEW.id OR deciding.state <> 'collecting'
     OR jsonb_array_length(deciding.stages) = 0 OR NOT deciding.excluded @> live.excluded
     OR (deciding.system_id, deciding.policy_version_id) IS DISTINCT FROM (NEW.system_id, NEW.policy_version_id)
     OR live.system_id <> NEW.system_id THEN
    RAISE EXCEPTION 'request % is not one that decides on standing approval %', NEW.approval_id, NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'standing_approval_decided_by_its_own_request';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER standing_rules BEFORE INSERT OR UPDATE ON approvals_standingapproval
  FOR EACH ROW EXECUTE FUNCTION approvals_standing_rules();
ALTER TABLE approvals_standingapproval ENABLE ALWAYS TRIGGER standing_rules;

CREATE FUNCTION approvals_standing_counts() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE key uuid; row record; asked record;
BEGIN
  IF TG_TABLE_NAME = 'approvals_standingmatch' THEN
    key := NEW.standing_id;
    SELECT * INTO asked FROM approvals_approvalrequest r WHERE r.id = NEW.request_id;
    IF NEW.number IS NOT NULL AND asked.state IN ('collecting', 'in_review', 'changes_requested') THEN
      RAISE EXCEPTION 'a use of standing approval % approves request %', key, NEW.request_id
        USING ERRCODE = '23514', CONSTRAINT = 'use_of_a_standing_approval_approves';
    END IF;
  ELSE
    key := NEW.id;
  END IF;
  SELECT * INTO row FROM approvals_standingapproval s WHERE s.id = key;
  IF row.used <> (SELECT count(*) FROM approvals_standingmatch m WHERE m.standing_id = key AND m.number IS NOT NULL) THEN
    RAISE EXCEPTION 'standing approval % was not used % times', key, row.used
      USING ERRCODE = '23514', CONSTRAINT = 'uses_of_a_standing_approval_are_counted';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER standing_counts AFTER INSERT OR UPDATE ON approvals_standingapproval
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION approvals_standing_counts();
ALTER TABLE approvals_standingapproval ENABLE ALWAYS TRIGGER standing_counts;
CREATE CONSTRAINT TRIGGER standing_counts AFTER INSERT ON approvals_standingmatch
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION approvals_standing_counts();
ALTER TABLE approvals_standingmatch ENABLE ALWAYS TRIGGER standing_counts;
"""

# A use: the request is in review, everything else of it allows, nobody has objected to its version, and it is about the
# model, alias, system and policy version of the standing approval, with the use restrictions that it was taken with. That
# is in force by the database's clock and by the row's own, has a use left, and was signed in each of its stages by people
# who could have signed this request. What serves now is asked in registry, which knows it.
MATCHES = """
CREATE FUNCTION approvals_standing_match_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE own record; asked record; deciding record; live record; at CONSTANT timestamptz := greatest(NEW.made_at, now());
BEGIN
  IF NEW.number IS NULL THEN
    RETURN NEW;
  END IF;
  SELECT * INTO own FROM approvals_standingapproval s WHERE s.id = NEW.standing_id FOR UPDATE;
  SELECT r.*, s.owner_id INTO asked FROM approvals_approvalrequest r JOIN inventory_aisystem s ON s.id = r.system_id
    WHERE r.id = NEW.request_id;
  SELECT * INTO deciding FROM approvals_approvalrequest r WHERE r.id = own.approval_id FOR SHARE;
  SELECT * INTO live FROM approvals_approvalrequest r WHERE r.id = own.live_id;
  IF asked.state <> 'in_review' OR asked.verdict ->> 'outcome' IS DISTINCT FROM 'ALLOW'
     OR asked.context ->> 'change_class' IS DISTINCT FROM 'pre-determined' OR asked.asks_for <> 'alias ' || own.alias
     OR left(asked.subject_name, length(own.model_name) + 1) <> own.model_name || '/'
     OR (asked.system_id, asked.policy_version_id) IS DISTINCT FROM (own.system_id, own.policy_version_id)
     OR asked.subject_kind <> live.subject_kind OR NOT asked.use_restrictions @> live.use_restrictions
     OR EXISTS (SELECT FROM approvals_decision d WHERE d.request_id = asked.id) THEN
    RAISE EXCEPTION 'request % is none that standing approval % is for', NEW.request_id, own.id
      USING ERRCODE = '23514', CONSTRAINT = 'request_is_what_the_standing_approval_is_for';
  END IF;
  IF EXISTS (SELECT FROM approvals_decision d JOIN approvals_approvalrequest r ON r.id = d.request_id
             WHERE r.subject_digest = asked.subject_digest AND d.verdict <> 'approve')
     OR EXISTS (SELECT FROM approvals_approvalrequest r
                WHERE r.subject_digest = asked.subject_digest AND r.state IN ('revoked', 'suspended'))
     OR EXISTS (SELECT FROM evidence_evidence e WHERE e.type = 'human_review/v1'
                  AND e.subject_digest = asked.subject_digest AND e.payload ->> 'verdict' = 'rejected')
     OR 'not_fit' = (SELECT e.payload ->> 'opinion' FROM evidence_evidence e WHERE e.type = 'human_review/v1'
                       AND e.subject_digest = asked.subject_digest AND e.payload ->> 'kind' = 'validation'
                     ORDER BY e.made_at DESC LIMIT 1) THEN
    RAISE EXCEPTION 'somebody has objected to what request % is about', NEW.request_id
      USING ERRCODE = '23514', CONSTRAINT = 'standing_approval_overrules_nobody';
  END IF;
  IF deciding.state <> 'approved' OR deciding.valid_until <= at OR own.expires_at <= at
     OR approvals_open_stage(deciding.id, deciding.stages) IS NOT NULL
     OR own.classification_id IS DISTINCT FROM (
       SELECT c.id FROM inventory_classification c WHERE c.system_id = own.system_id AND c.signed_at IS NOT NULL
       ORDER BY c.signed_at DESC LIMIT 1)
     OR EXISTS (SELECT FROM policy_policyversion signed JOIN policy_policyversion p ON p.name = signed.name
                WHERE signed.id = own.policy_version_id AND p.published_at IS NOT NULL AND p.number > signed.number)
     OR EXISTS (SELECT FROM approvals_finding f WHERE f.system_id = own.system_id AND f.closed_at IS NULL
                  AND f.severity IN ('critical', 'high')) THEN
    RAISE EXCEPTION 'standing approval % is not in force', own.id
      USING ERRCODE = '23514', CONSTRAINT = 'standing_approval_in_force';
  END IF;
  IF NEW.number > own.max_uses OR NEW.number <> 1 + (
       SELECT count(*) FROM approvals_standingmatch m WHERE m.standing_id = own.id AND m.number IS NOT NULL) THEN
    RAISE EXCEPTION 'standing approval % has no use %', own.id, NEW.number
      USING ERRCODE = '23514', CONSTRAINT = 'standing_approval_has_a_use_left';
  END IF;
  IF EXISTS (
       SELECT FROM approvals_decision d, LATERAL unnest(ARRAY[d.approver_id, d.on_behalf_of_id]) who
       LEFT JOIN accounts_user u ON u.id = who
       WHERE d.request_id = deciding.id AND d.verdict = 'approve' AND d.round = approvals_round(deciding.id)
         AND who IS NOT NULL
         AND (NOT u.is_active OR who IN (asked.requester_id, asked.owner_id)
              OR asked.excluded @> jsonb_build_array(jsonb_build_object('person', who::text)))) THEN
    RAISE EXCEPTION 'one who signed standing approval % could not have signed request %', own.id, NEW.request_id
      USING ERRCODE = '23514', CONSTRAINT = 'standing_approval_signed_by_others';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER standing_match_rules BEFORE INSERT ON approvals_standingmatch
  FOR EACH ROW EXECUTE FUNCTION approvals_standing_match_rules();
ALTER TABLE approvals_standingmatch ENABLE ALWAYS TRIGGER standing_match_rules;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0002_guards'),
        ('evidence', '0002_guards'),
        ('inventory', '0002_guards'),
        ('policy', '0002_guards'),
    ]

    operations = [
        migrations.CreateModel(
            name='StandingApproval',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('model_id', models.UUIDField(help_text='The registered model, known by id and name: it lives in a layer above.')),
                ('model_name', models.CharField(max_length=256)),
                ('alias', models.CharField(max_length=255)),
                ('envelope', models.JSONField(help_text='{commit, source, features, threshold, parameters, bounds}')),
                ('max_uses', models.PositiveSmallIntegerField()),
                ('used', models.PositiveSmallIntegerField(default=0)),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('approval', models.OneToOneField(help_text='The request that decides on it.', on_delete=django.db.models.deletion.PROTECT, related_name='standing_approval', to='approvals.approvalrequest')),
                ('classification', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.classification')),
                ('live', models.ForeignKey(help_text='What the envelope was taken from.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.approvalrequest')),
                ('policy_version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='policy.policyversion')),
                ('system', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='standing_approvals', to='inventory.aisystem')),
            ],
        ),
        migrations.CreateModel(
            name='StandingMatch',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('number', models.PositiveSmallIntegerField(help_text='The use, counted from 1; empty: it was outside.', null=True)),
                ('conditions', models.JSONField(help_text='[{id, title, holds, reason}]')),
                ('made_at', models.DateTimeField()),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='standing_matches', to='approvals.approvalrequest')),
                ('standing', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='matches', to='approvals.standingapproval')),
            ],
        ),
        migrations.AddIndex(
            model_name='standingapproval',
            index=models.Index(fields=['model_id', 'alias'], name='standing_by_model_and_alias'),
        ),
        migrations.AddConstraint(
            model_name='standingapproval',
            constraint=models.CheckConstraint(condition=models.Q(('max_uses__gte', 1), ('max_uses__lte', 100)), name='standing_approval_has_few_uses'),
        ),
        migrations.AddConstraint(
            model_name='standingapproval',
            constraint=models.CheckConstraint(condition=models.Q(('used__lte', models.F('max_uses'))), name='standing_approval_not_used_up'),
        ),
        migrations.AddConstraint(
            model_name='standingapproval',
            constraint=models.CheckConstraint(condition=models.Q(('expires_at__gt', models.F('made_at')), ('expires_at__lte', django.db.models.expressions.CombinedExpression(models.F('made_at'), '+', models.Value(datetime.timedelta(days=366))))), name='standing_approval_of_a_year_at_most'),
        ),
        migrations.AddConstraint(
            model_name='standingmatch',
            constraint=models.CheckConstraint(condition=models.Q(('number__isnull', True), ('number__gte', 1), _connector='OR'), name='uses_count_from_one'),
        ),
        migrations.AddConstraint(
            model_name='standingmatch',
            constraint=models.UniqueConstraint(fields=('standing', 'number'), name='each_use_counts_once'),
        ),
        migrations.AddConstraint(
            model_name='standingmatch',
            constraint=models.UniqueConstraint(condition=models.Q(('number__isnull', False)), fields=('request',), name='one_standing_approval_per_request'),
        ),
        Govern("approvals_standingapproval"),
        Govern("approvals_standingmatch", immutable=True),
        migrations.RunSQL(OPEN_STAGE, OPEN_STAGE_BEFORE),
        migrations.RunSQL(
            STANDING, "DROP FUNCTION approvals_standing_rules CASCADE; DROP FUNCTION approvals_standing_counts CASCADE"
        ),
        migrations.RunSQL(MATCHES, "DROP FUNCTION approvals_standing_match_rules CASCADE"),
    ]
