
import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('inventory', '0002_guards'),
        ('registry', '0012_workspaces'),
        ('reports', '0002_guards'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='BundleJob',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('scope', models.CharField(choices=[('promotion', 'Promotion'), ('system', 'AI system'), ('period', 'Period')], max_length=9)),
                ('begins_at', models.DateTimeField(null=True)),
                ('ends_at', models.DateTimeField(help_text='No part of the period.', null=True)),
                ('seen_size', models.BigIntegerField(help_text='Of a checkpoint that the asker kept: growth is proved.', null=True)),
                ('state', models.CharField(choices=[('queued', 'Queued'), ('running', 'Running'), ('done', 'Done'), ('failed', 'Failed')], default='queued', max_length=8)),
                ('attempt', models.PositiveSmallIntegerField(default=0, help_text='The worker of the newest holds the job.')),
                ('due_at', models.DateTimeField(help_text='Queued: when a worker is told (again). Running: when its worker is taken for dead.', null=True)),
                ('error', models.TextField(blank=True)),
                ('steps_done', models.PositiveIntegerField(default=0)),
                ('steps_total', models.PositiveIntegerField(default=0)),
                ('log_size', models.BigIntegerField(null=True)),
                ('manifest_digest', models.CharField(blank=True, max_length=71)),
                ('entry', models.UUIDField(help_text="The log's entry that names the manifest.", null=True)),
                ('whole', models.BooleanField(default=False, help_text='Made for somebody who may take the whole log.')),
                ('worded', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, help_text='Entries whose erasable words it holds.', size=None)),
                ('file_digest', models.CharField(blank=True, help_text='Empty before it is made, and once it is gone.', max_length=71)),
                ('file_bytes', models.BigIntegerField(default=0)),
                ('made_at', models.DateTimeField()),
                ('started_at', models.DateTimeField(null=True)),
                ('finished_at', models.DateTimeField(null=True)),
                ('kept_until', models.DateTimeField(null=True)),
                ('promotion', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.promotionrequest')),
                ('requested_by', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
                ('system', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='+', to='inventory.aisystem')),
            ],
            options={
                'indexes': [models.Index(fields=['requested_by', '-made_at'], name='bundle_job_by_asker')],
                'constraints': [models.CheckConstraint(condition=models.Q(models.Q(('begins_at__isnull', True), ('promotion__isnull', False), ('scope', 'promotion'), ('system__isnull', True)), models.Q(('begins_at__isnull', True), ('promotion__isnull', True), ('scope', 'system'), ('system__isnull', False)), models.Q(('ends_at__gt', models.F('begins_at')), ('promotion__isnull', True), ('scope', 'period'), ('system__isnull', True)), _connector='OR'), name='bundle_job_has_what_its_scope_needs'), models.CheckConstraint(condition=models.Q(models.Q(('entry__isnull', True), ('manifest_digest', '')), models.Q(models.Q(('manifest_digest', ''), _negated=True), ('entry__isnull', False)), _connector='OR'), name='bundle_manifest_is_in_the_log')],
            },
        ),
    ]
