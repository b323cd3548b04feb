"""Submitted documents, and what other people said of them: held apart by the database."""

import datetime
import django.db.models.deletion
import django.db.models.expressions
import uuid
from django.conf import settings
from django.db import migrations, models

from governance.audit.operations import Govern

# What holds whatever the application does: a document's row says what its evidence says, and who reviews it is another
# person than its submitter and than the one who answers for a submitting machine, active, and holds a role for that.
RULES = """
CREATE FUNCTION evidence_document_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE told record;
BEGIN
  SELECT e.type, e.origin, e.payload, e.producer_id INTO told FROM evidence_evidence e WHERE e.id = NEW.evidence_id;
  IF told.type IS DISTINCT FROM 'submitted_document/v1' OR told.origin <> 'submitted'
     OR told.payload ->> 'kind' IS DISTINCT FROM NEW.kind
     OR (told.payload ->> 'issued_on')::date IS DISTINCT FROM NEW.issued_on
     OR (told.payload ->> 'expires_on')::date IS DISTINCT FROM NEW.expires_on
     OR told.producer_id NOT IN ('person:' || NEW.submitter_id, 'service:' || NEW.submitter_id) THEN
    RAISE EXCEPTION 'document % says other things than its evidence %', NEW.id, NEW.evidence_id
      USING ERRCODE = '23514', CONSTRAINT = 'document_says_what_its_evidence_says';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER document_rules BEFORE INSERT ON evidence_submitteddocument
  FOR EACH ROW EXECUTE FUNCTION evidence_document_rules();
ALTER TABLE evidence_submitteddocument ENABLE ALWAYS TRIGGER document_rules;
CREATE FUNCTION evidence_review_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
DECLARE document record;
BEGIN
  SELECT d.system_id, d.submitter_id, u.sponsor_id INTO document
    FROM evidence_submitteddocument d JOIN accounts_user u ON u.id = d.submitter_id
    WHERE d.evidence_id = NEW.evidence_id;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'evidence % is no submitted document', NEW.evidence_id
      USING ERRCODE = '23514', CONSTRAINT = 'only_documents_are_reviewed';
  END IF;
  IF NEW.reviewer_id IN (document.submitter_id, document.sponsor_id) THEN
    RAISE EXCEPTION '% submitted the document of evidence %, or answers for who did', NEW.reviewer_id, NEW.evidence_id
      USING ERRCODE = '23514', CONSTRAINT = 'document_reviewed_by_another_person';
  END IF;
  IF NOT EXISTS (
       SELECT FROM accounts_grant g JOIN accounts_user u ON u.id = g.person_id
       WHERE g.person_id = NEW.reviewer_id AND u.is_active AND u.sponsor_id IS NULL
         AND g.role IN ('validator', 'risk_officer', 'data_protection_officer')
         AND (g.system_id IS NULL OR g.system_id = document.system_id)
         AND g.valid_from <= NEW.reviewed_at
         AND (g.valid_until IS NULL OR g.valid_until > greatest(NEW.reviewed_at, now()))) THEN
    RAISE EXCEPTION '% holds no role that reviews evidence %', NEW.reviewer_id, NEW.evidence_id
      USING ERRCODE = '23514', CONSTRAINT = 'document_reviewed_in_a_role';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER review_rules BEFORE INSERT ON evidence_evidencereview
  FOR EACH ROW EXECUTE FUNCTION evidence_review_rules();
ALTER TABLE evidence_evidencereview ENABLE ALWAYS TRIGGER review_rules;
"""
NO_RULES = """
DROP TRIGGER review_rules ON evidence_evidencereview;
DROP FUNCTION evidence_review_rules();
DROP TRIGGER document_rules ON evidence_submitteddocument;
DROP FUNCTION evidence_document_rules();
"""


class Migration(migrations.Migration):

    dependencies = [
        ('evidence', '0002_guards'),
        ('audit', '0002_log'),
        ('accounts', '0001_tables'),
    ]

    operations = [
        migrations.CreateModel(
            name='EvidenceReview',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('verdict', models.CharField(choices=[('accepted', 'Accepted'), ('refused', 'Refused')], max_length=8)),
                ('reviewed_at', models.DateTimeField()),
                ('evidence', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='reviews', to='evidence.evidence')),
                ('reviewer', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'constraints': [models.UniqueConstraint(fields=('evidence', 'reviewer'), name='one_review_per_evidence_and_reviewer'), models.CheckConstraint(condition=models.Q(('verdict__in', ['accepted', 'refused'])), name='known_review_verdict')],
            },
        ),
        migrations.CreateModel(
            name='SubmittedDocument',
            fields=[
                ('id', models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ('log_entry', models.UUIDField(editable=False, help_text='Newest log entry that names this row.')),
                ('system_id', models.UUIDField(help_text='The AI system that it is about, itself or by one of its versions.')),
                ('kind', models.CharField(choices=[('pen_test', 'Penetration test'), ('dpia', 'Data protection impact assessment'), ('validation_report', 'Validation report'), ('supplier_documents', 'Documents of the supplier'), ('other', 'Other document')], max_length=20)),
                ('issued_on', models.DateField()),
                ('expires_on', models.DateField(help_text='The last day on which it counts.')),
                ('submitted_at', models.DateTimeField()),
                ('evidence', models.OneToOneField(on_delete=django.db.models.deletion.PROTECT, related_name='document', to='evidence.evidence')),
                ('submitter', models.ForeignKey(on_delete=django.db.models.deletion.PROTECT, related_name='+', to=settings.AUTH_USER_MODEL)),
            ],
            options={
                'indexes': [models.Index(fields=['system_id', '-submitted_at'], name='document_by_system')],
                'constraints': [models.CheckConstraint(condition=models.Q(('expires_on__gt', models.F('issued_on')), ('expires_on__lte', django.db.models.expressions.CombinedExpression(models.F('issued_on'), '+', models.Value(datetime.timedelta(days=1096))))), name='document_counts_for_three_years_at_most')],
            },
        ),
        Govern("evidence_submitteddocument", immutable=True),
        Govern("evidence_evidencereview", immutable=True),
        migrations.RunSQL(RULES, NO_RULES),
    ]
