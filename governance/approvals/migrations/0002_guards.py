"""Put the app's tables under the log's guard, and keep separation of duties in the database."""

from django.db import migrations

from governance.audit.operations import Govern

# What holds whatever the application does. A decision is one person's, in the open stage of a request that is in review;
# whoever had a part in the subject, was not listed when the request was made, was deactivated, or has not held the role
# of the stage since then, has none. Who signed what is counted here again before a request may be approved.
DECISIONS = """
CREATE FUNCTION approvals_round(asked uuid) RETURNS integer LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT 1 + count(*)::integer FROM approvals_decision d WHERE d.request_id = asked AND d.verdict = 'request_changes'
$$;
CREATE FUNCTION approvals_open_stage(asked uuid, stages jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT s.stage FROM jsonb_array_elements(stages) WITH ORDINALITY AS s(stage, n)
  WHERE (SELECT count(DISTINCT d.approver_id) FROM approvals_decision d
         WHERE d.request_id = asked AND d.round = approvals_round(asked) AND d.verdict = 'approve'
           AND d.stage = s.stage ->> 'name') < (s.stage ->> 'quorum')::integer
  ORDER BY s.n LIMIT 1
$$;
CREATE FUNCTION approvals_separation_of_duties() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE asked record; stage jsonb;
BEGIN
  SELECT r.*, s.owner_id INTO asked
    FROM approvals_approvalrequest r JOIN inventory_aisystem s ON s.id = r.system_id WHERE r.id = NEW.request_id;
  IF NEW.approver_id IN (asked.requester_id, asked.owner_id)
     OR asked.excluded @> jsonb_build_array(jsonb_build_object('person', NEW.approver_id::text)) THEN
    RAISE EXCEPTION 'separation of duties: % had a part in what request % is about', NEW.approver_id, NEW.request_id
      USING ERRCODE = '23514', CONSTRAINT = 'separation_of_duties';
  END IF;
  stage := approvals_open_stage(NEW.request_id, asked.stages);
  IF asked.state <> 'in_review' OR NEW.round <> approvals_round(NEW.request_id)
     OR stage ->> 'name' IS DISTINCT FROM NEW.stage THEN
    RAISE EXCEPTION 'request % is %, its open stage is %, not % of round %', NEW.request_id, asked.state,
      coalesce(stage ->> 'name', 'none'), NEW.stage, NEW.round
      USING ERRCODE = '23514', CONSTRAINT = 'decided_in_the_open_stage';
  END IF;
  IF NOT stage -> 'eligible' @> jsonb_build_array(NEW.approver_id::text) OR NOT EXISTS (
       SELECT FROM accounts_grant g JOIN accounts_user u ON u.id = g.person_id
       WHERE g.person_id = NEW.approver_id AND u.is_active AND stage -> 'roles' @> jsonb_build_array(g.role)
         AND (g.system_id IS NULL OR g.system_id = asked.system_id) AND g.valid_from <= asked.opened_at
         AND (g.valid_until IS NULL OR g.valid_until > NEW.decided_at)) THEN
    RAISE EXCEPTION '% is not eligible for stage % of request %', NEW.approver_id, NEW.stage, NEW.request_id
      USING ERRCODE = '23514', CONSTRAINT = 'eligible_since_submission';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER separation_of_duties BEFORE INSERT ON approvals_decision
  FOR EACH ROW EXECUTE FUNCTION approvals_separation_of_duties();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER separation_of_duties;
"""

# The table of moves (governance/approvals/transitions.py; a test compares them), what may never change, what is frozen
# once the review is open, and the quorum of each stage before a request is approved.
MOVES = """
CREATE FUNCTION approvals_keep_the_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE moves CONSTANT jsonb := '{
    "collecting": ["in_review", "expired", "withdrawn"],
    "in_review": ["changes_requested", "rejected", "approved", "expired", "withdrawn"],
    "changes_requested": ["collecting", "withdrawn"],
    "approved": ["suspended", "revoked", "lapsed"],
    "suspended": ["approved", "revoked", "lapsed"]}';
  stage jsonb;
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.state <> 'collecting' THEN
      RAISE EXCEPTION 'a request begins with collecting evidence, not %', NEW.state
        USING ERRCODE = '23514', CONSTRAINT = 'request_moves_by_the_table';
    END IF;
    RETURN NEW;
  END IF;
  IF NEW.state <> OLD.state AND NOT coalesce(moves -> OLD.state @> jsonb_build_array(NEW.state), false) THEN
    RAISE EXCEPTION 'request % cannot go from % to %', OLD.id, OLD.state, NEW.state
      USING ERRCODE = '23514', CONSTRAINT = 'request_moves_by_the_table';
  END IF;
  IF (NEW.subject_kind, NEW.subject_id, NEW.subject_name, NEW.subject_digest, NEW.asks_for, NEW.system_id,
      NEW.policy_version_id, NEW.requester_id, NEW.stages, NEW.opened_at)
     IS DISTINCT FROM (OLD.subject_kind, OLD.subject_id, OLD.subject_name, OLD.subject_digest, OLD.asks_for, OLD.system_id,
      OLD.policy_version_id, OLD.requester_id, OLD.stages, OLD.opened_at) THEN
    RAISE EXCEPTION 'what request % asks for, and who may sign it, does not change', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'request_rests_on_what_it_was_made_on';
  END IF;
  IF OLD.state <> 'collecting' AND NEW.state <> 'collecting' AND
     (NEW.excluded, NEW.evidence_ids, NEW.manifest_digest, NEW.review_opened_at)
     IS DISTINCT FROM (OLD.excluded, OLD.evidence_ids, OLD.manifest_digest, OLD.review_opened_at) THEN
    RAISE EXCEPTION 'the evidence of request %, and who is kept from signing, is frozen while people decide', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'manifest_frozen_in_review';
  END IF;
  IF NEW.state = 'approved' AND OLD.state = 'in_review' THEN
    stage := approvals_open_stage(OLD.id, OLD.stages);
    IF stage IS NOT NULL THEN
      RAISE EXCEPTION 'stage % of request % has too few signatures', stage ->> 'name', OLD.id
        USING ERRCODE = '23514', CONSTRAINT = 'approved_by_a_quorum_of_each_stage';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER keep_the_rules BEFORE INSERT OR UPDATE ON approvals_approvalrequest
  FOR EACH ROW EXECUTE FUNCTION approvals_keep_the_rules();
ALTER TABLE approvals_approvalrequest ENABLE ALWAYS TRIGGER keep_the_rules;
"""


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_tables"),
        ("approvals", "0001_tables"),
        ("audit", "0002_log"),
        ("inventory", "0001_tables"),
    ]
    operations = [
        Govern("approvals_approvalrequest"),
        Govern("approvals_decision", immutable=True),
        Govern("approvals_finding"),
        migrations.RunSQL(
            DECISIONS,
            "DROP FUNCTION approvals_separation_of_duties CASCADE; DROP FUNCTION approvals_open_stage; "
            "DROP FUNCTION approvals_round",
        ),
        migrations.RunSQL(MOVES, "DROP FUNCTION approvals_keep_the_rules CASCADE"),
    ]
