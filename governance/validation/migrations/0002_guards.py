"""Put the app's tables under the log's guard, and keep a validation independent and unchanged in the database."""

from django.db import migrations

from governance.audit.operations import Govern

# A validation is of one request's version, by one person who holds the validator's role there and had no part in the
# version; it moves one way. What was signed is what the evidence says, and conditions are findings.
VALIDATIONS = """
CREATE SEQUENCE validation_number;
CREATE FUNCTION validation_had_a_part(who uuid, request uuid) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM approvals_approvalrequest r JOIN inventory_aisystem s ON s.id = r.system_id
    WHERE r.id = request AND (who IN (r.requester_id, s.owner_id) OR EXISTS (
      SELECT FROM jsonb_array_elements(r.excluded) x WHERE x ->> 'person' = who::text
        AND x -> 'reasons' ?| ARRAY['requester', 'trainer', 'owner', 'evidence_producer', 'sponsor'])))
$$;
CREATE FUNCTION validation_holds_the_role(who uuid, request uuid, at timestamptz) RETURNS boolean
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM approvals_approvalrequest r
    JOIN accounts_grant g ON g.person_id = who AND g.role = 'validator'
      AND (g.system_id IS NULL OR g.system_id = r.system_id)
      AND g.valid_from <= at AND (g.valid_until IS NULL OR g.valid_until > at)
    JOIN accounts_user u ON u.id = who AND u.is_active AND u.sponsor_id IS NULL
    WHERE r.id = request)
$$;
CREATE FUNCTION validation_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE moves CONSTANT jsonb := '{
    "planned": ["in_progress", "abandoned"],
    "in_progress": ["signed", "abandoned"]}';
BEGIN
  IF TG_OP = 'DELETE' THEN
    RAISE EXCEPTION 'validation % stays; it can be abandoned', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'validation_stays';
  END IF;
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'planned' THEN
      RAISE EXCEPTION 'a validation begins with its plan, not %', NEW.state
        USING ERRCODE = '23514', CONSTRAINT = 'validation_moves_one_way';
    END IF;
  ELSE
    IF (NEW.number, NEW.approval_id, NEW.occasion, NEW.validator_id, NEW.opened_at)
       IS DISTINCT FROM (OLD.number, OLD.approval_id, OLD.occasion, OLD.validator_id, OLD.opened_at) THEN
      RAISE EXCEPTION 'what validation % is of, and who makes it, does not change', OLD.id
        USING ERRCODE = '23514', CONSTRAINT = 'validation_of_one_version_by_one_person';
    END IF;
    IF NEW.state <> OLD.state AND NOT coalesce(moves -> OLD.state @> jsonb_build_array(NEW.state), false) THEN
      RAISE EXCEPTION 'validation % cannot go from % to %', OLD.id, OLD.state, NEW.state
        USING ERRCODE = '23514', CONSTRAINT = 'validation_moves_one_way';
    END IF;
  END IF;
  IF NEW.state <> 'abandoned' AND (
       validation_had_a_part(NEW.validator_id, NEW.approval_id)
       OR NOT validation_holds_the_role(NEW.validator_id, NEW.approval_id,
                                        greatest(coalesce(NEW.settled_at, NEW.begun_at, NEW.opened_at), now()))) THEN
    RAISE EXCEPTION '% is no independent validator of what request % is about', NEW.validator_id, NEW.approval_id
      USING ERRCODE = '23514', CONSTRAINT = 'validator_is_independent';
  END IF;
  IF NOT (CASE NEW.state WHEN 'in_progress' THEN ARRAY['plan', 'independence']
                         WHEN 'signed' THEN ARRAY['plan', 'independence', 'report']
                         WHEN 'abandoned' THEN ARRAY['abandonment'] ELSE '{}'::text[] END
          <@ ARRAY(SELECT p.part::text FROM validation_validationpart p WHERE p.validation_id = NEW.id)) THEN
    RAISE EXCEPTION 'validation % lacks a part that belongs to being %', NEW.id, NEW.state
      USING ERRCODE = '23514', CONSTRAINT = 'validation_has_its_parts';
  END IF;
  IF NEW.state = 'signed' THEN
    IF NOT EXISTS (
         SELECT FROM evidence_evidence e JOIN approvals_approvalrequest r ON r.id = NEW.approval_id
         WHERE e.id = NEW.evidence_id AND e.type = 'human_review/v1'
           AND (e.subject_digest, e.subject_id) IS NOT DISTINCT FROM (r.subject_digest, r.subject_id)
           AND e.producer_id = 'person:' || NEW.validator_id AND e.payload ->> 'kind' = 'validation'
           AND e.payload ->> 'opinion' = NEW.opinion
           AND coalesce(e.payload ->> 'report', '') = NEW.report_digest) THEN
      RAISE EXCEPTION 'validation % is signed with evidence that says the same', NEW.id
        USING ERRCODE = '23514', CONSTRAINT = 'validation_signed_with_its_evidence';
    END IF;
    IF NEW.opinion = 'fit_with_conditions'
       AND NOT EXISTS (SELECT FROM validation_validationfinding f WHERE f.validation_id = NEW.id) THEN
      RAISE EXCEPTION 'the conditions of validation % are findings, and there is none', NEW.id
        USING ERRCODE = '23514', CONSTRAINT = 'conditions_are_findings';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER validation_rules BEFORE INSERT OR UPDATE OR DELETE ON validation_validation
  FOR EACH ROW EXECUTE FUNCTION validation_rules();
ALTER TABLE validation_validation ENABLE ALWAYS TRIGGER validation_rules;
"""

