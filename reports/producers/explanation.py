"""Make ``explanation/v1``: what the candidate bases its scores on."""

from governance.evidence.producers import Product, Task
from reports.explanation.measure import measure
from reports.isolation import runner
from reports.producers.inputs import artifact, environment, inputs, model_errors


def produce(task: Task) -> Product:
    """Explain what the model says with SHAP, in the isolated child."""
    version, data, frame = inputs(task)
    task.progress(0, 100, "Fetching the model and its data")
    with artifact(version) as folder, model_errors():
        payload = measure(
            model_dir=folder,
            frame=frame[data.features],
            task=data.task,
            positive_label=data.positive_label,
            seed=task.seed,
            progress=lambda done, total: task.progress(done, total, "Shapley values in the isolated child"),
        )
        with runner.session(folder) as model:
            facts = model.model
    return Product(payload, environment(task, payload["method"]["isolation"], payload["libraries"], facts))
