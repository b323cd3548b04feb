"""A model's files are looked at before anything is loaded, and refused when loading would run code."""

import os
import pickle
import socket
import subprocess
import sys

import cloudpickle
import pandas as pd
import pytest
import skops.io
import yaml
from sklearn.linear_model import Perceptron
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from examples.credit import dataset
from reports.isolation import runner, session
from reports.isolation.errors import ModelFailed, ModelRefused
from reports.isolation.inspect import ALLOWED_TYPES, inspect_model
from reports.isolation.pickles import globals_of

FRAME = pd.DataFrame({"x": [1.0, 2.0, 3.0]})


def test_a_model_logged_by_mlflow_is_let_through_with_what_it_needs(boosted_dir):
    found = inspect_model(boosted_dir)
    assert (found.flavor, found.serialization) == ("sklearn", "skops")
    assert found.untrusted_types == ("sklearn.tree._tree.Tree",)
    assert set(found.untrusted_types) <= set(ALLOWED_TYPES)


def refused(model_dir, message):
    with pytest.raises(ModelRefused, match=message):
        runner.predict(model_dir, FRAME, task="binary", positive_label="bad")


def edit(model_dir, change):
    path = model_dir / "MLmodel"
    config = yaml.safe_load(path.read_text())
    change(config)
    path.write_text(yaml.safe_dump(config))


def test_a_pickle_that_names_what_no_model_needs_is_refused_and_does_not_run(copied, tmp_path):
    trace = tmp_path / "ran"

    class Evil:
        def __reduce__(self):
            return (open, (str(trace), "w"))

    (copied / "model.pkl").write_bytes(pickle.dumps(Evil()))
    refused(copied, r"model.pkl is a pickle; loading it runs code")  # beside a model that needs none
    edit(copied, lambda c: c["flavors"]["sklearn"].update(serialization_format="pickle", pickled_model="model.pkl"))
    refused(copied, r"model.pkl names io.open, which a model doesn't need and Placet never loads")
    (copied / "model.pkl").rename(copied / "innocent.txt")
    edit(copied, lambda c: c["flavors"]["sklearn"].update(pickled_model="innocent.txt"))
    refused(copied, r"innocent.txt names io.open")
    edit(copied, lambda c: c["flavors"]["sklearn"].update(pickled_model="../copy/innocent.txt"))
    refused(copied, r"which is no file in it")
    edit(copied, lambda c: c["flavors"]["sklearn"].update(serialization_format="other"))
    refused(copied, r"serialized as other")
    assert not trace.exists()


def test_code_links_other_flavors_and_damage_are_refused(copied, settings):
    (copied / "helper.py").write_text("")
    refused(copied, r"helper.py is Python code beside the model")
    edit(copied, lambda c: c["flavors"]["python_function"].update(code="code"))
    assert inspect_model(copied).brings_code
    (copied / "helper.py").write_text("def (")
    refused(copied, "helper.py is not readable Python")
    settings.MODEL_CODE = "refuse"
    refused(
        copied, r"code of its author \(python_function or code_paths\), and PLACET_MODEL_CODE=refuse does not run it"
    )
    edit(copied, lambda c: c["flavors"]["python_function"].pop("code"))
    (copied / "helper.py").unlink()
    (copied / "weights").symlink_to("/etc/shadow")
    refused(copied, "weights is a symbolic link")
    (copied / "weights").unlink()
    (copied / "model.skops").write_bytes(b"not a zip")
    refused(copied, r"model.skops cannot be read")
    edit(copied, lambda c: c["flavors"].update(onnx=c["flavors"].pop("sklearn")))
    edit(copied, lambda c: c["flavors"].pop("python_function"))
    refused(copied, r"No flavor that Placet loads \(found: onnx\)")
    (copied / "MLmodel").write_text("[1")
    refused(copied, "not readable YAML")
    (copied / "MLmodel").unlink()
    refused(copied, "no MLmodel file")


def test_types_are_checked_against_our_list_and_not_the_models_own(copied):
    skops.io.dump(Pipeline([("evil", FunctionTransformer(os.system))]), copied / "model.skops")
    edit(copied, lambda c: c["flavors"]["sklearn"].update(skops_trusted_types=["posix.system"]))
    refused(copied, r"not on the allow-list: posix.system")


