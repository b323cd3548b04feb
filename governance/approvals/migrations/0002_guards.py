"""Put the app's tables under the log's guard, and keep separation of duties in the database."""

from django.db import migrations

from governance.audit.operations import Govern

# What holds whatever the application does. A decision is one person's, in the open stage of a request that is in review;
# whoever had a part in the subject, was not listed when the request was made, was deactivated, or has not held the role
# of the stage since then, has none. A delegate signs in the place of the delegator, who must be able to sign, too, and
# place by place is counted. Who signed what is counted here again before a request may be approved.
DECISIONS = """
CREATE FUNCTION approvals_stands_for(who uuid, place uuid, roles jsonb, system uuid, opened timestamptz, at timestamptz)
RETURNS boolean LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT EXISTS (
    SELECT FROM approvals_delegation v
    JOIN accounts_user u ON u.id = v.delegate_id AND u.is_active AND u.sponsor_id IS NULL
    JOIN accounts_grant lent ON lent.person_id = v.delegator_id AND (lent.system_id IS NULL OR lent.system_id = system)
      AND lent.valid_from <= opened AND (lent.valid_until IS NULL OR lent.valid_until > at)
    JOIN accounts_grant own ON own.person_id = v.delegate_id AND own.role = lent.role
      AND own.valid_from <= opened AND (own.valid_until IS NULL OR own.valid_until > at)
    WHERE v.delegate_id = who AND v.delegator_id = place AND v.ended_at IS NULL
      AND v.confirmed_at <= opened AND v.valid_from <= opened AND v.valid_until > at
      AND (v.system_id IS NULL OR v.system_id = system)
      AND v.role IN ('', lent.role) AND roles @> jsonb_build_array(lent.role))
$$;
CREATE FUNCTION approvals_round(asked uuid) RETURNS integer LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT 1 + count(*)::integer FROM approvals_decision d WHERE d.request_id = asked AND d.verdict = 'request_changes'
$$;
CREATE FUNCTION approvals_open_stage(asked uuid, stages jsonb) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT s.stage FROM jsonb_array_elements(stages) WITH ORDINALITY AS s(stage, n)
  WHERE (SELECT count(DISTINCT coalesce(d.on_behalf_of_id, d.approver_id)) FROM approvals_decision d
         WHERE d.request_id = asked AND d.round = approvals_round(asked) AND d.verdict = 'approve'
           AND d.stage = s.stage ->> 'name') < (s.stage ->> 'quorum')::integer
  ORDER BY s.n LIMIT 1
$$;
CREATE FUNCTION approvals_separation_of_duties() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE asked record; stage jsonb; place CONSTANT uuid := coalesce(NEW.on_behalf_of_id, NEW.approver_id);
  at CONSTANT timestamptz := greatest(NEW.decided_at, now());  -- a date in the past gives no ended role back
BEGIN
  SELECT r.*, s.owner_id INTO asked
    FROM approvals_approvalrequest r JOIN inventory_aisystem s ON s.id = r.system_id WHERE r.id = NEW.request_id;
  IF ARRAY[NEW.approver_id, place] && ARRAY[asked.requester_id, asked.owner_id]
     OR asked.excluded @> jsonb_build_array(jsonb_build_object('person', NEW.approver_id::text))
     OR asked.excluded @> jsonb_build_array(jsonb_build_object('person', place::text)) THEN
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
  IF NOT stage -> 'eligible' @> jsonb_build_array(place::text) OR NOT EXISTS (
       SELECT FROM accounts_grant g JOIN accounts_user u ON u.id = g.person_id
       WHERE g.person_id = place AND u.is_active AND stage -> 'roles' @> jsonb_build_array(g.role)
         AND (g.system_id IS NULL OR g.system_id = asked.system_id) AND g.valid_from <= asked.opened_at
         AND (g.valid_until IS NULL OR g.valid_until > at)) THEN
    RAISE EXCEPTION '% is not eligible for stage % of request %', NEW.approver_id, NEW.stage, NEW.request_id
      USING ERRCODE = '23514', CONSTRAINT = 'eligible_since_submission';
  END IF;
  IF (stage ->> 'signature' = 'passkey' OR NEW.passkey_id IS NOT NULL) AND NOT EXISTS (
       SELECT FROM accounts_passkey p WHERE p.id = NEW.passkey_id AND p.person_id = NEW.approver_id
         AND p.confirmed_at <= asked.opened_at AND (p.ended_at IS NULL OR p.ended_at > at)) THEN
    RAISE EXCEPTION 'stage % of request % wants a passkey of % that was confirmed before the request', NEW.stage,
      NEW.request_id, NEW.approver_id USING ERRCODE = '23514', CONSTRAINT = 'signed_by_a_confirmed_passkey';
  END IF;
  IF NEW.on_behalf_of_id IS NOT NULL AND (
       stage -> 'delegates' ->> NEW.approver_id::text IS DISTINCT FROM place::text
       OR NOT approvals_stands_for(NEW.approver_id, place, stage -> 'roles', asked.system_id, asked.opened_at, at))
  THEN
    RAISE EXCEPTION '% does not stand for % in stage % of request %', NEW.approver_id, place, NEW.stage, NEW.request_id
      USING ERRCODE = '23514', CONSTRAINT = 'delegated_since_submission';
  END IF;
  IF NEW.change_class <> (CASE WHEN NEW.verdict = 'approve' AND stage -> 'roles' @> '["validator"]'
                              THEN coalesce(asked.context ->> 'change_class', '') ELSE '' END) THEN
    RAISE EXCEPTION 'an approval in stage % of request % confirms the change class that was stated, and no other', NEW.stage,
      NEW.request_id USING ERRCODE = '23514', CONSTRAINT = 'change_class_confirmed_in_validation';
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
    "changes_requested": ["collecting", "expired", "withdrawn"],
    "approved": ["suspended", "revoked", "lapsed", "renewed"],
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
      NEW.policy_version_id, NEW.requester_id, NEW.stages, NEW.required_evidence, NEW.use_restrictions,
      NEW.decide_within, NEW.opened_at)
     IS DISTINCT FROM (OLD.subject_kind, OLD.subject_id, OLD.subject_name, OLD.subject_digest, OLD.asks_for, OLD.system_id,
      OLD.policy_version_id, OLD.requester_id, OLD.stages, OLD.required_evidence, OLD.use_restrictions,
      OLD.decide_within, OLD.opened_at) THEN
    RAISE EXCEPTION 'what request % asks for, and who may sign it, does not change', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'request_rests_on_what_it_was_made_on';
  END IF;
  IF EXISTS (SELECT x ->> 'person' FROM jsonb_array_elements(OLD.excluded) x
             EXCEPT SELECT x ->> 'person' FROM jsonb_array_elements(NEW.excluded) x) THEN
    RAISE EXCEPTION 'whoever is kept from signing request % stays kept from it', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'kept_from_signing_stays';
  END IF;
  IF OLD.state NOT IN ('collecting', 'changes_requested') AND NEW.context IS DISTINCT FROM OLD.context THEN
    RAISE EXCEPTION 'what is known of the subject of request % does not change while people decide', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'context_frozen_in_review';
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

# A delegation is made, then confirmed by an administrator who is neither, then ended; nothing else of it changes, it is
# not dated back, and nobody lends a place on.
DELEGATIONS = """
CREATE FUNCTION approvals_delegation_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_OP = 'INSERT' THEN
    IF NEW.confirmed_at IS NOT NULL OR NEW.ended_at IS NOT NULL THEN
      RAISE EXCEPTION 'a delegation is made first, and confirmed later'
        USING ERRCODE = '23514', CONSTRAINT = 'delegation_is_made_then_confirmed';
    END IF;
    RETURN NEW;
  END IF;
  IF (NEW.delegator_id, NEW.delegate_id, NEW.role, NEW.system_id, NEW.valid_from, NEW.valid_until)
     IS DISTINCT FROM (OLD.delegator_id, OLD.delegate_id, OLD.role, OLD.system_id, OLD.valid_from, OLD.valid_until)
     OR (OLD.confirmed_at IS NOT NULL AND (NEW.confirmed_at, NEW.confirmed_by_id)
         IS DISTINCT FROM (OLD.confirmed_at, OLD.confirmed_by_id))
     OR (OLD.ended_at IS NOT NULL AND (NEW.ended_at, NEW.confirmed_at) IS DISTINCT FROM (OLD.ended_at, OLD.confirmed_at))
  THEN
    RAISE EXCEPTION 'delegation % does not change', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'delegation_does_not_change';
  END IF;
  IF OLD.confirmed_at IS NULL AND NEW.confirmed_at IS NOT NULL THEN
    IF NEW.confirmed_at < now() - interval '1 minute' OR NOT EXISTS (
         SELECT FROM accounts_grant g JOIN accounts_user u ON u.id = g.person_id
         WHERE g.person_id = NEW.confirmed_by_id AND u.is_active AND g.role = 'administrator' AND g.system_id IS NULL
           AND g.valid_from <= NEW.confirmed_at AND (g.valid_until IS NULL OR g.valid_until > NEW.confirmed_at)) THEN
      RAISE EXCEPTION 'an administrator confirms delegation %, at the time they do', OLD.id
        USING ERRCODE = '23514', CONSTRAINT = 'delegation_confirmed_by_an_administrator';
    END IF;
    IF EXISTS (SELECT FROM approvals_delegation v
               WHERE v.id <> NEW.id AND v.confirmed_at IS NOT NULL AND v.ended_at IS NULL
                 AND (v.delegator_id = NEW.delegate_id OR v.delegate_id = NEW.delegator_id)
                 AND tstzrange(v.valid_from, v.valid_until) && tstzrange(NEW.valid_from, NEW.valid_until)) THEN
      RAISE EXCEPTION 'delegation % would lend a place on', OLD.id
        USING ERRCODE = '23514', CONSTRAINT = 'no_chain_of_delegations';
    END IF;
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER delegation_rules BEFORE INSERT OR UPDATE ON approvals_delegation
  FOR EACH ROW EXECUTE FUNCTION approvals_delegation_rules();
