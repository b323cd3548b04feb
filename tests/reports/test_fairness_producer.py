"""From what a model says to the decisions that are measured."""

from types import SimpleNamespace

import numpy as np
import pandas as pd
import pytest

from reports.isolation.outputs import Outputs
from reports.producers.fairness import decided
from tests.answering import scored

LABELS = pd.Series(["granted", "denied", "refer", "granted"])


def outputs(task="multiclass", probabilities=None, labels=(0, 1, 2, 1)):
    codes = None if labels is None else np.array(labels)
    return Outputs(task, ("granted", "denied", "refer"), probabilities, codes, None, "none", {})


def data(*favourable, positive=""):
    return SimpleNamespace(favourable_labels=list(favourable), positive_label=positive)


def test_two_classes_with_a_score_are_decided_by_the_threshold_and_not_by_the_model():
    said = scored([0.1, 0.35, 0.9])
    found = decided(said, data("good", positive="bad"), pd.Series(["good", "bad", "good"]), 0.3)
    assert found.decision.tolist() == [True, False, False]
    assert (found.task, found.threshold) == ("binary", 0.3)
    np.testing.assert_allclose(found.chance, [0.9, 0.65, 0.1])


def test_two_classes_without_a_score_are_decided_by_the_model():
    said = Outputs("binary", ("bad", "good"), None, np.array([1, 0, 1]), None, "none", {})
    found = decided(said, data("good", positive="bad"), pd.Series(["good", "bad", "bad"]), 0.3)
    assert found.decision.tolist() == [True, False, True]
    assert found.truth.tolist() == [True, False, False]
    assert (found.chance, found.threshold) == (None, None)


def test_of_several_classes_the_one_said_is_favourable_or_not():
    shares = np.array([[0.5, 0.3, 0.2], [0.1, 0.8, 0.1], [0.2, 0.2, 0.6], [0.3, 0.4, 0.3]])
    found = decided(outputs(probabilities=shares), data("granted", "refer"), LABELS, 0.5)
    assert found.decision.tolist() == [True, False, True, False]
    assert found.truth.tolist() == [True, False, True, True]
    np.testing.assert_allclose(found.chance, [0.7, 0.2, 0.8, 0.6])


def test_a_model_that_says_nothing_or_data_without_a_favourable_label_are_refused():
    with pytest.raises(ValueError, match="nothing is decided by it"):
        decided(outputs(labels=None), data("granted"), LABELS, 0.5)
    with pytest.raises(ValueError, match="declare `favourable_labels`"):
        decided(outputs(), data(), LABELS, 0.5)
