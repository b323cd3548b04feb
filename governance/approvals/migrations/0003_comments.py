"""Comments on a request: under the log's guard, and never changed once they are written."""

import django.contrib.postgres.fields
import django.db.models.deletion
import uuid
from django.conf import settings
from django.db import migrations, models

from governance.audit.operations import Govern


class Migration(migrations.Migration):

    dependencies = [
        ('approvals', '0002_guards'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='Comment',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('author_was', models.CharField(blank=True, help_text='What the author was to the request then: requester, risk_officer.', max_length=200)),
                ('mentions', django.contrib.postgres.fields.ArrayField(base_field=models.UUIDField(), default=list, help_text='Whom it names, all of whom may read it.', size=None)),
                ('written_at', models.DateTimeField()),
                ('author', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='comments', to=settings.AUTH_USER_MODEL)),
                ('request', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='comments', to='approvals.approvalrequest')),
            ],
            options={
                'indexes': [models.Index(fields=['request', 'written_at'], name='comment_by_request')],
            },
        ),
        Govern('approvals_comment', immutable=True),
    ]
