"""Every write of a protected alias, the grants that it took, and what the gate protects."""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from governance.audit.operations import Govern

RULES = """
CREATE SEQUENCE registry_alias_change_number;
CREATE FUNCTION registry_alias_change_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    IF (NEW.number, NEW.kind, NEW.model_id, NEW.alias, NEW.version_id, NEW.replaces_id, NEW.promotion_id,
        NEW.asked_by_id, NEW.asked_at, NEW.journal_id) IS DISTINCT FROM
       (OLD.number, OLD.kind, OLD.model_id, OLD.alias, OLD.version_id, OLD.replaces_id, OLD.promotion_id,
        OLD.asked_by_id, OLD.asked_at, OLD.journal_id) THEN
      RAISE EXCEPTION 'alias change % is about something else now', OLD.number
        USING ERRCODE = '23514', CONSTRAINT = 'alias_change_keeps_its_subject';
    END IF;
    IF OLD.state <> 'asked' AND NEW.state <> OLD.state THEN
      RAISE EXCEPTION 'alias change % is % already', OLD.number, OLD.state
        USING ERRCODE = '23514', CONSTRAINT = 'alias_change_ends_once';
    END IF;
  END IF;
  IF NEW.version_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM registry_modelversion v WHERE v.id = NEW.version_id AND v.model_id = NEW.model_id) THEN
    RAISE EXCEPTION 'alias change % is about another model than its version', NEW.number
      USING ERRCODE = '23514', CONSTRAINT = 'alias_change_of_one_model';
  END IF;
  IF NEW.promotion_id IS NOT NULL AND NEW.version_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM registry_promotionrequest p
       WHERE p.id = NEW.promotion_id AND p.version_id = NEW.version_id AND p.alias = NEW.alias) THEN
    RAISE EXCEPTION 'alias change % rests on the promotion of something else', NEW.number
      USING ERRCODE = '23514', CONSTRAINT = 'alias_change_rests_on_its_promotion';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER alias_change_rules BEFORE INSERT OR UPDATE ON registry_aliaschange
  FOR EACH ROW EXECUTE FUNCTION registry_alias_change_rules();
ALTER TABLE registry_aliaschange ENABLE ALWAYS TRIGGER alias_change_rules;

CREATE FUNCTION registry_grant_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' AND NOT EXISTS (
       SELECT FROM registry_aliaschange c WHERE c.id = NEW.change_id AND c.state = 'asked') THEN
    RAISE EXCEPTION 'a grant is for an alias change that is asked for'
      USING ERRCODE = '23514', CONSTRAINT = 'grant_for_an_asked_change';
  END IF;
  IF TG_OP = 'UPDATE' AND ((NEW.change_id, NEW.digest, NEW.made_at, NEW.expires_at) IS DISTINCT FROM
       (OLD.change_id, OLD.digest, OLD.made_at, OLD.expires_at)
       OR OLD.used_at IS NOT NULL AND NEW.used_at IS DISTINCT FROM OLD.used_at
       OR OLD.written_at IS NOT NULL AND NEW.written_at IS DISTINCT FROM OLD.written_at) THEN
    RAISE EXCEPTION 'a grant is used once, for what it was made for'
      USING ERRCODE = '23514', CONSTRAINT = 'grant_is_used_once';
  END IF;
  IF NEW.used_at IS NOT NULL AND NEW.used_at >= NEW.expires_at THEN
    RAISE EXCEPTION 'a grant is used before it ends' USING ERRCODE = '23514', CONSTRAINT = 'grant_is_used_in_time';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER grant_rules BEFORE INSERT OR UPDATE ON registry_applygrant
  FOR EACH ROW EXECUTE FUNCTION registry_grant_rules();
ALTER TABLE registry_applygrant ENABLE ALWAYS TRIGGER grant_rules;

CREATE FUNCTION registry_alias_history_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.opened_by_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM registry_aliaschange c
       WHERE c.id = NEW.opened_by_id AND c.model_id = NEW.model_id AND c.alias = NEW.alias
         AND c.version_id = NEW.version_id AND c.state = 'done') THEN
    RAISE EXCEPTION 'what an alias meant was begun by another write' USING ERRCODE = '23514',
      CONSTRAINT = 'alias_history_begins_by_its_change';
  END IF;
  IF NEW.ended_by_id IS NOT NULL AND (upper_inf(NEW.during) OR NOT EXISTS (
       SELECT FROM registry_aliaschange c
       WHERE c.id = NEW.ended_by_id AND c.model_id = NEW.model_id AND c.alias = NEW.alias AND c.state = 'done')) THEN
    RAISE EXCEPTION 'what an alias meant was ended by another write' USING ERRCODE = '23514',
      CONSTRAINT = 'alias_history_ends_by_its_change';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER alias_history_rules AFTER INSERT OR UPDATE ON registry_aliashistory
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_alias_history_rules();
ALTER TABLE registry_aliashistory ENABLE ALWAYS TRIGGER alias_history_rules;

CREATE FUNCTION registry_gate_configuration_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF (NEW.number, NEW.protected_aliases, NEW.mode, NEW.registry, NEW.automatic_revert, NEW.loosens, NEW.proposed_by_id,
      NEW.proposed_at) IS DISTINCT FROM
     (OLD.number, OLD.protected_aliases, OLD.mode, OLD.registry, OLD.automatic_revert, OLD.loosens, OLD.proposed_by_id,
      OLD.proposed_at)
     OR OLD.signed_at IS NOT NULL AND NEW.signed_at IS DISTINCT FROM OLD.signed_at
     OR OLD.ended_at IS NOT NULL THEN
    RAISE EXCEPTION 'gate configuration % is written anew, never changed', OLD.number
      USING ERRCODE = '23514', CONSTRAINT = 'gate_configuration_never_changes';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER gate_configuration_rules BEFORE UPDATE ON registry_gateconfiguration
  FOR EACH ROW EXECUTE FUNCTION registry_gate_configuration_rules();
ALTER TABLE registry_gateconfiguration ENABLE ALWAYS TRIGGER gate_configuration_rules;
"""
UNDO = """
DROP FUNCTION registry_alias_change_rules, registry_grant_rules, registry_alias_history_rules,
  registry_gate_configuration_rules CASCADE;
DROP SEQUENCE registry_alias_change_number;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0004_standing'),
        ('audit', '0002_log'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='AliasChange',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('number', models.BigIntegerField(help_text='What people call it: AC-7.', unique=True)),
                ('kind', models.CharField(choices=[('promotion', 'Promotion'), ('rollback', 'Rollback'), ('stop', 'Stop'), ('break_glass', 'Break-glass'), ('revert', 'Revert')], max_length=12)),
                ('alias', models.CharField(max_length=255)),
                ('reason', models.CharField(blank=True, max_length=1000)),
                ('asked_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('asked', 'Asked'), ('done', 'Done'), ('failed', 'Failed')], default='asked', max_length=8)),
                ('state_reason', models.CharField(blank=True, max_length=500)),
                ('done_at', models.DateTimeField(null=True)),
                ('journal_id', models.UUIDField(help_text="The plugin's own name of it, if it was done while Placet was away.", null=True, unique=True)),
                ('asked_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='alias_changes', to='registry.registeredmodel')),
                ('promotion', models.ForeignKey(help_text='On whose approval the version serves; null where nobody approved it.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='changes', to='registry.promotionrequest')),
                ('replaces', models.ForeignKey(help_text='What was live when it was asked.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.modelversion')),
                ('version', models.ForeignKey(help_text='Null takes the alias off.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.modelversion')),
            ],
        ),
        migrations.AddField(
            model_name='aliashistory',
            name='ended_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='ended', to='registry.aliaschange'),
        ),
        migrations.AddField(
            model_name='aliashistory',
            name='opened_by',
            field=models.ForeignKey(help_text='The change that began it; null for what was adopted.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='opened', to='registry.aliaschange'),
        ),
        migrations.CreateModel(
            name='ApplyGrant',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('digest', models.CharField(max_length=71, unique=True)),
                ('made_at', models.DateTimeField()),
                ('expires_at', models.DateTimeField()),
                ('used_at', models.DateTimeField(help_text='When the gate let the call through.', null=True)),
                ('written_at', models.DateTimeField(help_text='When MLflow was seen to have done it.', null=True)),
                ('change', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='grants', to='registry.aliaschange')),
            ],
        ),
        migrations.CreateModel(
            name='GateConfiguration',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('number', models.PositiveIntegerField(unique=True)),
                ('protected_aliases', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=255), help_text='Names or shell patterns, folded.', size=None)),
                ('mode', models.CharField(choices=[('observe', 'Observe'), ('warn', 'Warn'), ('block', 'Block')], help_text='For models that no policy governs.', max_length=8)),
                ('registry', models.CharField(choices=[('governed', "Governed: MLflow runs Placet's plugin"), ('stock', 'Stock: detected, not prevented')], max_length=8)),
                ('automatic_revert', models.BooleanField(default=False)),
                ('loosens', models.BooleanField(default=False, help_text='It protects less than the one before.')),
                ('reason', models.CharField(max_length=1000)),
                ('proposed_at', models.DateTimeField()),
                ('signed_at', models.DateTimeField(null=True)),
                ('ended_at', models.DateTimeField(help_text='When another took its place, or it was withdrawn.', null=True)),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('signed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddIndex(
            model_name='aliaschange',
            index=models.Index(fields=['state', 'asked_at'], name='alias_change_by_state'),
        ),
        migrations.AddConstraint(
            model_name='aliaschange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('kind__in', ['promotion', 'rollback']), ('promotion__isnull', False), ('version__isnull', False)), models.Q(('asked_by__isnull', False), ('kind', 'break_glass'), ('promotion__isnull', True), ('version__isnull', False)), models.Q(('kind', 'stop'), ('version__isnull', True)), models.Q(('asked_by__isnull', True), ('kind', 'revert')), _connector='OR'), name='alias_change_has_what_its_kind_needs'),
        ),
        migrations.AddConstraint(
            model_name='aliaschange',
            constraint=models.CheckConstraint(condition=models.Q(('kind__in', ['promotion', 'revert']), models.Q(('reason', ''), _negated=True), _connector='OR'), name='alias_change_says_why'),
        ),
        migrations.AddConstraint(
            model_name='aliaschange',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('done_at__isnull', False), ('state', 'done')), models.Q(models.Q(('state', 'done'), _negated=True), ('done_at__isnull', True)), _connector='OR'), name='alias_change_is_done_at_a_time'),
        ),
        migrations.AddConstraint(
            model_name='applygrant',
            constraint=models.UniqueConstraint(condition=models.Q(('written_at__isnull', False)), fields=('change',), name='one_write_per_alias_change'),
        ),
        migrations.AddConstraint(
            model_name='applygrant',
            constraint=models.CheckConstraint(condition=models.Q(('written_at__isnull', True), ('used_at__isnull', False), _connector='OR'), name='only_a_used_grant_has_written'),
        ),
        migrations.AddConstraint(
            model_name='gateconfiguration',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('signed_at__isnull', True), ('signed_by__isnull', True)), models.Q(('signed_at__gte', models.F('proposed_at')), ('signed_by__isnull', False), models.Q(('signed_by', models.F('proposed_by')), _negated=True)), _connector='OR'), name='gate_configuration_signed_by_a_second_person'),
        ),
        migrations.AddConstraint(
            model_name='gateconfiguration',
            constraint=models.UniqueConstraint(models.ExpressionWrapper(models.Q(('signed_at__isnull', False)), output_field=models.BooleanField()), condition=models.Q(('ended_at__isnull', True)), name='one_gate_configuration_in_force_and_one_proposed'),
        ),
        migrations.AddConstraint(
            model_name='gateconfiguration',
            constraint=models.CheckConstraint(condition=models.Q(('protected_aliases', []), _negated=True), name='gate_protects_something'),
        ),
        Govern("registry_aliaschange"),
        Govern("registry_applygrant"),
        Govern("registry_gateconfiguration"),
        migrations.RunSQL(RULES, UNDO),
    ]
