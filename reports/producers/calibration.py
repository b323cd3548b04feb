"""Make ``calibration/v1``: whether the candidate's score means what it says."""

from governance.evidence.producers import Product, Task
from reports.calibration.measure import measure
from reports.producers.inputs import answers, artifact, environment, inputs, model_errors


def produce(task: Task) -> Product:
    """Measure how the candidate's predictions compare with what happened."""
    version, data, frame = inputs(task)
    task.progress(0, 3, "Fetching the model and its data")
    with artifact(version) as folder:
        task.progress(1, 3, "Scoring in the isolated child")
        said = answers(folder, data, frame)
    task.progress(2, 3, "Bins, recalibration and their intervals")
    with model_errors():
        payload = measure(
            truth=frame[data.label], said=said, task=data.task, positive_label=data.positive_label, seed=task.seed
        )
    return Product(payload, environment(task, said.isolation, said.libraries, said.model))
