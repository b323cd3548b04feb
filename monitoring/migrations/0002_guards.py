"""Put the app's tables under the log's guard, and number the alerts."""

from django.db import migrations

from governance.audit.operations import Govern


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0001_tables"), ("audit", "0002_log")]
    operations = [
        Govern("monitoring_monitor"),
        Govern("monitoring_driftrun", immutable=True),
        Govern("monitoring_alert"),
        Govern("monitoring_retrainhook"),
        migrations.RunSQL("CREATE SEQUENCE alert_number;", "DROP SEQUENCE alert_number;"),
    ]
