"""Rights of the four roles, before the first table exists.

Everything that later migrations create is made by the owner role, so its default privileges cover it.
"""

from django.db import migrations

GRANTS = """
DO $$ BEGIN
  EXECUTE format('REVOKE TEMPORARY ON DATABASE %I FROM PUBLIC', current_database());
  EXECUTE format('REVOKE CREATE ON DATABASE %I FROM PUBLIC', current_database());
END $$;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT USAGE ON SCHEMA public TO placet_app, placet_notary, placet_privacy;
GRANT SELECT ON ALL TABLES IN SCHEMA public TO placet_app, placet_notary, placet_privacy;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT, INSERT, UPDATE, DELETE ON TABLES TO placet_app;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO placet_notary, placet_privacy;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT USAGE, SELECT ON SEQUENCES TO placet_app, placet_notary;
ALTER DEFAULT PRIVILEGES REVOKE EXECUTE ON FUNCTIONS FROM PUBLIC;
CREATE EXTENSION IF NOT EXISTS btree_gist;
"""


class Migration(migrations.Migration):
    run_before = [
        ("contenttypes", "0001_initial"),
        ("auth", "0001_initial"),
        ("sessions", "0001_initial"),
        ("django_celery_beat", "0001_initial"),
        ("account", "0001_initial"),
        ("mfa", "0001_initial"),
    ]
    dependencies: list[tuple[str, str]] = []
    operations = [migrations.RunSQL(GRANTS, migrations.RunSQL.noop)]
