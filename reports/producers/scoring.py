"""Score rows for monitoring, which asks the layer above because only it runs models."""

import pandas as pd

from monitoring.scoring import Scored
from registry.models import DatasetSnapshot, ModelVersion
from reports.producers.inputs import answers, artifact


def score_rows(version: ModelVersion, data: DatasetSnapshot, features: pd.DataFrame) -> Scored:
    """Return one version's scores of these rows (a regression's answers), computed apart from this process."""
    with artifact(version) as folder:
        found = answers(folder, data, features)
    said = found.score(data.positive_label) if found.values is None else found.values
    return Scored(said, found.isolation, dict(found.libraries))
