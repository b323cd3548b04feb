"""Make ``fairness/v1``: rates per group of each sensitive feature that the policy asks for."""

from governance.evidence.errors import CannotProduce
from governance.evidence.producers import Product, Task
from reports.fairness.measure import measure
from reports.producers.inputs import answers, artifact, environment, inputs, model_errors


def produce(task: Task) -> Product:
    """Measure how the candidate's decision falls on groups of people."""
    version, data, frame = inputs(task)
    wanted = task.parameters.get("sensitive_features") or data.sensitive_features
    absent = [name for name in wanted if name not in frame.columns]
    if absent:
        raise CannotProduce(
            f"The policy asks for sensitive features {', '.join(absent)}, which the evaluation data lacks. Declare "
            "them in the training script, or pin other evaluation data."
        )
    task.progress(0, 3, "Fetching the model and its data")
    with artifact(version) as folder:
        task.progress(1, 3, "Scoring in the isolated child")
        found = answers(folder, data, frame)
    task.progress(2, 3, "Rates, intervals and Fairlearn's check")
    with model_errors():
        payload = measure(
            labels=frame[data.label],
            score=found.score(data.positive_label),
            threshold=float(task.settings["subject"]["decision_threshold"]),
            positive_label=data.positive_label,
            favourable_label=data.favourable_labels[0],
            sensitive_features=frame[list(wanted)],
            reference_groups=data.reference_groups,
            min_share=float(task.parameters.get("min_share", 0.05)),
            seed=task.seed,
        )
    return Product(payload, environment(task, found.isolation, found.libraries, found.model))
