"""What a version's run says of its code."""

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('registry', '0002_guards'),
    ]

    operations = [
        migrations.AddField(
            model_name='modelversion',
            name='code',
            field=models.JSONField(help_text="What its run's tags say of its code: {commit, source, type, repository, entry_point}.", null=True),
        ),
    ]
