"""Serious incidents with their tasks and notes, under the log's guard, and what the database keeps of them."""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from governance.audit.operations import Govern

# An incident moves one way and stays what it is of; numbers have no gap; no time lies in the future (a minute is left
# for clocks of two machines that differ); one is closed when nothing is left to do about it.
INCIDENTS = """
CREATE FUNCTION incident_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE latest timestamptz := clock_timestamp() + interval '1 minute';
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'incident % stays; it can be closed', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'incident_stays';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'open' THEN
      RAISE EXCEPTION 'an incident begins open, not %', NEW.state
        USING ERRCODE = '23514', CONSTRAINT = 'incident_moves_one_way';
    END IF;
    IF NEW.number <> (SELECT coalesce(max(i.number), 0) + 1 FROM monitoring_incident i) THEN
      RAISE EXCEPTION 'incident number % leaves a gap', NEW.number
        USING ERRCODE = '23514', CONSTRAINT = 'incident_numbers_have_no_gap';
    END IF;
  ELSE
    IF (NEW.number, NEW.system_id, NEW.alert_id, NEW.opened_by_id, NEW.opened_at)
       IS DISTINCT FROM (OLD.number, OLD.system_id, OLD.alert_id, OLD.opened_by_id, OLD.opened_at) THEN
      RAISE EXCEPTION 'what incident % is of, and who opened it, does not change', OLD.id
        USING ERRCODE = '23514', CONSTRAINT = 'incident_of_one_system';
    END IF;
    IF NEW.state <> OLD.state AND NOT ((OLD.state, NEW.state) IN (('open', 'reported'), ('open', 'closed'),
                                                                  ('reported', 'closed'))) THEN
      RAISE EXCEPTION 'incident % cannot go from % to %', OLD.id, OLD.state, NEW.state
        USING ERRCODE = '23514', CONSTRAINT = 'incident_moves_one_way';
    END IF;
    IF NEW.reports < OLD.reports THEN
      RAISE EXCEPTION 'a report of incident % was sent and can not be unsent', OLD.id
        USING ERRCODE = '23514', CONSTRAINT = 'sent_report_stays';
    END IF;
  END IF;
  IF greatest(NEW.occurred_at, NEW.aware_at, NEW.suspected_at, NEW.link_established_at, NEW.reported_at,
              NEW.opened_at, NEW.closed_at) > latest THEN
    RAISE EXCEPTION 'a time of incident % lies in the future', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'no_time_of_an_incident_in_the_future';
  END IF;
  IF NEW.state = 'closed' AND EXISTS (
       SELECT FROM monitoring_incidenttask t WHERE t.incident_id = NEW.id AND t.done_at IS NULL) THEN
    RAISE EXCEPTION 'tasks of incident % are open', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'incident_closed_without_open_tasks';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER incident_rules BEFORE INSERT OR UPDATE OR DELETE ON monitoring_incident
  FOR EACH ROW EXECUTE FUNCTION incident_rules();
ALTER TABLE monitoring_incident ENABLE ALWAYS TRIGGER incident_rules;
"""

# An owner changes by the one event that says so. The entry is written after the row, so this looks at the commit.
OWNERS = """
CREATE FUNCTION incident_owner_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM audit_entry e WHERE e.id = NEW.log_entry
                 AND convert_from(e.body, 'UTF8')::jsonb ->> 'event' = 'incident.handed_over') THEN
    RAISE EXCEPTION 'incident % gets another owner by being handed over', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'incident_owner_by_handing_over';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER incident_owner_rules AFTER UPDATE ON monitoring_incident DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN ((NEW.owner_id, NEW.handed_over_by_id) IS DISTINCT FROM (OLD.owner_id, OLD.handed_over_by_id))
  EXECUTE FUNCTION incident_owner_rules();
ALTER TABLE monitoring_incident ENABLE ALWAYS TRIGGER incident_owner_rules;
"""

# Tasks and notes are added while the incident is not closed. The lock makes a closing wait for them, and them for it.
PARTS = """
CREATE FUNCTION incident_part_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE stands text;
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'task % stays; it can be done', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'incident_task_stays';
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.incident_id <> OLD.incident_id THEN
    RAISE EXCEPTION 'task % is of one incident', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'incident_task_of_one_incident';
  END IF;
  SELECT i.state INTO stands FROM monitoring_incident i WHERE i.id = NEW.incident_id FOR SHARE;
  IF stands = 'closed' THEN
    RAISE EXCEPTION 'incident % is closed, so nothing is added to it', NEW.incident_id
      USING ERRCODE = '23514', CONSTRAINT = 'incident_worked_on_while_open';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER part_rules BEFORE INSERT OR UPDATE OR DELETE ON monitoring_incidenttask
  FOR EACH ROW EXECUTE FUNCTION incident_part_rules();
ALTER TABLE monitoring_incidenttask ENABLE ALWAYS TRIGGER part_rules;
CREATE TRIGGER part_rules BEFORE INSERT ON monitoring_incidentnote
  FOR EACH ROW EXECUTE FUNCTION incident_part_rules();
ALTER TABLE monitoring_incidentnote ENABLE ALWAYS TRIGGER part_rules;
"""


