"""Put the app's tables under the log's guard."""

from django.db import migrations

from governance.audit.operations import Govern


class Migration(migrations.Migration):
    dependencies = [("reports", "0001_tables"), ("audit", "0002_log")]
    operations = [
        Govern("reports_document", immutable=True),
        Govern("reports_documentsignatory", immutable=True),
        Govern("reports_documenttimestamp", immutable=True),
    ]
