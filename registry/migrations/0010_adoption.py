"""What was in production when Placet came: adoptions, what they hold, and the history that they begin."""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from governance.audit.operations import Govern

# Nothing of an adoption changes but by its signature, or its withdrawal, and what it holds stands afterwards.
RULES = """
CREATE FUNCTION registry_adoption_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.deadline > (NEW.proposed_at AT TIME ZONE 'UTC')::date + 366 THEN
    RAISE EXCEPTION 'adoption % is for a year at most', NEW.number
      USING ERRCODE = '23514', CONSTRAINT = 'adoption_of_a_year_at_most';
  END IF;
  IF TG_OP = 'UPDATE' AND ((NEW.number, NEW.deadline, NEW.only, NEW.proposed_by_id, NEW.proposed_at) IS DISTINCT FROM
       (OLD.number, OLD.deadline, OLD.only, OLD.proposed_by_id, OLD.proposed_at)
       OR (OLD.signed_at IS NOT NULL OR OLD.withdrawn_at IS NOT NULL)
          AND (NEW.signed_by_id, NEW.signed_at, NEW.withdrawn_at) IS DISTINCT FROM
              (OLD.signed_by_id, OLD.signed_at, OLD.withdrawn_at)) THEN
    RAISE EXCEPTION 'adoption % is proposed anew, never changed', NEW.number
      USING ERRCODE = '23514', CONSTRAINT = 'adoption_never_changes';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER adoption_rules BEFORE INSERT OR UPDATE ON registry_adoption
  FOR EACH ROW EXECUTE FUNCTION registry_adoption_rules();
ALTER TABLE registry_adoption ENABLE ALWAYS TRIGGER adoption_rules;

CREATE FUNCTION registry_adopted_alias_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE own record;
BEGIN
  IF TG_OP = 'UPDATE' AND ((NEW.adoption_id, NEW.model_id, NEW.alias, NEW.stage, NEW.version_id, NEW.digest,
        NEW.system_id, NEW.owner_id) IS DISTINCT FROM
       (OLD.adoption_id, OLD.model_id, OLD.alias, OLD.stage, OLD.version_id, OLD.digest, OLD.system_id, OLD.owner_id)
       OR OLD.state <> 'proposed' AND (NEW.state, NEW.finding_id) IS DISTINCT FROM (OLD.state, OLD.finding_id)
       OR OLD.left_at IS NOT NULL AND NEW.left_at IS DISTINCT FROM OLD.left_at) THEN
    RAISE EXCEPTION 'what was adopted does not change' USING ERRCODE = '23514', CONSTRAINT = 'adopted_never_changes';
  END IF;
  SELECT * INTO own FROM registry_adoption a WHERE a.id = NEW.adoption_id;
  IF TG_OP = 'INSERT' AND (own.signed_at IS NOT NULL OR own.withdrawn_at IS NOT NULL OR NEW.state <> 'proposed') THEN
    RAISE EXCEPTION 'nothing is added to adoption % once it is settled', own.number
      USING ERRCODE = '23514', CONSTRAINT = 'adopted_as_it_was_proposed';
  END IF;
  IF NOT EXISTS (SELECT FROM registry_modelversion v WHERE v.id = NEW.version_id AND v.model_id = NEW.model_id) THEN
    RAISE EXCEPTION 'the version is of another model' USING ERRCODE = '23514', CONSTRAINT = 'adopted_of_one_model';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER adopted_alias_rules BEFORE INSERT OR UPDATE ON registry_adoptedalias
  FOR EACH ROW EXECUTE FUNCTION registry_adopted_alias_rules();
ALTER TABLE registry_adoptedalias ENABLE ALWAYS TRIGGER adopted_alias_rules;

CREATE FUNCTION registry_adopted_as_a_whole() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE own record;
BEGIN
  SELECT a.number, a.signed_at, r.state INTO own
  FROM registry_adoption a JOIN registry_adoptedalias r ON r.adoption_id = a.id WHERE r.id = NEW.id;
  IF (own.signed_at IS NULL) <> (own.state = 'proposed') THEN
    RAISE EXCEPTION 'adoption % is signed as a whole', own.number
      USING ERRCODE = '23514', CONSTRAINT = 'adopted_as_a_whole';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER adopted_as_a_whole AFTER INSERT OR UPDATE ON registry_adoptedalias
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_adopted_as_a_whole();
ALTER TABLE registry_adoptedalias ENABLE ALWAYS TRIGGER adopted_as_a_whole;

CREATE FUNCTION registry_adoption_signed_as_a_whole() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NEW.signed_at IS NOT NULL AND EXISTS (
       SELECT FROM registry_adoptedalias r WHERE r.adoption_id = NEW.id AND r.state = 'proposed') THEN
    RAISE EXCEPTION 'adoption % is signed as a whole', NEW.number
      USING ERRCODE = '23514', CONSTRAINT = 'adopted_as_a_whole';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER adopted_as_a_whole AFTER UPDATE ON registry_adoption
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_adoption_signed_as_a_whole();
ALTER TABLE registry_adoption ENABLE ALWAYS TRIGGER adopted_as_a_whole;

CREATE FUNCTION registry_adopted_history_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.adoption_id IS DISTINCT FROM OLD.adoption_id THEN
    RAISE EXCEPTION 'what was adopted, and what was not, stays so' USING ERRCODE = '23514',
      CONSTRAINT = 'alias_history_keeps_its_adoption';
  END IF;
  IF NEW.adoption_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM registry_adoption a JOIN registry_adoptedalias r ON r.adoption_id = a.id
       WHERE a.id = NEW.adoption_id AND a.signed_at IS NOT NULL AND r.state = 'adopted' AND r.model_id = NEW.model_id
         AND r.alias = NEW.alias AND r.version_id = NEW.version_id AND lower(NEW.during) >= a.proposed_at) THEN
    RAISE EXCEPTION 'no signed adoption says that this was there' USING ERRCODE = '23514',
      CONSTRAINT = 'alias_history_by_a_signed_adoption';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER adopted_history_rules AFTER INSERT OR UPDATE ON registry_aliashistory
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION registry_adopted_history_rules();
ALTER TABLE registry_aliashistory ENABLE ALWAYS TRIGGER adopted_history_rules;
"""
UNDO = """
DROP FUNCTION registry_adoption_rules, registry_adopted_alias_rules, registry_adopted_as_a_whole,
  registry_adoption_signed_as_a_whole, registry_adopted_history_rules CASCADE;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0005_renewals'),
        ('inventory', '0002_guards'),
        ('registry', '0009_revocations'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Adoption',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('number', models.PositiveIntegerField(help_text='What people call it: AD-3.', unique=True)),
                ('deadline', models.DateField(help_text='Until when each of them needs an approval of its own.')),
                ('only', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(max_length=256), default=list, help_text='Patterns of model names; empty: all.', size=None)),
                ('reason', models.CharField(max_length=1000)),
                ('proposed_at', models.DateTimeField()),
                ('signed_at', models.DateTimeField(null=True)),
                ('withdrawn_at', models.DateTimeField(null=True)),
                ('proposed_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('signed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='AdoptedAlias',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('alias', models.CharField(blank=True, help_text='Folded; empty where it is the stage.', max_length=255)),
                ('stage', models.CharField(blank=True, help_text='Production, or empty.', max_length=40)),
                ('digest', models.CharField(blank=True, help_text='Of its bytes when proposed; empty: not digested.', max_length=71)),
                ('state', models.CharField(choices=[('proposed', 'Proposed'), ('adopted', 'Adopted'), ('skipped', 'Skipped')], default='proposed', max_length=8)),
                ('state_reason', models.CharField(blank=True, max_length=500)),
                ('left_at', models.DateTimeField(help_text='When it was approved, replaced or taken off.', null=True)),
                ('finding', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='adopted', to='approvals.finding')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='adopted', to='registry.registeredmodel')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('system', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.aisystem')),
                ('version', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='adopted', to='registry.modelversion')),
                ('adoption', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='rows', to='registry.adoption')),
            ],
        ),
        migrations.AddField(
            model_name='aliashistory',
            name='adoption',
            field=models.ForeignKey(help_text='By which it serves without an approval: it was there when Placet came.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='alias_history', to='registry.adoption'),
        ),
        migrations.AddConstraint(
            model_name='aliashistory',
            constraint=models.CheckConstraint(condition=models.Q(('adoption__isnull', True), models.Q(('opened_by__isnull', True), ('promotion__isnull', True)), _connector='OR'), name='what_was_adopted_has_no_approval'),
        ),
        migrations.AddConstraint(
            model_name='adoption',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('signed_at__isnull', True), ('signed_by__isnull', True)), models.Q(('signed_at__gte', models.F('proposed_at')), ('signed_by__isnull', False), ('withdrawn_at__isnull', True), models.Q(('signed_by', models.F('proposed_by')), _negated=True)), _connector='OR'), name='adoption_signed_by_a_second_person'),
        ),
        migrations.AddConstraint(
            model_name='adoption',
            constraint=models.UniqueConstraint(models.ExpressionWrapper(models.Q(('signed_at__isnull', True)), output_field=models.BooleanField()), condition=models.Q(('signed_at__isnull', True), ('withdrawn_at__isnull', True)), name='one_adoption_proposed_at_a_time'),
        ),
        migrations.AddIndex(
            model_name='adoptedalias',
            index=models.Index(fields=['state', 'left_at'], name='adopted_by_state'),
        ),
        migrations.AddConstraint(
            model_name='adoptedalias',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('alias', ''), _negated=True), models.Q(('stage', ''), _negated=True), _connector='XOR'), name='adopted_is_an_alias_or_a_stage'),
        ),
        migrations.AddConstraint(
            model_name='adoptedalias',
            constraint=models.UniqueConstraint(condition=models.Q(('alias', ''), _negated=True), fields=('adoption', 'model', 'alias'), name='one_row_per_alias_in_an_adoption'),
        ),
        migrations.AddConstraint(
            model_name='adoptedalias',
            constraint=models.UniqueConstraint(condition=models.Q(('stage', ''), _negated=True), fields=('adoption', 'version'), name='one_row_per_stage_in_an_adoption'),
        ),
        migrations.AddConstraint(
            model_name='adoptedalias',
            constraint=models.CheckConstraint(condition=models.Q(('left_at__isnull', True), ('state', 'adopted'), _connector='OR'), name='only_what_was_adopted_leaves'),
        ),
        Govern("registry_adoption"),
        Govern("registry_adoptedalias"),
        migrations.RunSQL(RULES, UNDO),
    ]
