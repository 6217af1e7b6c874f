import numpy as np
import pytest
import torch
from sklearn.ensemble import RandomForestClassifier

from xdistill.errors import SettingsError
from xdistill_tabular.forest import RandomForest
from xdistill_tabular.trees import _rounded_down


def forest(inputs=5, classes=3, **settings):
    return RandomForest(RandomForest.Config(**{"trees": 20, **settings}), inputs=inputs, classes=classes)


def subjects(count=60, seed=0):
    generator = torch.Generator().manual_seed(seed)
    target = torch.arange(count) % 3
    values = torch.randn(count, 5, generator=generator)
    values[torch.arange(count), target] += 1.0
    return values, target


SETTINGS = [{}, {"max_depth": 2}, {"min_leaf": 5}, {"max_features": 0.9}, {"class_weight": "balanced", "trees": 3}]


@pytest.mark.parametrize("settings", SETTINGS)
def test_its_probabilities_are_scikit_learns(settings):
    ours = forest(**settings)
    ours.fit(*subjects(), seed=7)
    names = {"trees": "n_estimators", "min_leaf": "min_samples_leaf"}
    theirs = RandomForestClassifier(
        random_state=7, **{names.get(name, name): value for name, value in {"trees": 20, **settings}.items()}
    ).fit(*(part.numpy() for part in subjects()))
    new = subjects(200, seed=1)[0]
    probabilities = torch.softmax(ours(new), dim=1)
    np.testing.assert_allclose(probabilities.numpy(), theirs.predict_proba(new.numpy()), rtol=0, atol=1e-6)


def test_values_at_a_threshold_walk_as_in_scikit_learn():
    """Integers have thresholds halfway, which are hit exactly by other subjects."""
    generator = np.random.default_rng(0)
    values = generator.integers(0, 6, (80, 5)).astype(np.float32)
    target = (values[:, 0] + values[:, 1] > 5).astype(np.int64)
    ours = forest(classes=2)
    ours.fit(torch.from_numpy(values), torch.from_numpy(target), seed=0)
    theirs = RandomForestClassifier(20, random_state=0).fit(values, target)
    halves = (generator.integers(0, 12, (300, 5)) / 2).astype(np.float32)
    probabilities = torch.softmax(ours(torch.from_numpy(halves)), dim=1).numpy()
    np.testing.assert_allclose(probabilities, theirs.predict_proba(halves), rtol=0, atol=1e-6)


def test_thresholds_are_rounded_down():
    exact = np.array([0.1, 0.5, -0.1, 1 / 3])
    rounded = _rounded_down(exact)
    assert (rounded <= exact).all()
    assert (np.nextafter(rounded, np.float32(np.inf)) > exact).all()
    assert rounded[1] == 0.5


def test_the_seed_decides():
    values = subjects(100, seed=2)[0]

    def answers(seed):
        grown = forest()
        grown.fit(*subjects(), seed=seed)
        return grown(values)

    assert torch.equal(answers(2**40 + 1), answers(2**40 + 1))
    assert not torch.equal(answers(1), answers(2))


def test_before_it_is_grown_all_classes_are_alike():
    assert torch.softmax(forest()(subjects()[0]), dim=1).unique().tolist() == pytest.approx([1 / 3])
    assert forest()(torch.zeros(0, 5)).shape == (0, 3)


def test_a_forest_of_any_size_takes_up_another():
    grown, small = forest(), forest(trees=2, max_depth=1)
    grown.fit(*subjects(), seed=0)
    small.fit(*subjects(), seed=0)
    state = {name: value.clone() for name, value in grown.state_dict().items()}
    small.load_state_dict(state)
    assert torch.equal(small(subjects()[0]), grown(subjects()[0]))
    with pytest.raises(RuntimeError, match="size mismatch for share"):
        forest(classes=2).load_state_dict(state)


def test_nothing_to_learn_from():
    with pytest.raises(SettingsError, match="random_forest has no inputs to learn from"):
        forest(inputs=0)
