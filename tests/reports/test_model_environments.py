"""A model made with other versions: told apart, run in an environment of its own, or not run, with the reason."""

from __future__ import annotations

import shutil
import subprocess
import sys

import numpy as np
import pytest

from reports.isolation import environments, requirements, runner
from reports.isolation.environments import environment_of, wanted
from reports.isolation.errors import EnvironmentMismatch
from reports.isolation.inspect import inspect_model
from reports.isolation.requirements import Difference, differences
from tests.reports.flavors import MODELS, X, rows, save_code

OTHER = "1.8.0"  # of scikit-learn


@pytest.fixture(scope="module")
def logistic(tmp_path_factory):
    """A small model by skops."""
    path = tmp_path_factory.mktemp("environments") / "logistic"
    MODELS["logistic"][-1](path)
    return path


@pytest.fixture
def model(logistic, tmp_path, settings):
    """A copy of it, and a folder of its own for environments."""
    settings.MODEL_ENVIRONMENTS = str(tmp_path / "environments")
    shutil.copytree(logistic, tmp_path / "model")
    return tmp_path / "model"


def require(model, *lines, python="3.11.7"):
    (model / "requirements.txt").write_text("\n".join(lines))
    (model / "python_env.yaml").write_text(f"python: {python}\n")


@pytest.mark.parametrize(
    ("lines", "found"),
    [
        (["scikit-learn==1.9.0", "numpy==2.0.1"], []),  # the first two numbers, and the first, are the installed ones
        (["scikit-learn==1.2.2"], ["scikit-learn 1.2.2 (here 1.9.1)"]),
        (["scikit_learn==1.9.1", "numpy==1.26.4"], ["numpy 1.26.4 (here 2.4.6)"]),
        (["scikit-learn>=1.0", "pandas==1.0"], []),  # nothing pinned; pandas does not matter to a scikit-learn model
        (["scikit-learn==1.2.2; python_version < '3'"], []),
        (["--hash=x", "# scikit-learn==1.2.2", "./wheel.whl"], []),
    ],
)
def test_versions_that_matter_are_compared_with_the_installed_ones(model, monkeypatch, lines, found):
    here = {"scikit-learn": "1.9.1", "numpy": "2.4.6"}
    monkeypatch.setattr(requirements, "installed", here.get)
    monkeypatch.setattr(requirements.platform, "python_version", lambda: "3.11.2")
    require(model, *lines)
    inspection = inspect_model(model)
    assert [str(one) for one in differences(inspection.requirements, "sklearn")] == found


def test_another_python_matters_and_the_flavor_tells_what_no_requirement_does(model, monkeypatch):
    monkeypatch.setattr(requirements.platform, "python_version", lambda: "3.11.7")
    require(model, python="3.10.2")
    text = (model / "MLmodel").read_text()
    (model / "MLmodel").write_text(text.replace("sklearn_version: ", "sklearn_version: 0.24.1 #"))
    found = differences(inspect_model(model).requirements, "sklearn")
    assert Difference("python", "3.10.2", "3.11.7") in found
    assert [one.library for one in found] == ["scikit-learn", "python"]


def test_what_a_python_function_names_matters_to_it(tmp_path):
    model = save_code(tmp_path / "model", "return frame['a']")
    require(model, "pandas==1.5.3", "xgboost==1.7", "cloudpickle==2.2", "scikit-learn==1.9.99")
    found = differences(inspect_model(model).requirements, "python_function")
    assert {one.library for one in found} == {"pandas", "cloudpickle", "xgboost"} | (
        set() if sys.version_info[:2] == (3, 11) else {"python"}
    )


def test_a_difference_stops_the_job_where_no_environment_is_to_be_had(model, settings):
    settings.MODEL_INDEX = "off"
    require(model, "scikit-learn==1.2.2", "numpy==1.26.4")
    with pytest.raises(EnvironmentMismatch) as caught:
        runner.predict(model, rows(3), task="binary")
    message = str(caught.value)
    assert message.startswith("environment_mismatch: scikit-learn 1.2.2 (here ")
    assert "numpy 1.26.4 (here " in message
    assert inspect_model(model).requirements.digest in message  # the name under which to put one there
    assert "PLACET_MODEL_INDEX=off" in message


