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

# A proposal is made open and settled once; what it became is the grant that it says, given by the two.
PROPOSALS = """
CREATE FUNCTION accounts_proposal_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' AND (NEW.settled_at IS NOT NULL OR NEW.grant_id IS NOT NULL)
     OR TG_OP = 'DELETE'
     OR TG_OP = 'UPDATE' AND (OLD.settled_at IS NOT NULL
       OR (NEW.id, NEW.person_id, NEW.role, NEW.system_id, NEW.valid_until, NEW.proposed_by_id, NEW.proposed_at)
          IS DISTINCT FROM
          (OLD.id, OLD.person_id, OLD.role, OLD.system_id, OLD.valid_until, OLD.proposed_by_id, OLD.proposed_at)) THEN
    RAISE EXCEPTION 'a proposal is made open, settled once and kept'
      USING ERRCODE = '23514', CONSTRAINT = 'proposal_settles_once';
  END IF;
  IF NEW.grant_id IS NOT NULL AND NOT EXISTS (
       SELECT FROM accounts_grant g WHERE g.id = NEW.grant_id
         AND (g.person_id, g.role, g.granted_by_id, g.confirmed_by_id, g.valid_from)
           = (NEW.person_id, NEW.role, NEW.proposed_by_id, NEW.settled_by_id, NEW.settled_at)
         AND g.system_id IS NOT DISTINCT FROM NEW.system_id AND g.valid_until IS NOT DISTINCT FROM NEW.valid_until) THEN
    RAISE EXCEPTION 'proposal % became another grant than it says', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'proposal_becomes_what_it_says';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER proposal_rules BEFORE INSERT OR UPDATE OR DELETE ON accounts_grantproposal
  FOR EACH ROW EXECUTE FUNCTION accounts_proposal_rules();
ALTER TABLE accounts_grantproposal ENABLE ALWAYS TRIGGER proposal_rules;
"""

# A review is opened with its roles, decided role by role by whom each was given to (never its holder), and signed once,
# over all of them. A role that is revoked has ended by then.
REVIEWS = """
CREATE FUNCTION accounts_item_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE held accounts_grant;
BEGIN
  PERFORM FROM accounts_accessreview r WHERE r.id = NEW.review_id AND r.closed_at IS NULL FOR SHARE;
  IF NOT FOUND THEN  -- signed, or this row is to be deleted
    RAISE EXCEPTION 'what a signed review says stays, and no role is left out of a review'
      USING ERRCODE = '23514', CONSTRAINT = 'signed_review_stays';
  END IF;
  SELECT * INTO held FROM accounts_grant g WHERE g.id = NEW.grant_id;
  IF held.person_id IN (NEW.assigned_to_id, NEW.decided_by_id) THEN
    RAISE EXCEPTION 'nobody says of their own role whether it is kept: %', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'nobody_reviews_their_own_role';
  END IF;
  IF TG_OP = 'INSERT' AND NEW.verdict <> '' OR TG_OP = 'UPDATE' AND (
       (NEW.id, NEW.review_id, NEW.grant_id) IS DISTINCT FROM (OLD.id, OLD.review_id, OLD.grant_id)
       OR OLD.verdict <> '' AND NEW.assigned_to_id <> OLD.assigned_to_id
       OR OLD.verdict IN ('revoke', 'ended') OR OLD.verdict <> '' AND NEW.verdict IN ('', 'ended')) THEN
    RAISE EXCEPTION 'item % was decided, or is another role than it was', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'item_decided_once';
  END IF;
  IF NEW.verdict IN ('revoke', 'ended') AND coalesce(held.valid_until, 'infinity') > NEW.decided_at
     AND (NEW.verdict = 'revoke' OR EXISTS (SELECT FROM accounts_user u WHERE u.id = held.person_id AND u.is_active)) THEN
    RAISE EXCEPTION 'role % is said to be over and did not end', held.id
      USING ERRCODE = '23514', CONSTRAINT = 'revoked_role_has_ended';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER item_rules BEFORE INSERT OR UPDATE OR DELETE ON accounts_accessreviewitem
  FOR EACH ROW EXECUTE FUNCTION accounts_item_rules();
ALTER TABLE accounts_accessreviewitem ENABLE ALWAYS TRIGGER item_rules;
CREATE FUNCTION accounts_review_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' AND NEW.closed_at IS NOT NULL OR TG_OP = 'DELETE' OR TG_OP = 'UPDATE' AND (
       OLD.closed_at IS NOT NULL
       OR (NEW.id, NEW.roles, NEW.system_id, NEW.due_on, NEW.opened_by_id, NEW.opened_at)
          IS DISTINCT FROM (OLD.id, OLD.roles, OLD.system_id, OLD.due_on, OLD.opened_by_id, OLD.opened_at)) THEN
    RAISE EXCEPTION 'a review is opened, signed once and kept'
      USING ERRCODE = '23514', CONSTRAINT = 'signed_review_stays';
  END IF;
  IF TG_OP = 'INSERT' AND NOT EXISTS (SELECT accounts_administrators(NEW.opened_at) INTERSECT SELECT NEW.opened_by_id) THEN
    RAISE EXCEPTION 'an administrator opens a review' USING ERRCODE = '23514', CONSTRAINT = 'review_by_an_administrator';
  END IF;
  IF NEW.closed_at IS NOT NULL AND (
       NEW.statement_digest <> 'sha256:' || encode(sha256(convert_to(NEW.statement, 'UTF8')), 'hex')
       OR jsonb_array_length(NEW.statement::jsonb -> 'items')
          <> (SELECT count(*) FROM accounts_accessreviewitem i WHERE i.review_id = NEW.id)
       OR EXISTS (
         SELECT i.id::text, i.grant_id::text, i.verdict FROM accounts_accessreviewitem i WHERE i.review_id = NEW.id
         EXCEPT SELECT said ->> 'item', said ->> 'grant', nullif(said ->> 'verdict', '')
         FROM jsonb_array_elements(NEW.statement::jsonb -> 'items') said)) THEN
    RAISE EXCEPTION 'the signed result of review % is not what was said of each of its roles', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'signed_result_names_every_role';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER review_rules BEFORE INSERT OR UPDATE OR DELETE ON accounts_accessreview
  FOR EACH ROW EXECUTE FUNCTION accounts_review_rules();
ALTER TABLE accounts_accessreview ENABLE ALWAYS TRIGGER review_rules;
"""