# The plan and the declaration come before the work; tests are made, findings raised and the report written while it
# goes on. The lock makes a signature wait for them, and them for it.
PARTS = """
CREATE FUNCTION validation_part_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE whole uuid; stands text; early boolean; asked record;
BEGIN
  FOREACH whole IN ARRAY CASE TG_OP WHEN 'INSERT' THEN ARRAY[NEW.validation_id] WHEN 'DELETE' THEN ARRAY[OLD.validation_id]
                         ELSE ARRAY[OLD.validation_id, NEW.validation_id] END LOOP
    SELECT v.state INTO stands FROM validation_validation v WHERE v.id = whole FOR SHARE;
    early := TG_TABLE_NAME = 'validation_validationpart' AND to_jsonb(NEW) ->> 'part' IS DISTINCT FROM 'report';
    IF stands IS NULL OR (stands <> 'in_progress' AND NOT (stands = 'planned' AND early)) THEN
      RAISE EXCEPTION 'validation % is %, so nothing is added to it or taken from it', whole, coalesce(stands, 'not there')
        USING ERRCODE = '23514', CONSTRAINT = 'worked_on_while_in_progress';
    END IF;
  END LOOP;
  IF TG_TABLE_NAME = 'validation_validationfinding' THEN
    SELECT r.system_id, f.system_id AS found_in, f.source INTO asked
      FROM validation_validation v JOIN approvals_approvalrequest r ON r.id = v.approval_id
      CROSS JOIN approvals_finding f WHERE v.id = NEW.validation_id AND f.id = NEW.finding_id;
    IF asked.found_in IS DISTINCT FROM asked.system_id OR asked.source <> 'validation' THEN
      RAISE EXCEPTION 'finding % is not one of a validation of that AI system', NEW.finding_id
        USING ERRCODE = '23514', CONSTRAINT = 'finding_of_the_validated_system';
    END IF;
  END IF;
  RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE TRIGGER part_rules BEFORE INSERT OR UPDATE OR DELETE ON validation_validationtest
  FOR EACH ROW EXECUTE FUNCTION validation_part_rules();
ALTER TABLE validation_validationtest ENABLE ALWAYS TRIGGER part_rules;
CREATE TRIGGER part_rules BEFORE INSERT OR UPDATE ON validation_validationpart
  FOR EACH ROW EXECUTE FUNCTION validation_part_rules();
ALTER TABLE validation_validationpart ENABLE ALWAYS TRIGGER part_rules;
CREATE FUNCTION validation_part_stays() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'part % of validation % is written anew, and stays', OLD.part, OLD.validation_id
    USING ERRCODE = '23514', CONSTRAINT = 'written_part_stays';
END $$;
CREATE TRIGGER part_stays BEFORE DELETE ON validation_validationpart
  FOR EACH ROW EXECUTE FUNCTION validation_part_stays();
ALTER TABLE validation_validationpart ENABLE ALWAYS TRIGGER part_stays;
CREATE TRIGGER part_rules BEFORE INSERT ON validation_validationfinding
  FOR EACH ROW EXECUTE FUNCTION validation_part_rules();
ALTER TABLE validation_validationfinding ENABLE ALWAYS TRIGGER part_rules;
"""

