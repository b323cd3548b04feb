"""Make ``performance/v1``: the candidate, beside the version in production on the same rows if there is one."""

from governance.evidence.producers import Product, Task
from registry import selectors
from reports.performance.measure import measure
from reports.producers.inputs import answers, artifact, environment, inputs


def produce(task: Task) -> Product:
    """Measure how well the candidate predicts."""
    version, data, frame = inputs(task)
    steps = 4 if task.baseline_digest else 3
    task.progress(0, steps, "Fetching the model and its data")
    with artifact(version) as folder:
        task.progress(1, steps, "Scoring the candidate in the isolated child")
        candidate = answers(folder, data, frame)
    production = None
    threshold = None
    if task.baseline_digest:
        live = selectors.version_by_id(task.baseline_id, task.baseline_digest)
        task.progress(2, steps, f"Scoring {live} on the same rows")
        with artifact(live) as folder:
            production = answers(folder, data, frame).score(data.positive_label)
        threshold = float(task.settings["baseline"]["decision_threshold"])
    task.progress(steps - 1, steps, "Paired bootstrap over the rows")
    payload = measure(
        event=(frame[data.label].astype(str) == data.positive_label).to_numpy(),
        score=candidate.score(data.positive_label),
        threshold=float(task.settings["subject"]["decision_threshold"]),
        production_score=production,
        production_threshold=threshold,
        seed=task.seed,
    )
    return Product(payload, environment(task, candidate.isolation, candidate.libraries, candidate.model))