@pytest.mark.parametrize("line", ["numpy @ https://x.example/n.whl", "-r other.txt", "--index-url http://x", "./x"])
def test_nothing_is_fetched_from_where_the_model_says(model, monkeypatch, line):
    monkeypatch.setattr(environments, "_uv", lambda *_: pytest.fail("uv was called"))
    require(model, "scikit-learn==1.2.2", line)
    with pytest.raises(EnvironmentMismatch, match=r"can't be made of the model's requirements.txt"):
        environment_of(inspect_model(model))


def test_it_is_made_of_wheels_alone_from_the_index_that_is_set(model, monkeypatch, settings):
    settings.MODEL_INDEX = "https://packages.bank.example/simple"
    monkeypatch.setenv("DATABASE_URL", "postgresql://secret")
    called = []

    def run(command, *, env, **_):
        called.append((command[1:], env))
        raise subprocess.CalledProcessError(1, command, stderr="no such\npackage")

    monkeypatch.setattr(environments.subprocess, "run", run)
    require(model, "scikit-learn==1.2.2", "mlflow==3.1")
    with pytest.raises(EnvironmentMismatch, match=r"environment_mismatch: scikit-learn 1.2.2.* no such package"):
        environment_of(inspect_model(model))
    assert "DATABASE_URL" not in called[0][1]
    assert called[0][1]["UV_DEFAULT_INDEX"] == "https://packages.bank.example/simple"
    assert wanted(inspect_model(model).requirements, inspect_model(model)) == [
        "scikit-learn==1.2.2", "pyarrow", "pandas", "skops",
    ]  # fmt: skip


@pytest.mark.slow
def test_a_model_of_another_scikit_learn_runs_in_an_environment_of_its_own(model, monkeypatch):
    listing = subprocess.run([sys.executable, "scripts/pip_index.py"], capture_output=True, text=True, check=True)
    for line in listing.stdout.splitlines():
        name, _, value = line.removeprefix("export ").partition("=")
        monkeypatch.setenv(name, value.strip("'"))
    require(model, f"scikit-learn=={OTHER}", "skops==0.13.0", "pytest==9.0.0")
    found = environment_of(inspect_model(model))
    made = subprocess.run(
        [found.folder / "bin" / "python", "-c", FIT, model / "model.skops"],
        input=X.to_csv(index=False), text=True, check=True, capture_output=True,
    )  # fmt: skip
    asked = rows(20)
    answer = runner.predict(model, asked, task="binary", positive_label="good")
    assert answer.libraries["scikit-learn"] == OTHER
    coefficients = np.array([float(text) for text in made.stdout.split()])
    expected = 1 / (1 + np.exp(-(asked.to_numpy() @ coefficients[:3] + coefficients[3])))
    np.testing.assert_allclose(answer.score("good"), expected)
    own = answer.model["own_environment"]
    assert own["because"] == [f"scikit-learn {OTHER} (here {requirements.installed('scikit-learn')})"]
    assert own["requirements_digest"] == f"sha256:{found.folder.name}"
    assert f"scikit-learn=={OTHER}" in (found.folder / environments.LOCK).read_text()
    # Another model of the same requirements takes the one that is there, also where none may be made.
    monkeypatch.setattr(environments, "_uv", lambda *_: pytest.fail("uv was called"))
    assert environment_of(inspect_model(model)).folder == found.folder


FIT = """
import sys, pandas, skops.io
from sklearn.linear_model import LogisticRegression
x = pandas.read_csv(sys.stdin)
model = LogisticRegression().fit(x, ["good" if a > 0 else "bad" for a in x["a"]])
skops.io.dump(model, sys.argv[1])
print(*model.coef_[0], model.intercept_[0])
"""