# Evidence that says what came of a validation is what one was signed with: so much is known of who made it, and how.
EVIDENCE = """
CREATE FUNCTION validation_evidence_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM validation_validation v WHERE v.evidence_id = NEW.id AND v.state = 'signed') THEN
    RAISE EXCEPTION 'evidence % is of a validation that nobody signed', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'validation_evidence_is_signed';
  END IF;
  RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER validation_is_signed AFTER INSERT ON evidence_evidence DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (NEW.payload ->> 'kind' = 'validation') EXECUTE FUNCTION validation_evidence_rules();
ALTER TABLE evidence_evidence ENABLE ALWAYS TRIGGER validation_is_signed;
"""

# A stage that requires a validation approves on one by somebody without a part in the request, whose opinion is not
# that the version is unfit. How old it may be stands in the policy's text, which the services read.
REQUIRED = """
CREATE FUNCTION validation_before_approval() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE asked record; said text;
BEGIN
  SELECT * INTO asked FROM approvals_approvalrequest r WHERE r.id = NEW.request_id;
  IF NOT asked.stages @> jsonb_build_array(jsonb_build_object('name', NEW.stage, 'requires', 'validation')) THEN
    RETURN NEW;
  END IF;
  SELECT e.payload ->> 'opinion' INTO said FROM evidence_evidence e
    WHERE e.type = 'human_review/v1' AND e.payload ->> 'kind' = 'validation'
      AND e.subject_digest = asked.subject_digest AND e.subject_id = asked.subject_id
      AND (e.payload ->> 'opinion' = 'not_fit'
           OR NOT validation_had_a_part(substring(e.producer_id FROM '^person:(.*)$')::uuid, asked.id))
    ORDER BY e.made_at DESC LIMIT 1;
  IF said IS NULL OR said = 'not_fit' THEN
    RAISE EXCEPTION 'stage % of request % requires a validation, and %', NEW.stage, NEW.request_id,
      CASE WHEN said IS NULL THEN 'there is none' ELSE 'it says that the version is not fit' END
      USING ERRCODE = '23514', CONSTRAINT = 'approved_on_a_validation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER validation_before_approval BEFORE INSERT ON approvals_decision
  FOR EACH ROW WHEN (NEW.verdict = 'approve') EXECUTE FUNCTION validation_before_approval();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER validation_before_approval;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0002_guards"),
        ("approvals", "0002_guards"),
        ("audit", "0002_log"),
        ("evidence", "0002_guards"),
        ("inventory", "0001_tables"),
        ("validation", "0001_tables"),
    ]
    operations = [
        Govern("validation_validation", sealed_when="settled_at"),
        Govern("validation_validationpart"),
        Govern("validation_validationtest"),
        Govern("validation_validationfinding", immutable=True),
        migrations.RunSQL(
            VALIDATIONS,
            "DROP FUNCTION validation_rules CASCADE; DROP FUNCTION validation_had_a_part; "
            "DROP FUNCTION validation_holds_the_role; DROP SEQUENCE validation_number",
        ),
        migrations.RunSQL(PARTS, "DROP FUNCTION validation_part_rules CASCADE; DROP FUNCTION validation_part_stays CASCADE"),
        migrations.RunSQL(EVIDENCE, "DROP FUNCTION validation_evidence_rules CASCADE"),
        migrations.RunSQL(REQUIRED, "DROP FUNCTION validation_before_approval CASCADE"),
    ]