def test_a_model_with_code_of_its_own_may_not_widen_the_types_either(copied):
    skops.io.dump(Pipeline([("evil", FunctionTransformer(os.system))]), copied / "model.skops")
    edit(copied, lambda c: c["flavors"]["python_function"].update(code="code"))
    refused(copied, r"model.skops names posix.system")


def test_the_isolated_process_checks_the_types_again(copied, monkeypatch):
    honest = inspect_model(copied)
    skops.io.dump(FunctionTransformer(os.system), copied / "model.skops")
    monkeypatch.setattr(session, "inspect_model", lambda folder, code: honest)
    with pytest.raises(ModelFailed, match="types that are not on the allow-list"):
        runner.predict(copied, FRAME, task="binary", positive_label="bad")


def test_the_isolated_process_loads_no_more_of_a_pickle_than_inspection_saw(copied, monkeypatch):
    (copied / "model.pkl").write_bytes(pickle.dumps(StandardScaler()))
    edit(copied, lambda c: c["flavors"]["sklearn"].update(serialization_format="pickle", pickled_model="model.pkl"))
    honest = inspect_model(copied)
    assert (honest.brings_code, honest.globals) == (True, ("sklearn.preprocessing._data.StandardScaler",))
    (copied / "model.pkl").write_bytes(pickle.dumps(os.system))
    monkeypatch.setattr(session, "inspect_model", lambda folder, code: honest)
    with pytest.raises(ModelFailed, match=r"asks for posix.system, which inspection did not see"):
        runner.predict(copied, FRAME, task="binary", positive_label="bad")


def by_hand(*opcodes):
    return b"\x80\x04" + b"".join(opcodes) + b"."


def text(word):
    return b"\x8c" + bytes([len(word)]) + word.encode()


class Called:
    def __init__(self, function, *arguments):
        self.call = (function, arguments)

    def __reduce__(self):
        return self.call


@pytest.mark.parametrize(
    ("pickled", "message"),
    [
        (pickle.dumps(Called(os.system, "id")), "names posix.system"),
        (pickle.dumps(Called(subprocess.call, "id"), protocol=0), "names subprocess.call"),
        (pickle.dumps(Called(eval, "1")), "names builtins.eval"),
        (pickle.dumps(Called(getattr, "", "join")), "names builtins.getattr"),
        (pickle.dumps(Called(socket.socket)), "names socket.socket"),
        (cloudpickle.dumps(lambda: [os.getpid()]), "names os,"),
        (cloudpickle.dumps(lambda: sys.path), "names sys,"),
        (pickle.dumps(Called(pd.read_pickle, "x")), "names pandas.read_pickle|names pandas.io.pickle.read_pickle"),
        (by_hand(text("numpy"), text("os.system"), b"\x93"), "names numpy.os.system"),
        (by_hand(text("sklearn"), text("x.__class__"), b"\x93"), "names sklearn.x.__class__"),
        (by_hand(text("posix"), b"\x94", text("system"), b"\x94", b"h\x00", b"h\x01", b"\x93"), "names posix.system"),
        (by_hand(text("posix"), text("system"), text("numpy"), text("x"), b"0", b"0", b"\x93"), "builds the names"),
        (by_hand(text("cloudpickle.cloudpickle"), text("subimport"), b"\x93", b"]", b"R"), "builds the names"),
        (by_hand(b"\x82\x01"), "refers to things outside of it"),
        (b"\x80\x04\x95", "can't be inspected"),
        (b"", "can't be inspected"),
    ],
)
def test_what_a_pickle_would_import_is_read_without_loading_it(tmp_path, pickled, message):
    file = tmp_path / "model.pkl"
    file.write_bytes(pickled)
    with pytest.raises(ModelRefused, match=message):
        globals_of(file)


@pytest.mark.slow
def test_a_model_without_probabilities_gives_labels(copied, credit_rows):
    training, evaluation = credit_rows
    model = Perceptron().fit(training[dataset.NUMERIC_FEATURES], training["credit_risk"])
    skops.io.dump(model, copied / "model.skops")
    found = runner.predict(copied, evaluation, task="binary", positive_label="bad")
    assert found.probabilities is None
    expected = model.predict(evaluation[dataset.NUMERIC_FEATURES])
    assert [found.classes[code] for code in found.labels] == list(expected)
    with pytest.raises(ModelFailed, match="gives labels only, no probabilities"):
        found.score("bad")
