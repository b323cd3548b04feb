"""Who made a run, and who registered a version of it."""

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0010_adoption'),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.CreateModel(
            name='RunNotice',
            fields=[
                ('id', models.BigAutoField(primary_key=True, serialize=False)),
                ('run_id', models.CharField(db_index=True, max_length=64)),
                ('username', models.CharField(max_length=255)),
                ('at', models.DateTimeField()),
            ],
        ),
        migrations.AddField(
            model_name='modelversion',
            name='registered_by',
            field=models.ForeignKey(null=True, on_delete=django.db.models.deletion.PROTECT, related_name='registered_versions', to=settings.AUTH_USER_MODEL),
        ),
        migrations.AlterField(
            model_name='modelversion',
            name='trained_by',
            field=models.ForeignKey(help_text='Who made its run.', null=True, on_delete=django.db.models.deletion.PROTECT, related_name='trained_versions', to=settings.AUTH_USER_MODEL),
        ),
    ]
