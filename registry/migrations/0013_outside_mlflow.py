"""Versions that no MLflow holds, recorded by a person, and what a version builds on."""

import uuid

import django.db.models.deletion
from django.conf import settings
from django.db import migrations, models

from governance.audit.operations import Govern

KEPT = """
CREATE FUNCTION registry_recorded_is_kept() RETURNS trigger LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE outside boolean;
BEGIN
  SELECT workspace = 'outside_mlflow' INTO outside FROM public.registry_registeredmodel WHERE id = NEW.model_id;
  IF outside <> (NEW.origin = 'recorded') THEN
    RAISE EXCEPTION 'a version is recorded if and only if its model is outside MLflow' USING ERRCODE = 'check_violation';
  END IF;
  IF TG_OP = 'UPDATE' AND (OLD.origin = 'recorded' OR NEW.origin = 'recorded') AND
     (OLD.model_id, OLD.number, OLD.mlflow_created_at_ms, OLD.origin, OLD.described, OLD.artifact_digest) IS DISTINCT FROM
     (NEW.model_id, NEW.number, NEW.mlflow_created_at_ms, NEW.origin, NEW.described, NEW.artifact_digest) THEN
    RAISE EXCEPTION 'what was recorded of a version does not change; record another' USING ERRCODE = 'check_violation';
  END IF;
  IF TG_OP = 'UPDATE' AND NEW.origin = 'recorded' AND OLD.evaluation_dataset_id <> NEW.evaluation_dataset_id THEN
    RAISE EXCEPTION 'evaluation data is given to a recorded version once' USING ERRCODE = 'check_violation';
  END IF;
  RETURN NEW;
END $$;
CREATE TRIGGER recorded_is_kept BEFORE INSERT OR UPDATE ON registry_modelversion
  FOR EACH ROW EXECUTE FUNCTION registry_recorded_is_kept();
ALTER TABLE registry_modelversion ENABLE ALWAYS TRIGGER recorded_is_kept;
"""
UNKEPT = """
DROP TRIGGER recorded_is_kept ON registry_modelversion;
DROP FUNCTION registry_recorded_is_kept();
"""


class Migration(migrations.Migration):
    dependencies = [
        ("registry", "0012_workspaces"),
        migrations.swappable_dependency(settings.AUTH_USER_MODEL),
    ]

    operations = [
        migrations.AddField(
            model_name="modelversion",
            name="described",
            field=models.JSONField(help_text="Of a recorded one: what it is (registry/descriptions.py).", null=True),
        ),
        migrations.AlterField(
            model_name="modelversion",
            name="mlflow_created_at_ms",
            field=models.BigIntegerField(help_text="Of a recorded one: when it was recorded."),
        ),
        migrations.AddConstraint(
            model_name="modelversion",
            constraint=models.CheckConstraint(
                condition=models.Q(
                    models.Q(("described__isnull", True), ("origin", "mlflow")),
                    models.Q(
                        ("described__has_keys", ["kind", "supplier", "product", "version"]),
                        ("origin", "recorded"),
                        ("manifest_digest", models.F("artifact_digest")),
                        ("registered_by__isnull", False),
                        ("run_id", ""),
                        ("source", ""),
                        models.Q(("artifact_digest", ""), _negated=True),
                    ),
                    _connector="OR",
                ),
                name="version_has_what_its_origin_needs",
            ),
        ),
        migrations.RunSQL(KEPT, UNKEPT),
        migrations.CreateModel(
            name="BuildsOn",
            fields=[
                ("id", models.UUIDField(default=uuid.uuid4, editable=False, primary_key=True, serialize=False)),
                ("log_entry", models.UUIDField(editable=False, help_text="Newest log entry that names this row.")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("base_model", "Base model"),
                            ("fine_tuned", "Fine-tuned from"),
                            ("embedding", "Embedding"),
                            ("component", "Component"),
                        ],
                        max_length=12,
                    ),
                ),
                ("stated_at", models.DateTimeField()),
                ("withdrawn_at", models.DateTimeField(null=True)),
                (
                    "base",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="dependents",
                        to="registry.modelversion",
                    ),
                ),
                (
                    "stated_by",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="+", to=settings.AUTH_USER_MODEL
                    ),
                ),
                (
                    "version",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.PROTECT, related_name="bases", to="registry.modelversion"
                    ),
                ),
                (
                    "withdrawn_by",
                    models.ForeignKey(
                        null=True,
                        on_delete=django.db.models.deletion.PROTECT,
                        related_name="+",
                        to=settings.AUTH_USER_MODEL,
                    ),
                ),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        condition=models.Q(("withdrawn_at__isnull", True)),
                        fields=("version", "base"),
                        name="one_word_per_base",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("version", models.F("base")), _negated=True),
                        name="nothing_is_built_on_itself",
                    ),
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("withdrawn_at__isnull", True), ("withdrawn_by__isnull", True)),
                            models.Q(("withdrawn_at__isnull", False), ("withdrawn_by__isnull", False)),
                            _connector="OR",
                        ),
                        name="base_is_withdrawn_by_somebody",
                    ),
                ],
            },
        ),
        Govern("registry_buildson"),
    ]
