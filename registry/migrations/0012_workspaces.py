"""A notice of a registration names the workspace: two teams may register the same name and number."""

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("registry", "0011_trainers")]

    operations = [
        migrations.AddField(
            model_name="registrationnotice",
            name="workspace",
            field=models.CharField(default="default", max_length=120),
        ),
        migrations.RemoveIndex(model_name="registrationnotice", name="notice_by_version"),
        migrations.AddIndex(
            model_name="registrationnotice",
            index=models.Index(fields=["workspace", "name", "number"], name="notice_by_version"),
        ),
    ]
