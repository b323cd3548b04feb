"""Approvals are renewed by requests of their own, and requested changes that nobody answers expire."""

import django.db.models.deletion
from django.db import migrations, models

STATES = [
    ('collecting', 'Collecting evidence'),
    ('in_review', 'In review'),
    ('changes_requested', 'Changes requested'),
    ('rejected', 'Rejected'),
    ('approved', 'Approved'),
    ('suspended', 'Suspended'),
    ('revoked', 'Revoked'),
    ('lapsed', 'Lapsed'),
    ('renewed', 'Renewed'),
    ('expired', 'Expired'),
    ('withdrawn', 'Withdrawn'),
]

# A renewal is of the same subject, bytes and alias as what it renews, which has its force or lapsed, both when it is
# made and when it is approved; and an approval ends as renewed only by a renewal that is approved.
RENEWALS = """
CREATE FUNCTION approvals_renewal_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE old_one approvals_approvalrequest;
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.renews_id IS DISTINCT FROM OLD.renews_id THEN
    RAISE EXCEPTION 'what request % renews does not change', OLD.id
      USING ERRCODE = '23514', CONSTRAINT = 'renewal_of_one_approval';
  END IF;
  IF NEW.renews_id IS NOT NULL AND (TG_OP = 'INSERT' OR NEW.state = 'approved' AND OLD.state = 'in_review') THEN
    SELECT * INTO old_one FROM approvals_approvalrequest r WHERE r.id = NEW.renews_id;
    IF (NEW.subject_kind, NEW.subject_id, NEW.subject_digest, NEW.asks_for, NEW.system_id) IS DISTINCT FROM
       (old_one.subject_kind, old_one.subject_id, old_one.subject_digest, old_one.asks_for, old_one.system_id) THEN
      RAISE EXCEPTION 'request % is about something else than what it would renew', NEW.id
        USING ERRCODE = '23514', CONSTRAINT = 'renewal_of_the_same_subject';
    END IF;
    IF old_one.state NOT IN ('approved', 'lapsed') THEN
      RAISE EXCEPTION 'request % would renew one that is %', NEW.id, old_one.state
        USING ERRCODE = '23514', CONSTRAINT = 'renewal_of_what_has_its_force';
    END IF;
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.state = 'renewed' AND OLD.state <> 'renewed' AND NOT EXISTS (
       SELECT FROM approvals_approvalrequest r WHERE r.renews_id = NEW.id AND r.state = 'approved') THEN
    RAISE EXCEPTION 'no approved request renews %', NEW.id
      USING ERRCODE = '23514', CONSTRAINT = 'renewed_by_an_approval';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER renewal_rules BEFORE INSERT OR UPDATE ON approvals_approvalrequest
  FOR EACH ROW EXECUTE FUNCTION approvals_renewal_rules();
ALTER TABLE approvals_approvalrequest ENABLE ALWAYS TRIGGER renewal_rules;
"""


class Migration(migrations.Migration):
    dependencies = [("approvals", "0003_comments"), ("approvals", "0004_standing")]
    operations = [
        migrations.AddField(
            model_name='approvalrequest',
            name='renews',
            field=models.ForeignKey(
                help_text='The approval that it extends.',
                null=True,
                on_delete=django.db.models.deletion.PROTECT,
                related_name='renewals',
                to='approvals.approvalrequest',
            ),
        ),
        migrations.AlterField(
            model_name='approvalrequest',
            name='state',
            field=models.CharField(choices=STATES, default='collecting', max_length=20),
        ),
        migrations.AlterField(
            model_name='requestindex', name='state', field=models.CharField(choices=STATES, max_length=20)
        ),
        migrations.RunSQL(RENEWALS, "DROP FUNCTION approvals_renewal_rules CASCADE"),
    ]
