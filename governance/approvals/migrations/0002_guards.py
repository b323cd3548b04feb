"""Put the app's tables under the log's guard, and keep separation of duties in the database."""

from django.db import migrations

from governance.audit.operations import Govern

# The floor of separation of duties, whatever the application does: who is excluded, or was not eligible for the stage
# when the request was made, can't have a decision on it.
DUTIES = """
CREATE FUNCTION approvals_separation_of_duties() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE request record;
BEGIN
  SELECT r.requester_id, r.excluded, r.stages, s.owner_id INTO request
    FROM approvals_approvalrequest r JOIN inventory_aisystem s ON s.id = r.system_id WHERE r.id = NEW.request_id;
  IF NEW.approver_id IN (request.requester_id, request.owner_id)
     OR request.excluded @> jsonb_build_array(jsonb_build_object('person', NEW.approver_id::text)) THEN
    RAISE EXCEPTION 'separation of duties: % had a part in what request % is about', NEW.approver_id, NEW.request_id
      USING ERRCODE = '23514', CONSTRAINT = 'separation_of_duties';
  END IF;
  IF NOT request.stages @> jsonb_build_array(jsonb_build_object('name', NEW.stage,
         'eligible', jsonb_build_array(NEW.approver_id::text))) THEN
    RAISE EXCEPTION '% was not eligible for stage % of request %', NEW.approver_id, NEW.stage, NEW.request_id
      USING ERRCODE = '23514', CONSTRAINT = 'eligible_at_submission';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER separation_of_duties BEFORE INSERT ON approvals_decision
  FOR EACH ROW EXECUTE FUNCTION approvals_separation_of_duties();
ALTER TABLE approvals_decision ENABLE ALWAYS TRIGGER separation_of_duties;
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0001_tables"), ("audit", "0002_log"), ("inventory", "0001_tables")]
    operations = [
        Govern("approvals_approvalrequest"),
        Govern("approvals_decision", immutable=True),
        Govern("approvals_finding"),
        migrations.RunSQL(DUTIES, "DROP FUNCTION approvals_separation_of_duties CASCADE"),
    ]