# Under which name an outside system knows a person: linked and unlinked by administrators, by two if the person decides.
# A link begins and ends; it is not written anew, or it would say of another that they trained a version.
IDENTITIES = """
CREATE FUNCTION accounts_identity_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE
  moment CONSTANT timestamptz := CASE TG_OP WHEN 'INSERT' THEN NEW.valid_from ELSE NEW.valid_until END;
  first CONSTANT uuid := CASE TG_OP WHEN 'INSERT' THEN NEW.linked_by_id ELSE NEW.unlinked_by_id END;
  second CONSTANT uuid := CASE TG_OP WHEN 'INSERT' THEN NEW.link_confirmed_by_id ELSE NEW.unlink_confirmed_by_id END;
BEGIN
  IF TG_OP = 'INSERT' AND NEW.valid_until IS NOT NULL OR TG_OP = 'UPDATE' AND (OLD.valid_until IS NOT NULL
       OR (NEW.id, NEW.person_id, NEW.provider, NEW.subject, NEW.valid_from, NEW.linked_by_id, NEW.link_confirmed_by_id)
          IS DISTINCT FROM
          (OLD.id, OLD.person_id, OLD.provider, OLD.subject, OLD.valid_from, OLD.linked_by_id, OLD.link_confirmed_by_id))
  THEN
    RAISE EXCEPTION 'identity % is linked once and ends once', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'identity_only_ends';
  END IF;
  IF moment IS NULL THEN RETURN NEW; END IF;
  IF NOT array_remove(ARRAY[first, second], NULL) <@ ARRAY(SELECT accounts_administrators(moment))
     OR first IS NULL AND accounts_set_up_is_over(moment) THEN
    RAISE EXCEPTION 'an administrator says under which name % is known', NEW.person_id
      USING ERRCODE = '23514', CONSTRAINT = 'identity_by_an_administrator';
  END IF;
  IF second IS NULL AND accounts_set_up_is_over(moment) AND EXISTS (
       SELECT FROM accounts_grant g
       WHERE g.person_id = NEW.person_id AND g.role IN ('data_protection_officer', 'risk_officer', 'validator')
         AND g.valid_from <= moment AND (g.valid_until IS NULL OR g.valid_until > moment)) THEN
    RAISE EXCEPTION 'two administrators say under which name % is known, who decides', NEW.person_id
      USING ERRCODE = '23514', CONSTRAINT = 'deciding_identity_confirmed';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER identity_rules BEFORE INSERT OR UPDATE ON accounts_externalidentity
  FOR EACH ROW EXECUTE FUNCTION accounts_identity_rules();
ALTER TABLE accounts_externalidentity ENABLE ALWAYS TRIGGER identity_rules;
CREATE FUNCTION accounts_keep_row() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% % ends and stays', TG_TABLE_NAME, OLD.id
    USING ERRCODE = '23514', CONSTRAINT = 'ends_and_stays';
END $$;
CREATE TRIGGER keep_row BEFORE DELETE ON accounts_externalidentity FOR EACH ROW EXECUTE FUNCTION accounts_keep_row();
ALTER TABLE accounts_externalidentity ENABLE ALWAYS TRIGGER keep_row;
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
        Govern("accounts_externalidentity"),
        Govern("accounts_grantproposal"),
        Govern("accounts_accessreview"),
        Govern("accounts_accessreviewitem"),
        migrations.RunSQL(PASSKEYS, "DROP FUNCTION accounts_passkey_stays CASCADE"),
        migrations.RunSQL(
            GRANTS,
            "DROP FUNCTION accounts_grant_rules CASCADE; DROP FUNCTION accounts_grant_only_ends CASCADE; "
            "DROP FUNCTION accounts_administrators; DROP FUNCTION accounts_set_up_is_over",
        ),
        migrations.RunSQL(
            REVIEWS, "DROP FUNCTION accounts_item_rules CASCADE; DROP FUNCTION accounts_review_rules CASCADE"
        ),
        migrations.RunSQL(PROPOSALS, "DROP FUNCTION accounts_proposal_rules CASCADE"),
        migrations.RunSQL(
            IDENTITIES, "DROP FUNCTION accounts_identity_rules CASCADE; DROP FUNCTION accounts_keep_row CASCADE"
        ),
        migrations.RunSQL(SPONSORS, "DROP FUNCTION accounts_sponsor_rules CASCADE"),
    ]