ALTER TABLE approvals_delegation ENABLE ALWAYS TRIGGER delegation_rules;
"""

# What lists find a request by (RequestIndex), computed anew whenever the request or a decision on it is written. Only
# these functions write it, as the owner: to every other role it is a table to read. A delegate signs in the place of
# another (stage.delegates: who -> for whom; on_behalf_of_id of a decision), and a place signs once.
INDEX = """
CREATE FUNCTION approvals_open_to(asked approvals_approvalrequest, stage jsonb) RETURNS uuid[]
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
  SELECT coalesce(array_agg(DISTINCT listed.who::uuid ORDER BY listed.who::uuid), '{}') FROM (
    SELECT who, who AS place FROM jsonb_array_elements_text(stage -> 'eligible') who
    WHERE NOT coalesce(stage -> 'delegates', '{}') ? who
    UNION ALL SELECT key, value FROM jsonb_each_text(coalesce(stage -> 'delegates', '{}'))) listed
  WHERE NOT EXISTS (SELECT FROM jsonb_array_elements(asked.excluded) x WHERE x ->> 'person' IN (listed.who, listed.place))
    AND NOT EXISTS (
      SELECT FROM approvals_decision d WHERE d.request_id = asked.id AND d.round = approvals_round(asked.id)
        AND (d.approver_id::text = listed.who
             OR coalesce(to_jsonb(d) ->> 'on_behalf_of_id', d.approver_id::text) = listed.place))
