"""Make ``performance/v1``: the candidate, beside the version in production on the same rows if there is one."""

from collections.abc import Mapping
from typing import Any

from governance.evidence.producers import Product, Task
from registry import selectors
from registry.models import DatasetSnapshot
from reports.performance.measure import CostMatrix, Setting, measure
from reports.producers.inputs import answers, artifact, environment, inputs, model_errors


def produce(task: Task) -> Product:
    """Measure how well the candidate predicts."""
    version, data, frame = inputs(task)
    steps = 4 if task.baseline_digest else 3
    task.progress(0, steps, "Fetching the model and its data")
    with artifact(version) as folder:
        task.progress(1, steps, "Scoring the candidate in the isolated child")
        candidate = answers(folder, data, frame)
    production = None
    if task.baseline_digest:
        live = selectors.version_by_id(task.baseline_id, task.baseline_digest)
        task.progress(2, steps, f"Scoring {live} on the same rows")
        with artifact(live) as folder:
            production = answers(folder, data, frame)
    task.progress(steps - 1, steps, "Paired bootstrap over the rows, thresholds and worst slices")
    with model_errors():
        payload = measure(
            truth=frame[data.label],
            candidate=candidate,
            production=production,
            features=frame[[name for name in data.features if name in frame.columns]],
            setting=_setting(data, task.settings),
            seed=task.seed,
        )
    return Product(payload, environment(task, candidate.isolation, candidate.libraries, candidate.model))


def _setting(data: DatasetSnapshot, settings: Mapping[str, Any]) -> Setting:
    """Return the label, thresholds, costs and criteria: each from the dataset, the version or the AI system."""
    costs = settings.get("cost_matrix")
    baseline = settings.get("baseline") or {}
    return Setting(
        task=data.task,
        label=data.label,
        positive_label=data.positive_label,
        threshold=settings["subject"]["decision_threshold"],
        production_threshold=baseline.get("decision_threshold"),
        costs=CostMatrix(float(costs["fp"]), float(costs["fn"]), str(costs["unit"])) if costs else None,
        criteria=settings.get("success_criteria") or (),
    )
