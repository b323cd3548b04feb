"""Put the app's tables under the log's guard; only the notary writes permits."""

from django.db import migrations

from governance.audit.operations import Govern

RIGHTS = """
CREATE SEQUENCE registry_promotion_number;
REVOKE INSERT, UPDATE, DELETE ON registry_permit FROM placet_app;
GRANT INSERT ON registry_permit TO placet_notary;
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_tables"), ("audit", "0002_log")]
    operations = [
        Govern("registry_registeredmodel"),
        Govern("registry_datasetsnapshot"),
        Govern("registry_modelversion"),
        Govern("registry_promotionrequest"),
        Govern("registry_aliashistory"),
        Govern("registry_permit", immutable=True),
        migrations.RunSQL(RIGHTS, "DROP SEQUENCE registry_promotion_number"),
    ]
