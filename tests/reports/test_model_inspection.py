"""A model's files are looked at before anything is loaded, and refused when loading would run code."""

import os
import pickle

import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.linear_model import Perceptron
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from examples.credit import dataset
from reports.isolation import runner
from reports.isolation.errors import ModelFailed, ModelRefused
from reports.isolation.inspect import ALLOWED_TYPES, inspect_model

FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


def test_a_model_logged_by_mlflow_is_let_through_with_what_it_needs(boosted_dir):
    found = inspect_model(boosted_dir)
    assert (found.flavor, found.serialization) == ("sklearn", "skops")
    assert found.untrusted_types == ("sklearn.tree._tree.Tree",)
    assert set(found.untrusted_types) <= set(ALLOWED_TYPES)


def refused(model_dir, message):
    with pytest.raises(ModelRefused, match=message):
        runner.predict(model_dir, FRAME, positive_label="bad")


def edit(model_dir, change):
    path = model_dir / "MLmodel"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))


def test_a_pickled_model_is_refused_and_its_code_does_not_run(copied, tmp_path):
    trace = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (open, (str(trace), "w"))

    (copied / "model.pkl").write_bytes(pickle.dumps(Evil()))
    edit(copied, lambda c: c["flavors"]["sklearn"].update(serialization_format="pickle", pickled_model="model.pkl"))
    refused(copied, r"model.pkl is a pickle; loading it runs code")
    (copied / "model.pkl").rename(copied / "innocent.txt")
    refused(copied, r"innocent.txt is a pickle")
    (copied / "innocent.txt").unlink()
    refused(copied, r"serialized as pickle")
    assert not trace.exists()


def test_code_links_other_flavors_and_damage_are_refused(copied):
    edit(copied, lambda c: c["flavors"]["python_function"].update(code="code"))
    refused(copied, "brings Python code of its own")
    edit(copied, lambda c: c["flavors"]["python_function"].pop("code"))
    (copied / "helper.py").write_text("")
    refused(copied, r"helper.py is Python code beside the model")
    (copied / "helper.py").unlink()
    (copied / "weights").symlink_to("/etc/shadow")
    refused(copied, "weights is a symbolic link")
    (copied / "weights").unlink()
    (copied / "model.skops").write_bytes(b"not a zip")
    refused(copied, r"model.skops cannot be read")
    edit(copied, lambda c: c["flavors"].pop("sklearn"))
    refused(copied, r"No scikit-learn flavor \(found: python_function\)")
    (copied / "MLmodel").write_text("[1")
    refused(copied, "not readable YAML")
    (copied / "MLmodel").unlink()
    refused(copied, "no MLmodel file")


def test_types_are_checked_against_our_list_and_not_the_models_own(copied):
    skops.io.dump(Pipeline([("evil", FunctionTransformer(os.system))]), copied / "model.skops")
    edit(copied, lambda c: c["flavors"]["sklearn"].update(skops_trusted_types=["posix.system"]))
    refused(copied, r"not on the allow-list: posix.system")


def test_the_isolated_process_checks_the_types_again(copied, tmp_path, monkeypatch):
    skops.io.dump(FunctionTransformer(os.system), copied / "model.skops")
    monkeypatch.setattr(runner, "inspect_model", lambda _: None)
    with pytest.raises(ModelFailed, match="types that are not on the allow-list"):
        runner.predict(copied, FRAME, positive_label="bad")


@pytest.mark.slow
def test_a_model_without_probabilities_is_told_apart(copied, credit_rows):
    training, evaluation = credit_rows
    model = Perceptron().fit(training[dataset.NUMERIC_FEATURES], training["credit_risk"])
    skops.io.dump(model, copied / "model.skops")
    with pytest.raises(ModelFailed, match="Perceptron returns labels only, no probabilities"):
        runner.predict(copied, evaluation, positive_label="bad")
