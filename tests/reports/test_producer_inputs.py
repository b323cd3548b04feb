"""What producers ask of a model through one isolated child."""

from types import SimpleNamespace

import numpy as np
import pytest

from governance.evidence.errors import CannotProduce
from reports.producers.inputs import answers, asked, environment
from tests.reports.flavors import MODELS, WORDS, X, rows, save_code


def data(**more):
    """What is read of a dataset snapshot."""
    fields = {"features": list("abc"), "label": "label", "task": "binary", "positive_label": "bad"}
    return SimpleNamespace(**fields | more)


ROWS = X.assign(label=WORDS)


@pytest.fixture(scope="module")
def logistic(tmp_path_factory):
    path = tmp_path_factory.mktemp("producers") / "logistic"
    return path, MODELS["logistic"][-1](path)


def test_one_child_answers_several_times_and_is_timed(logistic):
    path, model = logistic
    with asked(path, data(), ROWS) as ask:
        first = ask(ROWS)
        np.testing.assert_allclose(first.score("bad"), model.predict_proba(X)[:, 0])
        child = ask.model._child
        assert len(ask(rows(7))) == 7  # rows without a label, as a change of the rows makes them
        assert ask.time(ROWS, rows_per_call=10, calls=5).shape == (5,)
        assert 0 < ask.seconds(ROWS) < 5
        assert ask.model._child is child


def test_the_positive_label_of_the_data_has_to_be_a_class_of_the_model(logistic):
    with pytest.raises(CannotProduce, match=r"classes are \['bad', 'good'\]; 'default', the positive label"):
        answers(logistic[0], data(positive_label="default"), ROWS)


def test_what_the_model_can_not_answer_is_told_and_the_next_call_is_answered(logistic):
    with asked(logistic[0], data(features=["a", "b"]), ROWS) as ask:
        with pytest.raises(CannotProduce, match=r"lacks columns that the model was trained on: \['c'\]"):
            ask(ROWS)
        ask.data.features.append("c")
        assert len(ask(ROWS)) == len(ROWS)


@pytest.mark.slow
def test_a_label_that_is_never_given_is_a_class_all_the_same(tmp_path):
    model = save_code(tmp_path / "model", "return ['bad'] * len(frame)")
    with asked(model, data(), ROWS) as ask:
        assert ask(ROWS).classes == ask(rows(3)).classes == ("bad", "good")


def test_the_environment_says_the_level_and_nothing_where_no_model_ran():
    task = SimpleNamespace(seed=1, subject_digest="s", dataset_digest="d", baseline_digest="", settings={})
    steps = "netns+pidns+uid+rlimits+seccomp (no filesystem: Permission denied)"
    made = environment(task, steps, {"numpy": "2"}, {"flavor": "sklearn"})
    assert (made["isolation"], made["isolation_level"]) == (steps, "separate")
    assert made["model"] == {"flavor": "sklearn"}
    none = environment(task, "none", {})
    assert (none["isolation_level"], none["model"]) == (None, None)
