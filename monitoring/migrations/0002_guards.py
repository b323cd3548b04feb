"""Put the app's tables under the log's guard."""

from django.db import migrations

from governance.audit.operations import Govern


class Migration(migrations.Migration):
    dependencies = [("monitoring", "0001_tables"), ("audit", "0002_log")]
    operations = [
        Govern("monitoring_monitor"),
        Govern("monitoring_driftrun", immutable=True),
        Govern("monitoring_alert"),
    ]