class Migration(migrations.Migration):

    dependencies = [
        ('audit', '0002_log'),
        ('inventory', '0002_guards'),
        ('monitoring', '0002_guards'),
        ('registry', '0012_workspaces'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Incident',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('number', models.BigIntegerField(help_text='What people call it: INC-3. Without gaps.', unique=True)),
                ('title', models.CharField(max_length=300)),
                ('harms', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('death', 'Death of a person'), ('health', 'Serious harm to health'), ('infrastructure', 'Disruption of critical infrastructure'), ('rights', 'Breach of duties that protect fundamental rights'), ('property', 'Serious harm to property or the environment')], max_length=14), default=list, help_text='Every outcome of Article 3(49) that it had or may have had; empty: none is established.', size=None)),
                ('widespread', models.BooleanField(default=False, help_text='A widespread infringement, Article 73(3).')),
                ('member_states', django.contrib.postgres.fields.ArrayField(base_field=models.CharField(choices=[('AT', 'Austria'), ('BE', 'Belgium'), ('BG', 'Bulgaria'), ('HR', 'Croatia'), ('CY', 'Cyprus'), ('CZ', 'Czechia'), ('DK', 'Denmark'), ('EE', 'Estonia'), ('FI', 'Finland'), ('FR', 'France'), ('DE', 'Germany'), ('GR', 'Greece'), ('HU', 'Hungary'), ('IE', 'Ireland'), ('IT', 'Italy'), ('LV', 'Latvia'), ('LT', 'Lithuania'), ('LU', 'Luxembourg'), ('MT', 'Malta'), ('NL', 'Netherlands'), ('PL', 'Poland'), ('PT', 'Portugal'), ('RO', 'Romania'), ('SK', 'Slovakia'), ('SI', 'Slovenia'), ('ES', 'Spain'), ('SE', 'Sweden')], max_length=2), default=list, help_text='Where it occurred, which decides the authority.', size=None)),
                ('equivalent_law', models.CharField(blank=True, choices=[('Art 73.9', 'Equivalent reporting duty of the provider'), ('Art 73.10', 'Medical or in vitro diagnostic device')], help_text='The paragraph that limits what is notified.', max_length=9)),
                ('opened_at', models.DateTimeField()),
                ('state', models.CharField(choices=[('open', 'Open'), ('reported', 'Reported'), ('closed', 'Closed')], default='open', max_length=8)),
                ('occurred_at', models.DateTimeField(help_text='Empty: not known yet.', null=True)),
                ('aware_at', models.DateTimeField(help_text='When the organisation became aware of it; starts the clocks.')),
                ('suspected_at', models.DateTimeField(help_text='When a link to the AI system was first suspected.', null=True)),
                ('link_established_at', models.DateTimeField(help_text='When the causal link, or its reasonable likelihood, was established.', null=True)),
                ('reported_at', models.DateTimeField(help_text='When the first report went to the authority.', null=True)),
                ('authority', models.CharField(blank=True, help_text='Which market surveillance authority has it.', max_length=200)),
                ('reference', models.CharField(blank=True, help_text="The authority's, or of the dispatch.", max_length=200)),
                ('reports', models.PositiveSmallIntegerField(default=0, help_text='How many were sent, with those that followed.')),
                ('ending', models.CharField(blank=True, choices=[('reported', 'Reported'), ('not_serious', 'Not a serious incident'), ('not_owed', 'No report is owed'), ('provider_informed', 'The provider is informed')], help_text='On which ground it was closed.', max_length=17)),
                ('ending_reference', models.CharField(blank=True, help_text='The law by which no report is owed; or which provider was informed, how.', max_length=200)),
                ('closed_at', models.DateTimeField(null=True)),
                ('alert', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to='monitoring.alert')),
                ('closed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('handed_over_by', models.ForeignKey(help_text='Who gave it its present owner.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to=settings.AUTH_USER_MODEL)),
                ('reported_by', models.ForeignKey(help_text='Who recorded that report.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('stated_by', models.ForeignKey(help_text='Who stated facts of it last.', on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('system', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to='inventory.aisystem')),
                ('version', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to='registry.modelversion')),
            ],
        ),
        migrations.CreateModel(
            name='IncidentNote',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('written_at', models.DateTimeField()),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='notes', to='monitoring.incident')),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='IncidentTask',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('due_on', models.DateField()),
                ('made_at', models.DateTimeField()),
                ('done_at', models.DateTimeField(null=True)),
                ('done_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('incident', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='tasks', to='monitoring.incident')),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.AddIndex(
            model_name='incident',
            index=models.Index(fields=['state', 'aware_at'], name='incident_by_state'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('harms__contained_by', ['death', 'health', 'infrastructure', 'rights', 'property'])), name='known_harms_of_an_incident'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('member_states__contained_by', ['AT', 'BE', 'BG', 'HR', 'CY', 'CZ', 'DK', 'EE', 'FI', 'FR', 'DE', 'GR', 'HU', 'IE', 'IT', 'LV', 'LT', 'LU', 'MT', 'NL', 'PL', 'PT', 'RO', 'SK', 'SI', 'ES', 'SE'])), name='known_member_states_of_an_incident'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('equivalent_law__in', ['', 'Art 73.9', 'Art 73.10'])), name='known_law_that_is_equivalent'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('occurred_at__isnull', True), models.Q(('occurred_at__lte', models.F('aware_at')), models.Q(('suspected_at__isnull', True), ('occurred_at__lte', models.F('suspected_at')), _connector='OR')), _connector='OR'), name='incident_occurred_before_it_was_known'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('aware_at__lte', models.F('opened_at'))), name='aware_once_it_is_written_down'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('link_established_at__isnull', True), models.Q(('link_established_at__gte', models.F('aware_at')), models.Q(('suspected_at__isnull', True), ('suspected_at__lte', models.F('link_established_at')), _connector='OR')), _connector='OR'), name='link_established_after_awareness_and_suspicion'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('reported_at__isnull', True), ('reported_at__gte', models.F('aware_at')), _connector='OR'), name='reported_after_awareness'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('authority', ''), ('reference', ''), ('reported_at__isnull', True), ('reported_by__isnull', True), ('reports', 0)), models.Q(('reported_at__isnull', False), ('reported_by__isnull', False), ('reports__gte', 1), models.Q(('authority', ''), _negated=True), models.Q(('reference', ''), _negated=True)), _connector='OR'), name='reported_to_an_authority_with_a_reference'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reported_at__isnull', True), ('state', 'open')), models.Q(('reported_at__isnull', False), ('state', 'reported')), ('state', 'closed'), _connector='OR'), name='reported_once_a_report_was_sent'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(models.Q(('state', 'closed'), _negated=True), ('ending', '')), models.Q(('ending', 'reported'), ('reported_at__isnull', False), ('state', 'closed')), models.Q(('ending__in', ['not_serious', 'not_owed', 'provider_informed']), ('state', 'closed')), _connector='OR'), name='closed_on_a_ground'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('ending__in', ['not_owed', 'provider_informed']), models.Q(('ending_reference', ''), _negated=True)), models.Q(models.Q(('ending__in', ['not_owed', 'provider_informed']), _negated=True), ('ending_reference', '')), _connector='OR'), name='no_report_of_our_own_has_a_reference'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', False), ('closed_by__isnull', False), ('state', 'closed')), models.Q(models.Q(('state', 'closed'), _negated=True), ('closed_at__isnull', True), ('closed_by__isnull', True)), _connector='OR'), name='incident_closed_by_somebody_iff_closed'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('closed_by__isnull', True), models.Q(models.Q(('closed_by', models.F('owner')), _negated=True), models.Q(('handed_over_by__isnull', True), models.Q(('closed_by', models.F('handed_over_by')), _negated=True), _connector='OR')), _connector='OR'), name='incident_closed_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('closed_by__isnull', True), models.Q(('ending', 'reported'), models.Q(('closed_by', models.F('reported_by')), _negated=True)), models.Q(models.Q(('ending', 'reported'), _negated=True), models.Q(('closed_by', models.F('opened_by')), _negated=True), models.Q(('closed_by', models.F('stated_by')), _negated=True)), _connector='OR'), name='incident_not_closed_by_whose_word_it_rests_on'),
        ),
        migrations.AddConstraint(
            model_name='incidenttask',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('done_at__isnull', True), ('done_by__isnull', True)), models.Q(('done_at__isnull', False), ('done_by__isnull', False)), _connector='OR'), name='task_done_by_somebody_iff_done'),
        ),
        Govern("monitoring_incident", sealed_when="closed_at"),
        Govern("monitoring_incidenttask", sealed_when="done_at"),
        Govern("monitoring_incidentnote", immutable=True),
        migrations.RunSQL(INCIDENTS, "DROP FUNCTION incident_rules CASCADE"),
        migrations.RunSQL(OWNERS, "DROP FUNCTION incident_owner_rules CASCADE"),
        migrations.RunSQL(PARTS, "DROP FUNCTION incident_part_rules CASCADE"),
    ]
