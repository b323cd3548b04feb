"""Serious incidents with their tasks and notes, under the log's guard, and what the database keeps of them."""

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
    IF (NEW.number, NEW.system_id, NEW.alert_id, NEW.owner_id, NEW.opened_by_id, NEW.opened_at)
       IS DISTINCT FROM (OLD.number, OLD.system_id, OLD.alert_id, OLD.owner_id, OLD.opened_by_id, OLD.opened_at) THEN
      RAISE EXCEPTION 'what incident % is of, and who opened and owns it, does not change', OLD.id
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
                ('harm', models.CharField(choices=[('a', 'Death, or serious harm to health'), ('b', 'Disruption of critical infrastructure'), ('c', 'Breach of duties that protect fundamental rights'), ('d', 'Serious harm to property or the environment'), ('not_established', 'Not established yet')], default='not_established', max_length=15)),
                ('death', models.BooleanField(default=False)),
                ('widespread', models.BooleanField(default=False, help_text='A widespread infringement, Article 73(3).')),
                ('equivalent_law', models.BooleanField(default=False, help_text="Our sector's law has an equivalent reporting duty, Article 73(9).")),
                ('equivalent_law_note', models.CharField(blank=True, help_text='Who said so, and which law it is.', max_length=300)),
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
                ('not_serious', models.BooleanField(default=False, help_text='Closed because it was none; the log says why.')),
                ('closed_at', models.DateTimeField(null=True)),
                ('alert', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to='monitoring.alert')),
                ('closed_by', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('opened_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('owner', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='incidents', to=settings.AUTH_USER_MODEL)),
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
                ('text', models.CharField(max_length=300)),
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
            constraint=models.CheckConstraint(condition=models.Q(('harm__in', ['a', 'b', 'c', 'd', 'not_established'])), name='known_harm_of_an_incident'),
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
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('authority', ''), ('reference', ''), ('reported_at__isnull', True), ('reports', 0)), models.Q(('reported_at__isnull', False), ('reports__gte', 1), models.Q(('authority', ''), _negated=True), models.Q(('reference', ''), _negated=True)), _connector='OR'), name='reported_to_an_authority_with_a_reference'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('reported_at__isnull', True), ('state', 'open')), models.Q(('reported_at__isnull', False), ('state', 'reported')), models.Q(('reported_at__isnull', False), ('state', 'closed')), models.Q(('not_serious', True), ('state', 'closed')), _connector='OR'), name='closed_once_reported_or_not_serious'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('not_serious', False), ('state', 'closed'), _connector='OR'), name='not_serious_is_said_by_closing'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('closed_at__isnull', False), ('closed_by__isnull', False), ('state', 'closed')), models.Q(models.Q(('state', 'closed'), _negated=True), ('closed_at__isnull', True), ('closed_by__isnull', True)), _connector='OR'), name='incident_closed_by_somebody_iff_closed'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(('closed_by__isnull', True), models.Q(('closed_by', models.F('owner')), _negated=True), _connector='OR'), name='incident_closed_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='incident',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('equivalent_law', False), ('equivalent_law_note', '')), models.Q(('equivalent_law', True), models.Q(('equivalent_law_note', ''), _negated=True)), _connector='OR'), name='somebody_said_that_a_law_is_equivalent'),
        ),
        migrations.AddConstraint(
            model_name='incidenttask',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('done_at__isnull', True), ('done_by__isnull', True)), models.Q(('done_at__isnull', False), ('done_by__isnull', False)), _connector='OR'), name='task_done_by_somebody_iff_done'),
        ),
        Govern("monitoring_incident", sealed_when="closed_at"),
        Govern("monitoring_incidenttask", sealed_when="done_at"),
        Govern("monitoring_incidentnote", immutable=True),
        migrations.RunSQL(INCIDENTS, "DROP FUNCTION incident_rules CASCADE"),
        migrations.RunSQL(PARTS, "DROP FUNCTION incident_part_rules CASCADE"),
    ]
