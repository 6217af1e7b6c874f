"""Boosted trees give what scikit-learn's give."""

import numpy as np
import pytest
import torch
from sklearn.ensemble import GradientBoostingClassifier

from xdistill_tabular.boosted import BoostedTrees


def boosted(classes, **settings):
    return BoostedTrees(BoostedTrees.Config(**{"rounds": 10, **settings}), inputs=5, classes=classes)


def subjects(classes, count=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target = torch.arange(count) % classes
    values = torch.randn(count, 5, generator=generator)
    values[torch.arange(count), target] += 1.0
    return values, target


SETTINGS = [{}, {"max_depth": 1, "learning_rate": 0.5}, {"min_leaf": 5, "subsample": 0.5}]


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize("settings", SETTINGS)
def test_its_probabilities_are_scikit_learns(settings, classes):
    ours = boosted(classes, **settings)
    ours.fit(*subjects(classes), seed=7)
    names = {"rounds": "n_estimators", "min_leaf": "min_samples_leaf"}
    given = {names.get(name, name): value for name, value in {"rounds": 10, **settings}.items()}
    theirs = GradientBoostingClassifier(random_state=7, **given).fit(*(part.numpy() for part in subjects(classes)))
    new = subjects(classes, 200, seed=1)[0]
    probabilities = torch.softmax(ours(new), dim=1)
    np.testing.assert_allclose(probabilities.numpy(), theirs.predict_proba(new.numpy()), rtol=0, atol=1e-5)
    np.testing.assert_allclose(ours.traceable()(new).numpy(), ours(new).numpy(), rtol=0, atol=1e-5)


def test_a_second_fit_replaces_the_first_and_weights_are_loaded_whole():
    ours, other = boosted(3), boosted(3)
    ours.fit(*subjects(3, seed=3), seed=0)
    ours.fit(*subjects(3), seed=0)
    other.fit(*subjects(3), seed=0)
    new = subjects(3, 50, seed=1)[0]
    assert torch.equal(ours(new), other(new))
    empty = boosted(3)
    empty.load_state_dict(ours.state_dict())
    assert torch.equal(empty(new), ours(new))
