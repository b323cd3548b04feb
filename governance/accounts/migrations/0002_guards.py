"""Put the app's tables under the log's guard."""

from django.db import migrations

from governance.audit.operations import Govern

# A passkey's key, holder and host never change; it is confirmed once, and ends once.
PASSKEYS = """
CREATE FUNCTION accounts_passkey_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE'
     OR (NEW.person_id, NEW.credential_id, NEW.public_key, NEW.rp_id, NEW.origin, NEW.enrolled_at)
        IS DISTINCT FROM (OLD.person_id, OLD.credential_id, OLD.public_key, OLD.rp_id, OLD.origin, OLD.enrolled_at)
     OR OLD.confirmed_at IS NOT NULL
        AND (NEW.confirmed_at, NEW.confirmed_by_id) IS DISTINCT FROM (OLD.confirmed_at, OLD.confirmed_by_id)
     OR OLD.ended_at IS NOT NULL AND NEW IS DISTINCT FROM OLD THEN
    RAISE EXCEPTION 'passkey % is what its holder enrolled; end it and enrol another', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'passkey_stays_as_enrolled';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER passkey_stays BEFORE UPDATE OR DELETE ON accounts_passkey
  FOR EACH ROW EXECUTE FUNCTION accounts_passkey_stays();
ALTER TABLE accounts_passkey ENABLE ALWAYS TRIGGER passkey_stays;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_tables"), ("audit", "0002_log")]
    operations = [
        Govern("accounts_grant"),
        Govern("accounts_passkey"),
        migrations.RunSQL(PASSKEYS, "DROP FUNCTION accounts_passkey_stays CASCADE"),
    ]
