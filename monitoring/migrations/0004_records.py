"""What records may hold and for how long they are kept, late labels, and erasures."""

import django.db.models.deletion
import django.db.models.expressions
import uuid
from django.conf import settings
from django.db import migrations, models

from governance.audit.operations import Govern


class Migration(migrations.Migration):

    dependencies = [
        ('monitoring', '0003_incidents'),
        ('audit', '0002_log'),
        ('registry', '0012_workspaces'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='LabelBatch',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('batch_id', models.CharField(help_text='Chosen by the sender.', max_length=100)),
                ('digest', models.CharField(help_text='sha256 of the body, unpacked.', max_length=71)),
                ('rows', models.PositiveBigIntegerField(help_text='Taken in.')),
                ('quarantined', models.PositiveBigIntegerField(default=0, help_text='Did not fit and were put aside.')),
                ('erased', models.PositiveBigIntegerField(default=0, help_text='Of the rows, erased since.')),
                ('day', models.DateField(help_text="Of arrival, UTC; the file's.")),
                ('expired_at', models.DateTimeField(help_text='When the file was deleted since its time had passed.', null=True)),
                ('received_at', models.DateTimeField()),
                ('monitor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='label_batches', to='monitoring.monitor')),
                ('sender', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
        ),
        migrations.CreateModel(
            name='RecordErasure',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('column', models.CharField(choices=[('subject_id', 'A data subject'), ('prediction_id', 'A prediction')], max_length=16)),
                ('commitment', models.CharField(help_text='Salted sha256 of the value; whoever asked has the salt.', max_length=71)),
                ('records', models.PositiveBigIntegerField()),
                ('labels', models.PositiveBigIntegerField()),
                ('quarantined', models.PositiveBigIntegerField()),
                ('files_digest', models.CharField(help_text='sha256 over the list of files, before and after.', max_length=71)),
                ('made_at', models.DateTimeField()),
                ('monitor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='erasures', to='monitoring.monitor')),
                ('officer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'abstract': False,
            },
        ),
        migrations.CreateModel(
            name='ErasedFile',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('day', models.DateField(help_text='Of the records; null for rows that were put aside.', null=True)),
                ('path', models.CharField(help_text='Below the folder of all records.', max_length=400)),
                ('draft', models.CharField(help_text='Where the new file waits.', max_length=400)),
                ('rows', models.PositiveBigIntegerField(help_text='Erased from it.')),
                ('before', models.CharField(help_text='sha256 of the file as it was.', max_length=71)),
                ('after', models.CharField(help_text='sha256 of the file as it became.', max_length=71)),
                ('replaced_at', models.DateTimeField(null=True)),
                ('lost_at', models.DateTimeField(help_text='When the new file was missed, the old one being as before.', null=True)),
                ('batch', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rewritten', to='monitoring.recordbatch')),
                ('label_batch', models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='rewritten', to='monitoring.labelbatch')),
                ('erasure', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='files', to='monitoring.recorderasure')),
            ],
        ),
        migrations.AddField(
            model_name='monitor',
            name='key_check',
            field=models.CharField(help_text='By which the key of hashed columns is known again; null where none are.', max_length=32, null=True),
        ),
        migrations.AddField(
            model_name='monitor',
            name='intake',
            field=models.JSONField(help_text='IntakeSettings: kpis, sensitive, keep_out, hash, quarantine, retention_days.', null=True),
        ),
        migrations.AddField(
            model_name='recordbatch',
            name='count_after',
            field=models.DateTimeField(help_text='When the sweep does so again.', null=True),
        ),
        migrations.AddField(
            model_name='recordbatch',
            name='count_attempts',
            field=models.PositiveSmallIntegerField(default=0, help_text='How often the sweep had them counted.'),
        ),
        migrations.AddField(
            model_name='recordbatch',
            name='duplicates',
            field=models.PositiveBigIntegerField(help_text='Rows whose prediction_id an earlier batch has, too; null until they are counted.', null=True),
        ),
        migrations.AddField(
            model_name='recordbatch',
            name='erased',
            field=models.PositiveBigIntegerField(default=0, help_text='Of the rows, erased since.'),
        ),
        migrations.AddField(
            model_name='recordbatch',
            name='expired',
            field=models.PositiveBigIntegerField(default=0, help_text='Of the rows, deleted since their time had passed.'),
        ),
        migrations.AddField(
            model_name='recordbatch',
            name='expired_days',
            field=models.JSONField(default=list, help_text='[{day, rows, at}], files that are deleted.'),
        ),
        migrations.AddField(
            model_name='recordbatch',
            name='quarantined',
            field=models.PositiveBigIntegerField(default=0, help_text='Did not fit and were put aside.'),
        ),
        migrations.AlterField(
            model_name='recordbatch',
            name='digest',
            field=models.CharField(help_text='sha256 of the body, unpacked.', max_length=71),
        ),
        migrations.AlterField(
            model_name='recordbatch',
            name='partitions',
            field=models.JSONField(help_text='[{day, rows}], one file per day; rows as they were taken in.'),
        ),
        migrations.AlterField(
            model_name='recordbatch',
            name='rows',
            field=models.PositiveBigIntegerField(help_text='Taken in; those erased or expired since are counted beside it.'),
        ),
        migrations.AddConstraint(
            model_name='recordbatch',
            constraint=models.CheckConstraint(condition=models.Q(('rows__gte', django.db.models.expressions.CombinedExpression(models.F('erased'), '+', models.F('expired')))), name='no_more_rows_gone_than_were_taken_in'),
        ),
        migrations.AddConstraint(
            model_name='labelbatch',
            constraint=models.UniqueConstraint(fields=('monitor', 'batch_id'), name='one_row_per_label_batch_id'),
        ),
        migrations.AddConstraint(
            model_name='labelbatch',
            constraint=models.CheckConstraint(condition=models.Q(('rows__gte', models.F('erased'))), name='no_more_labels_gone_than_were_taken_in'),
        ),
        migrations.AddConstraint(
            model_name='erasedfile',
            constraint=models.CheckConstraint(condition=models.Q(('replaced_at__isnull', True), ('lost_at__isnull', True), _connector='OR'), name='replaced_file_is_not_lost'),
        ),
        migrations.AddConstraint(
            model_name='erasedfile',
            constraint=models.CheckConstraint(condition=models.Q(models.Q(('batch__isnull', False), ('label_batch__isnull', True)), models.Q(('batch__isnull', True), ('label_batch__isnull', False)), _connector='OR'), name='erased_file_is_of_one_batch'),
        ),
        migrations.CreateModel(
            name='RefusedBatch',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('kind', models.CharField(choices=[('records', 'Records'), ('labels', 'Labels')], max_length=7)),
                ('batch_id', models.CharField(help_text='Chosen by the sender, cut to 100 characters.', max_length=100)),
                ('code', models.CharField(help_text="The problem's, as docs/reference/problems.md has it.", max_length=60)),
                ('title', models.CharField(help_text="The problem's, in words.", max_length=100)),
                ('reasons', models.JSONField(default=list, help_text='[{column, kind, expected, found, count}], the gravest first.')),
                ('more', models.PositiveIntegerField(default=0, help_text='Reasons beyond those.')),
                ('attempts', models.PositiveIntegerField(default=1, help_text='How often it was sent and refused.')),
                ('first_at', models.DateTimeField()),
                ('last_at', models.DateTimeField()),
                ('monitor', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='refused_batches', to='monitoring.monitor')),
                ('sender', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['monitor', '-last_at'], name='refused_by_time')],
                'constraints': [models.UniqueConstraint(fields=('monitor', 'kind', 'batch_id'), name='one_row_per_refused_batch')],
            },
        ),
        migrations.AddIndex(
            model_name='recordbatch',
            index=models.Index(fields=['monitor', '-received_at'], name='batch_by_receipt'),
        ),
        migrations.AddIndex(
            model_name='labelbatch',
            index=models.Index(fields=['monitor', '-received_at'], name='labels_by_receipt'),
        ),
        Govern("monitoring_recorderasure", immutable=True),
    ]
