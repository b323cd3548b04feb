"""Evidence jobs on real model files and rows, as the evidence worker finds them."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pandas as pd

from governance.audit.events import Event
from governance.common import clock
from governance.evidence import storage
from governance.evidence.models import EvidenceJob
from governance.evidence.services import request_evidence
from placet.digests import artifact_digest
from registry.models import DatasetSnapshot, ModelVersion
from tests.factories import a_version, mirrored
from tests.reports.flavors import rows


def a_job(model: Path, evidence_type: str = "performance/v1", *, version: ModelVersion | None = None) -> EvidenceJob:
    """A job to measure a model whose files lie in this folder; on thirty rows with a label, unless of a version."""
    version = version or a_version_of(model, rows(30).assign(label=["good", "bad"] * 15), features=list("abc"))
    return request_evidence(
        evidence_type=evidence_type,
        subject_digest=version.artifact_digest,
        subject_name=str(version),
        subject_id=version.pk,
        dataset_digest=version.evaluation_dataset.digest,
        settings={"subject": {"decision_threshold": 0.3}},
    )


def a_version_of(model: Path, frame: pd.DataFrame, *, features: list[str], **declared: Any) -> ModelVersion:
    """A mirrored version whose artifacts lie in this folder, with evaluation rows: label column "label"."""
    content = io.BytesIO()
    frame.to_parquet(content)
    fields: dict[str, Any] = {
        "digest": storage.put(content.getvalue()),
        "role": "evaluation",
        "uri": "runs:/1/placet/evaluation.parquet",
        "rows": len(frame),
        "columns": [],
        "features": features,
        "label": "label",
        "positive_label": "bad",
        "favourable_labels": ["good"],
        "mirrored_at": clock.now(),
    }
    data = mirrored(Event.DATASET_MIRRORED, DatasetSnapshot(**fields | declared))
    return a_version(storage_location=model.as_uri(), artifact_digest=artifact_digest(model), evaluation_dataset=data)
