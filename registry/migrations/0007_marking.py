"""What was last written to MLflow's tags."""

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0006_permits'),
    ]

    operations = [
        migrations.CreateModel(
            name='Marking',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('tags', models.JSONField(default=dict)),
                ('set_at', models.DateTimeField()),
                ('model', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to='registry.registeredmodel')),
                ('version', models.OneToOneField(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='marking', to='registry.modelversion')),
            ],
            options={
                'constraints': [models.UniqueConstraint(condition=models.Q(('version__isnull', True)), fields=('model',), name='one_marking_per_model')],
            },
        ),
    ]
