"""What the registry knows of a use of a standing approval, and the database keeps of it."""

from django.db import migrations

# A use is of a version of the model that the standing approval is for, while what serves under its alias is approved.
USES = """
CREATE FUNCTION registry_standing_use_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE own record;
BEGIN
  IF NEW.number IS NULL THEN
    RETURN NEW;
  END IF;
  SELECT * INTO own FROM approvals_standingapproval s WHERE s.id = NEW.standing_id;
  IF NOT EXISTS (
       SELECT FROM approvals_approvalrequest r JOIN registry_modelversion v ON v.id = r.subject_id
       WHERE r.id = NEW.request_id AND v.model_id = own.model_id AND v.artifact_digest = r.subject_digest) THEN
    RAISE EXCEPTION 'request % is about no version of the model that standing approval % is for', NEW.request_id, own.id
      USING ERRCODE = '23514', CONSTRAINT = 'standing_approval_of_the_same_model';
  END IF;
  IF NOT EXISTS (
       SELECT FROM registry_aliashistory h JOIN registry_promotionrequest p ON p.id = h.promotion_id
       JOIN approvals_approvalrequest r ON r.id = p.approval_id
       WHERE h.model_id = own.model_id AND h.alias = own.alias AND upper_inf(h.during) AND r.state = 'approved') THEN
    RAISE EXCEPTION 'nothing serves as % of standing approval % on an approval in force', own.alias, own.id
      USING ERRCODE = '23514', CONSTRAINT = 'standing_approval_repeats_what_serves';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER standing_use_rules BEFORE INSERT ON approvals_standingmatch
  FOR EACH ROW EXECUTE FUNCTION registry_standing_use_rules();
ALTER TABLE approvals_standingmatch ENABLE ALWAYS TRIGGER standing_use_rules;
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0003_code_identity"), ("approvals", "0004_standing")]
    operations = [migrations.RunSQL(USES, "DROP FUNCTION registry_standing_use_rules CASCADE")]
