"""Make ``data_quality/v1``: what the rows are like that the candidate is measured on. The model itself is not run."""

from importlib.metadata import version as version_of

from governance.common import clock
from governance.evidence import storage
from governance.evidence.producers import Product, Task
from placet.rows import from_bytes
from registry import selectors
from registry.models import DatasetSnapshot, ModelVersion
from reports.data_quality.measure import Meaning, Training, measure
from reports.fairness.asked import MIN_SHARE, SUPPRESS_BELOW
from reports.producers.inputs import environment, model_errors

LIBRARIES = ("pyarrow", "numpy", "pandas")
NO_TRAINING = "the run declared no training data; call placet.tracking.log_training_data in it"


def produce(task: Task) -> Product:
    """Measure the evaluation data: schema, gaps, ranges, repeats, leakage, label, groups, and its papers."""
    version = selectors.version_by_id(task.subject_id, task.subject_digest)
    data = selectors.dataset(task.dataset_digest)
    task.progress(0, 2, "Reading every byte of the data")
    training, why = _training(version, data)
    with model_errors(), storage.open_checked(data.digest) as file:
        payload = measure(
            file,
            digest=data.digest,
            meaning=Meaning(data.features, data.label, data.task, data.sensitive_features, data.handling),
            signature=version.signature.get("inputs"),
            training=training,
            no_training=why,
            min_share=float(task.parameters.get("min_share", MIN_SHARE)),
            suppress_below=int(task.parameters.get("suppress_below", SUPPRESS_BELOW)),
        )
    return Product(payload, environment(task, "none", {name: version_of(name) for name in LIBRARIES}))


def _training(version: ModelVersion, data: DatasetSnapshot) -> tuple[Training | None, str]:
    """Return what is known of the version's training rows; and if nothing is, why."""
    row = version.training_dataset
    if row is None:
        return None, NO_TRAINING
    if row.gone_at:
        return None, f"the digests of the training rows were deleted on {clock.day(row.gone_at.date())}"
    if {*row.features, row.label} != {*data.features, data.label}:
        return None, "the training data was declared with other features or another label than the evaluation data"
    return Training(row.digest, row.rows, from_bytes(storage.get(row.row_digests)), row.profile), ""
