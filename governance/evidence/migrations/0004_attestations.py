"""Keys that sign submitted evidence, and evidence made again to be compared."""

import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from governance.audit.operations import Govern


class Migration(migrations.Migration):

    dependencies = [
        ('evidence', '0003_documents'),
        ('audit', '0002_log'),
        ('accounts', '0001_tables'),
    ]

    operations = [
        migrations.CreateModel(
            name='EvidenceKey',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('public_key', models.TextField(help_text='Ed25519, PEM.', unique=True)),
                ('key_digest', models.CharField(help_text='sha256 of the raw key; envelopes name it so.', max_length=71, unique=True)),
                ('registered_at', models.DateTimeField()),
                ('ended_at', models.DateTimeField(null=True)),
                ('holder', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='evidence_keys', to=settings.AUTH_USER_MODEL)),
                ('registered_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='Reproduction',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('result', models.CharField(choices=[('identical', 'Identical'), ('within', 'Within tolerance'), ('differs', 'Differs'), ('impossible', "Can't be made again")], max_length=10)),
                ('payload_digest', models.CharField(blank=True, help_text='Of what came out this time.', max_length=71)),
                ('differences', models.JSONField(default=list, help_text='Fields that differ: path, then, now, within its tolerance.')),
                ('reasons', models.JSONField(default=list, help_text='What was not the same as then, in sentences.')),
                ('environment', models.JSONField(default=dict, help_text='Versions, lock digest, seed, isolation level of this time.')),
                ('made_at', models.DateTimeField()),
                ('asked_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('evidence', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reproductions', to='evidence.evidence')),
                ('job', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='reproduction', to='evidence.evidencejob')),
            ],
        ),
        migrations.RemoveConstraint(
            model_name='evidencejob',
            name='one_open_job_per_inputs',
        ),
        migrations.AddField(
            model_name='evidencejob',
            name='again',
            field=models.UUIDField(help_text='The evidence that it makes again, to compare; it attaches none.', null=True),
        ),
        migrations.AddField(
            model_name='evidencejob',
            name='asked_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AddConstraint(
            model_name='evidencejob',
            constraint=models.UniqueConstraint(condition=models.Q(('state__in', ['queued', 'running'])), fields=('inputs_digest', 'again'), name='one_open_job_per_inputs', nulls_distinct=False),
        ),
        migrations.AddConstraint(
            model_name='evidencejob',
            constraint=models.CheckConstraint(condition=models.Q(('again__isnull', True), ('asked_by__isnull', False), _connector='OR'), name='somebody_asks_for_a_reproduction'),
        ),
        migrations.AddConstraint(
            model_name='evidencekey',
            constraint=models.CheckConstraint(condition=models.Q(('registered_by', models.F('holder')), _negated=True), name='evidence_key_registered_by_another_person'),
        ),
        migrations.AddConstraint(
            model_name='evidencekey',
            constraint=models.CheckConstraint(condition=models.Q(('ended_at__isnull', True), ('ended_at__gte', models.F('registered_at')), _connector='OR'), name='evidence_key_ends_after_start'),
        ),
        migrations.AddIndex(
            model_name='reproduction',
            index=models.Index(fields=['evidence', '-made_at'], name='reproduction_by_evidence'),
        ),
        migrations.AddConstraint(
            model_name='reproduction',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('payload_digest', ''), ('result', 'impossible')), models.Q(models.Q(('result', 'impossible'), _negated=True), models.Q(('payload_digest', ''), _negated=True)), _connector='OR'), name='impossible_iff_nothing_came_out'),
        ),
        Govern("evidence_evidencekey", sealed_when="ended_at"),
        Govern("evidence_reproduction", immutable=True),
    ]
