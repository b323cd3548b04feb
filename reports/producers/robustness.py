"""Make ``robustness/v1``: the candidate's answers when its rows change, and how long it takes to answer."""

import pandas as pd

from governance.evidence.errors import CannotProduce
from governance.evidence.producers import Product, Task
from reports.isolation.outputs import Outputs
from reports.producers.inputs import artifact, asked, environment, inputs
from reports.robustness.measure import NoAnswer, measure


def produce(task: Task) -> Product:
    """Ask the candidate about changed rows, in the isolated child, and compare its answers."""
    version, data, frame = inputs(task)
    task.progress(0, 100, "Fetching the model and its data")
    with artifact(version) as folder, asked(folder, data, frame) as model:
        said: list[Outputs] = []

        def ask(rows: pd.DataFrame) -> Outputs:
            try:
                said[:] = [model(rows)]
            except CannotProduce as error:
                raise NoAnswer(str(error)) from error
            return said[0]

        try:
            payload = measure(
                frame[data.features],
                labels=frame[data.label],
                task=data.task,
                score=ask,
                positive_label=data.positive_label,
                threshold=float(task.settings["subject"]["decision_threshold"]),
                timed=model,
                seed=task.seed,
                progress=lambda done, total: task.progress(done, total, "Asking the model about changed rows"),
            )
        except (NoAnswer, ValueError) as error:
            raise CannotProduce(str(error)) from error
    return Product(payload, environment(task, said[0].isolation, said[0].libraries, said[0].model))
