"""A real model, logged by mlflow.sklearn, for the tests that run one."""

from __future__ import annotations

import shutil
import warnings
from pathlib import Path

import pandas as pd
import pytest

from examples.credit import dataset, train


@pytest.fixture(scope="session")
def credit_rows() -> tuple[pd.DataFrame, pd.DataFrame]:
    """The 700 training and the 300 evaluation rows."""
    return dataset.split(dataset.load())


@pytest.fixture(scope="session")
def boosted(credit_rows):
    """The fitted boosted pipeline of the example."""
    training, _ = credit_rows
    return train.build("boosted").fit(training[dataset.FEATURES], training[dataset.LABEL])


@pytest.fixture(scope="session")
def boosted_dir(boosted, tmp_path_factory) -> Path:
    """The same pipeline as mlflow.sklearn saves it."""
    import mlflow.sklearn

    path = tmp_path_factory.mktemp("model") / "boosted"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mlflow.sklearn.save_model(boosted, path, skops_trusted_types=["sklearn.tree._tree.Tree"])
    return path


@pytest.fixture
def copied(boosted_dir, tmp_path):
    """A copy of the model that a test may spoil."""
    copy = tmp_path / "copy"
    shutil.copytree(boosted_dir, copy)
    return copy
