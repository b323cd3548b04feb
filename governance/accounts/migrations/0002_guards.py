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

# A grant is given by the rules and then only ends. A grave role names two administrators; the first two administrators
# could have none, nor could whoever got a role before there ever were two. (The exclusion of administrators and those
# who decide, and an auditor's end, are constraints of the table.)
GRANTS = """
CREATE FUNCTION accounts_administrators(moment timestamptz) RETURNS SETOF uuid LANGUAGE sql STABLE
SET search_path = public, pg_temp AS $$
  SELECT DISTINCT g.person_id FROM accounts_grant g JOIN accounts_user u ON u.id = g.person_id
  WHERE g.role = 'administrator' AND g.system_id IS NULL AND u.is_active AND u.sponsor_id IS NULL
    AND g.valid_from <= moment AND (g.valid_until IS NULL OR g.valid_until > moment)
$$;
CREATE FUNCTION accounts_set_up_is_over(moment timestamptz) RETURNS boolean LANGUAGE sql STABLE
SET search_path = public, pg_temp AS $$
  SELECT count(DISTINCT g.person_id) > 1 FROM accounts_grant g
  WHERE g.role = 'administrator' AND g.system_id IS NULL AND g.valid_from <= moment
$$;
CREATE FUNCTION accounts_grant_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  administrators CONSTANT uuid[] := ARRAY(SELECT accounts_administrators(NEW.valid_from));
  grave CONSTANT boolean := NEW.role IN
    ('administrator', 'data_protection_officer', 'policy_publisher', 'risk_officer', 'validator');
BEGIN
  IF grave AND EXISTS (SELECT FROM accounts_user u WHERE u.id = NEW.person_id AND u.sponsor_id IS NOT NULL) THEN
    RAISE EXCEPTION '% is a service account and never decides', NEW.person_id
      USING ERRCODE = '23514', CONSTRAINT = 'service_accounts_do_not_decide';
  END IF;
  IF NOT array_remove(ARRAY[NEW.granted_by_id, NEW.confirmed_by_id], NULL) <@ administrators THEN
    RAISE EXCEPTION 'the role % of % is given or confirmed by somebody who is no administrator', NEW.role, NEW.person_id
      USING ERRCODE = '23514', CONSTRAINT = 'role_given_by_administrators';
  END IF;
  IF grave AND NEW.confirmed_by_id IS NULL AND (cardinality(administrators) > 1
       OR NEW.role <> 'administrator' AND accounts_set_up_is_over(NEW.valid_from)) THEN
    RAISE EXCEPTION 'two administrators give the role % to %', NEW.role, NEW.person_id
      USING ERRCODE = '23514', CONSTRAINT = 'deciding_role_confirmed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER grant_rules BEFORE INSERT ON accounts_grant FOR EACH ROW EXECUTE FUNCTION accounts_grant_rules();
ALTER TABLE accounts_grant ENABLE ALWAYS TRIGGER grant_rules;
CREATE FUNCTION accounts_grant_only_ends() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'DELETE'
     OR (NEW.id, NEW.person_id, NEW.role, NEW.system_id, NEW.granted_by_id, NEW.confirmed_by_id, NEW.valid_from)
        IS DISTINCT FROM
        (OLD.id, OLD.person_id, OLD.role, OLD.system_id, OLD.granted_by_id, OLD.confirmed_by_id, OLD.valid_from)
     OR coalesce(NEW.valid_until, 'infinity') > coalesce(OLD.valid_until, 'infinity') THEN
    RAISE EXCEPTION 'grant % only ends; give another', OLD.id USING ERRCODE = '23514', CONSTRAINT = 'grant_only_ends';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER grant_only_ends BEFORE UPDATE OR DELETE ON accounts_grant
  FOR EACH ROW EXECUTE FUNCTION accounts_grant_only_ends();
ALTER TABLE accounts_grant ENABLE ALWAYS TRIGGER grant_only_ends;
"""

# Who is a person and who a machine never changes; somebody who answers for a machine is a person, known before it.
SPONSORS = """
CREATE FUNCTION accounts_sponsor_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND (OLD.sponsor_id IS NULL) <> (NEW.sponsor_id IS NULL) THEN
    RAISE EXCEPTION 'a person stays a person and a service account stays one: %', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'person_or_machine_stays';
  END IF;
  IF NEW.sponsor_id IS NOT NULL
     AND NOT EXISTS (SELECT FROM accounts_user u WHERE u.id = NEW.sponsor_id AND u.sponsor_id IS NULL) THEN
    RAISE EXCEPTION 'a person answers for service account %, not %', NEW.id, NEW.sponsor_id
      USING ERRCODE = '23514', CONSTRAINT = 'sponsor_is_a_person';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER sponsor_rules BEFORE INSERT OR UPDATE ON accounts_user
  FOR EACH ROW EXECUTE FUNCTION accounts_sponsor_rules();
ALTER TABLE accounts_user ENABLE ALWAYS TRIGGER sponsor_rules;
"""


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_tables"), ("audit", "0002_log")]
    operations = [
        Govern("accounts_grant"),
        Govern("accounts_passkey"),
        migrations.RunSQL(PASSKEYS, "DROP FUNCTION accounts_passkey_stays CASCADE"),
        migrations.RunSQL(
            GRANTS,
            "DROP FUNCTION accounts_grant_rules CASCADE; DROP FUNCTION accounts_grant_only_ends CASCADE; "
            "DROP FUNCTION accounts_administrators; DROP FUNCTION accounts_set_up_is_over",
        ),
        migrations.RunSQL(SPONSORS, "DROP FUNCTION accounts_sponsor_rules CASCADE"),
    ]
