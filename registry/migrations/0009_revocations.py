"""Revocation lists and model signatures: by the notary alone, immutable; each list has a larger number than all before."""

import uuid

import django.db.models.deletion
from django.db import migrations, models

from governance.audit.operations import Govern

RULES = """
REVOKE INSERT, UPDATE, DELETE ON registry_revocationlist, registry_modelsignature FROM placet_app;
GRANT INSERT ON registry_revocationlist, registry_modelsignature TO placet_notary;
CREATE FUNCTION registry_revocationlist_rules() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER
SET search_path = public, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM public.registry_revocationlist l WHERE l.number >= NEW.number) THEN
    RAISE EXCEPTION 'revocation list % is not numbered above all before it', NEW.number
      USING ERRCODE = '23514', CONSTRAINT = 'revocation_list_numbers_grow';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER revocationlist_rules BEFORE INSERT ON registry_revocationlist
  FOR EACH ROW EXECUTE FUNCTION registry_revocationlist_rules();
ALTER TABLE registry_revocationlist ENABLE ALWAYS TRIGGER revocationlist_rules;
"""


class Migration(migrations.Migration):
    dependencies = [("registry", "0008_watching")]
    operations = [
        migrations.CreateModel(
            name="RevocationList",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("log_entry", models.UUIDField(editable=False, help_text="Newest log entry that names this row.")),
                ("number", models.BigIntegerField(help_text="Grows from list to list.", unique=True)),
                ("envelope", models.JSONField(help_text="DSSE envelope over the in-toto statement.")),
                ("digest", models.CharField(help_text="sha256 of the envelope.", max_length=71, unique=True)),
                ("log_size", models.BigIntegerField(help_text="The tree that it was derived from.")),
                ("withdrawn", models.PositiveIntegerField(help_text="How many permits it names.")),
                ("issued_at", models.DateTimeField()),
                ("next_update", models.DateTimeField(help_text="By then there is a newer one.")),
            ],
            options={"abstract": False},
        ),
        migrations.CreateModel(
            name="ModelSignature",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("log_entry", models.UUIDField(editable=False, help_text="Newest log entry that names this row.")),
                ("bundle", models.TextField(help_text="Sigstore bundle (JSON), as it was written.")),
                ("digest", models.CharField(help_text="sha256 of the bundle.", max_length=71)),
                ("key_hint", models.CharField(help_text="Hex SHA-256 of the public key's PEM.", max_length=64)),
                ("signed_at", models.DateTimeField()),
                (
                    "permit",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="model_signatures",
                        to="registry.permit",
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=("permit", "key_hint"), name="one_model_signature_per_permit_and_key")
                ],
            },
        ),
        Govern("registry_revocationlist", immutable=True),
        Govern("registry_modelsignature", immutable=True),
        migrations.RunSQL(RULES, "DROP FUNCTION registry_revocationlist_rules CASCADE"),
    ]
