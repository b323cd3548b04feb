"""Tables of what watching keeps, under the log's guard; what has ended is sealed."""

import django.db.models.deletion
import uuid
from django.db import migrations, models

from governance.audit.operations import Govern


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0005_renewals'),
        ('registry', '0007_marking'),
    ]

    operations = [
        migrations.CreateModel(
            name='WatchSpan',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('source', models.CharField(help_text='plugin:<server id>, reconciler:<pass>.', max_length=120)),
                ('details', models.JSONField(default=dict, help_text='Versions, number of the configuration; another span if others.')),
                ('expected_every_s', models.FloatField()),
                ('started_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(help_text='Its last beat, once it is known that none follows.', null=True)),
                ('beats', models.PositiveBigIntegerField(help_text='How many; known at its end.', null=True)),
                ('longest_gap_s', models.FloatField(help_text='Between two of its beats; known at its end.', null=True)),
            ],
        ),
        migrations.CreateModel(
            name='WebhookDelivery',
            fields=[
                ('id', models.CharField(max_length=100, primary_key=True, serialize=False)),
                ('event', models.CharField(max_length=80)),
                ('received_at', models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name='ObservedAlias',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('alias', models.CharField(help_text="Folded; stage:production for MLflow's stage Production.", max_length=255)),
                ('number', models.PositiveIntegerField(help_text='Empty: what Placet put there is gone.', null=True)),
                ('mlflow_created_at_ms', models.BigIntegerField(null=True)),
                ('first_seen_at', models.DateTimeField()),
                ('last_seen_at', models.DateTimeField(help_text='The last pass that saw it; empty while it lasts.', null=True)),
                ('finding', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='approvals.finding')),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='observed_aliases', to='registry.registeredmodel')),
            ],
        ),
        migrations.CreateModel(
            name='WatchPulse',
            fields=[
                ('span', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, primary_key=True, related_name='pulse', serialize=False, to='registry.watchspan')),
                ('last_at', models.DateTimeField()),
                ('beats', models.PositiveBigIntegerField(default=1)),
                ('longest_gap_s', models.FloatField(default=0)),
            ],
        ),
        migrations.AddIndex(
            model_name='watchspan',
            index=models.Index(fields=['started_at'], name='watch_span_by_start'),
        ),
        migrations.AddConstraint(
            model_name='watchspan',
            constraint=models.UniqueConstraint(condition=models.Q(('ended_at__isnull', True)), fields=('source',), name='one_open_span_per_source'),
        ),
        migrations.AddConstraint(
            model_name='watchspan',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('beats__isnull', True), ('ended_at__isnull', True), ('longest_gap_s__isnull', True)), models.Q(('beats__gte', 1), ('ended_at__gte', models.F('started_at')), ('longest_gap_s__gte', 0)), _connector='OR'), name='watch_span_ends_with_its_figures'),
        ),
        migrations.AddIndex(
            model_name='webhookdelivery',
            index=models.Index(fields=['received_at'], name='webhook_by_receipt'),
        ),
        migrations.AddConstraint(
            model_name='observedalias',
            constraint=models.UniqueConstraint(condition=models.Q(('last_seen_at__isnull', True)), fields=('model', 'alias', 'number', 'mlflow_created_at_ms'), name='one_open_observation_per_pointer', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='observedalias',
            constraint=models.CheckConstraint(condition=models.Q(('last_seen_at__isnull', True), ('last_seen_at__gte', models.F('first_seen_at')), _connector='OR'), name='seen_first_before_last'),
        ),
        migrations.AddConstraint(
            model_name='observedalias',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('mlflow_created_at_ms__isnull', True), ('number__isnull', True)), models.Q(('mlflow_created_at_ms__isnull', False), ('number__isnull', False)), _connector='OR'), name='observed_version_is_whole_or_none'),
        ),
        Govern("registry_observedalias", sealed_when="last_seen_at"),
        Govern("registry_watchspan", sealed_when="ended_at"),
    ]