$$;
CREATE FUNCTION approvals_index_request(key uuid) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
DECLARE asked approvals_approvalrequest; stage jsonb; named text[];
BEGIN
  SELECT * INTO asked FROM approvals_approvalrequest WHERE id = key;
  IF asked.state = 'in_review' THEN stage := approvals_open_stage(key, asked.stages); END IF;
  SELECT array_agg(DISTINCT role #>> '{}') INTO named FROM jsonb_path_query(asked.stages, '$[*].roles[*]') role;
  INSERT INTO approvals_requestindex AS i (request_id, state, system_id, requester_id, outcome, open_stage, open_roles,
    open_to, words, opened_at, due_at, settled_at, decided_in)
  VALUES (key, asked.state, asked.system_id, asked.requester_id, coalesce(asked.verdict ->> 'outcome', ''),
    coalesce(stage ->> 'name', ''),
    ARRAY(SELECT jsonb_array_elements_text(stage -> 'roles') ORDER BY 1),
    CASE WHEN stage IS NULL THEN '{}' ELSE approvals_open_to(asked, stage) END,
    lower(concat_ws(' ', asked.subject_name, replace(asked.subject_name, '/', ' v'), asked.asks_for,
                    replace(array_to_string(named, ' '), '_', ' '))),
    asked.opened_at, CASE WHEN asked.state = 'in_review' THEN asked.review_opened_at + asked.decide_within END,
    asked.settled_at,
    CASE WHEN EXISTS (SELECT FROM approvals_decision d WHERE d.request_id = key)
         THEN asked.settled_at - asked.review_opened_at END)
  ON CONFLICT (request_id) DO UPDATE SET state = EXCLUDED.state, outcome = EXCLUDED.outcome,
    open_stage = EXCLUDED.open_stage, open_roles = EXCLUDED.open_roles, open_to = EXCLUDED.open_to,
    due_at = EXCLUDED.due_at, settled_at = EXCLUDED.settled_at, decided_in = EXCLUDED.decided_in
  WHERE (i.state, i.outcome, i.open_stage, i.open_roles, i.open_to, i.due_at, i.settled_at, i.decided_in)
    IS DISTINCT FROM (EXCLUDED.state, EXCLUDED.outcome, EXCLUDED.open_stage, EXCLUDED.open_roles, EXCLUDED.open_to,
                      EXCLUDED.due_at, EXCLUDED.settled_at, EXCLUDED.decided_in);
END $$;
CREATE FUNCTION approvals_keep_index() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF TG_TABLE_NAME = 'approvals_decision' THEN
    PERFORM approvals_index_request(NEW.request_id);
  ELSIF TG_OP = 'DELETE' THEN
    DELETE FROM approvals_requestindex WHERE request_id = OLD.id;
  ELSE
    PERFORM approvals_index_request(NEW.id);
  END IF;
  RETURN NULL;
END $$;
CREATE TRIGGER keep_index AFTER INSERT OR UPDATE OR DELETE ON approvals_approvalrequest
  FOR EACH ROW EXECUTE FUNCTION approvals_keep_index();
ALTER TABLE approvals_approvalrequest ENABLE ALWAYS TRIGGER keep_index;
CREATE TRIGGER keep_index AFTER INSERT ON approvals_decision FOR EACH ROW EXECUTE FUNCTION approvals_keep_index();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER keep_index;
REVOKE INSERT, UPDATE, DELETE ON approvals_requestindex FROM placet_app;
"""

# A waiver is of a check that failed and whose failure the policy lets stand, on the evidence that is frozen, and is decided
# by a request of its own, with stages, from which everybody is kept who is kept from what it is for.
WAIVERS = """
CREATE FUNCTION approvals_waiver_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE asked record; deciding record;
BEGIN
  SELECT * INTO asked FROM approvals_approvalrequest r WHERE r.id = NEW.request_id;
  SELECT * INTO deciding FROM approvals_approvalrequest r WHERE r.id = NEW.approval_id;
  IF asked.state NOT IN ('in_review', 'approved', 'suspended') OR asked.manifest_digest <> NEW.manifest_digest
     OR NOT coalesce(asked.verdict -> 'checks', '[]') @> jsonb_build_array(
       jsonb_build_object('id', NEW.check_id, 'on_fail', 'waivable', 'outcome', 'fail')) THEN
    RAISE EXCEPTION 'check % of request % has not failed, or its failure can''t stand', NEW.check_id, NEW.request_id
      USING ERRCODE = '23514', CONSTRAINT = 'waiver_of_a_failed_waivable_check';
  END IF;
  IF deciding.subject_kind <> 'waiver' OR deciding.subject_id <> NEW.id OR deciding.state <> 'collecting'
     OR jsonb_array_length(deciding.stages) = 0 OR NOT deciding.excluded @> asked.excluded
     OR (deciding.system_id, deciding.policy_version_id) IS DISTINCT FROM (asked.system_id, asked.policy_version_id) THEN
    RAISE EXCEPTION 'request % is not one that decides on waiver %', NEW.approval_id, NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'waiver_decided_by_its_own_request';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER waiver_rules BEFORE INSERT ON approvals_waiver
  FOR EACH ROW EXECUTE FUNCTION approvals_waiver_rules();
ALTER TABLE approvals_waiver ENABLE ALWAYS TRIGGER waiver_rules;
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
        Govern("approvals_delegation"),
        Govern("approvals_waiver", immutable=True),
        migrations.RunSQL(
            "ALTER TABLE approvals_finding ADD CONSTRAINT finding_closed_by_no_former_owner "
            "CHECK (closed_by_id IS NULL OR NOT closed_by_id = ANY (former_owners))",
            "ALTER TABLE approvals_finding DROP CONSTRAINT finding_closed_by_no_former_owner",
        ),
        migrations.RunSQL(
            DECISIONS,
            "DROP FUNCTION approvals_separation_of_duties CASCADE; DROP FUNCTION approvals_open_stage; "
            "DROP FUNCTION approvals_round; DROP FUNCTION approvals_stands_for",
        ),
        migrations.RunSQL(MOVES, "DROP FUNCTION approvals_keep_the_rules CASCADE"),
        migrations.RunSQL(WAIVERS, "DROP FUNCTION approvals_waiver_rules CASCADE"),
        migrations.RunSQL(DELEGATIONS, "DROP FUNCTION approvals_delegation_rules CASCADE"),
        migrations.RunSQL(
            INDEX,
            "DROP FUNCTION approvals_keep_index CASCADE; DROP FUNCTION approvals_index_request; "
            "DROP FUNCTION approvals_open_to",
        ),
    ]
