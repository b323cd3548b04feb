"""Make ``fairness/v1``: how the model's decisions or numbers fall on groups of each sensitive feature asked for."""

from typing import Any

import pandas as pd

from governance.evidence.errors import CannotProduce
from governance.evidence.producers import Product, Task
from registry.models import DatasetSnapshot
from reports.fairness import regression
from reports.fairness.asked import read
from reports.fairness.decisions import Decided, of_labels, of_score
from reports.fairness.measure import measure
from reports.isolation.outputs import Outputs
from reports.producers.inputs import answers, artifact, environment, inputs, model_errors


def produce(task: Task) -> Product:
    """Measure how the candidate falls on groups of people."""
    version, data, frame = inputs(task)
    wanted = list(task.parameters.get("sensitive_features") or data.sensitive_features)
    absent = [name for name in wanted if name not in frame.columns]
    if absent:
        raise CannotProduce(
            f"The policy asks for sensitive features {', '.join(absent)}, which the evaluation data lacks. Declare "
            "them in the training script, or pin other evaluation data."
        )
    if not len(frame):
        raise CannotProduce("The evaluation data has no rows. Pin other evaluation data.")
    with model_errors():
        asked = read(task.parameters)
    task.progress(0, 3, "Fetching the model and its data")
    with artifact(version) as folder:
        task.progress(1, 3, "Scoring in the isolated child")
        found = answers(folder, data, frame)
    task.progress(2, 3, "Rates, intervals and Fairlearn's check")
    groups: dict[str, Any] = {
        "sensitive_features": frame[wanted],
        "reference_groups": data.reference_groups,
        "asked": asked,
        "seed": task.seed,
    }
    with model_errors():
        if found.values is not None:
            payload = regression.measure(
                labels=frame[data.label],
                predicted=found.values,
                favourable_direction=data.favourable_direction,
                **groups,
            )
        else:
            threshold = float(task.settings["subject"]["decision_threshold"])
            payload = measure(decided(found, data, frame[data.label], threshold), **groups)
    return Product(payload, environment(task, found.isolation, found.libraries, found.model))


def decided(found: Outputs, data: DatasetSnapshot, labels: pd.Series, threshold: float) -> Decided:
    """Return the decisions: by score and threshold for two classes, else the class that the model says.

    Raises:
        ValueError: labels and answers do not fit together.
    """
    if found.task == "binary" and found.probabilities is not None:
        return of_score(
            labels,
            found.score(data.positive_label),
            threshold=threshold,
            positive_label=data.positive_label,
            favourable_label=data.favourable_labels[0],
        )
    if found.labels is None:
        raise ValueError("The model gives neither labels nor probabilities nor numbers: nothing is decided by it.")
    chance = None
    if found.probabilities is not None:
        columns = [place for place, name in enumerate(found.classes) if name in data.favourable_labels]
        chance = found.probabilities[:, columns].sum(axis=1)
    said = pd.Categorical.from_codes(found.labels, categories=list(found.classes))
    return of_labels(labels, pd.Series(said), task=found.task, favourable_labels=data.favourable_labels, chance=chance)
