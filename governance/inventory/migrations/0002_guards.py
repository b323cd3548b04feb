"""Put the app's tables under the log's guard."""

from django.db import migrations

from governance.audit.operations import Govern


class Migration(migrations.Migration):
    dependencies = [("inventory", "0001_tables"), ("audit", "0002_log")]
    operations = [
        Govern("inventory_aisystem"),
        Govern("inventory_classification", sealed_when="signed_at"),
        Govern("inventory_modelassignment", sealed_when="signed_at"),
        Govern("inventory_successcriteria", sealed_when="signed_at"),
        Govern("inventory_datasetpin"),
        Govern("inventory_declaration", sealed_when="reviewed_at"),
        Govern("inventory_modification", immutable=True),
        Govern("inventory_risk"),
        Govern("inventory_correspondence"),
    ]
