import numpy as np
import pytest

from xdistill_tabular.lupi import Lupi

SETTINGS = ("clean_labels", "clean_features", "relevant_features", "sample_dependent")


def values(setting, **settings):
    """What is seen, what is privileged, and the targets of a large draw."""
    data = Lupi(Lupi.Config(setting=setting, **{"train": 3000, "test": 10, **settings}))
    subjects = list(data.load_many(range(3010)))
    return (
        np.stack([subject["regular"] for subject in subjects]),
        np.stack([subject["privileged"] for subject in subjects]),
        np.array([row.target for row in data.index()]),
    )


def agreement(scores, target):
    return float(((scores > 0) == target.astype(bool)).mean())


@pytest.mark.parametrize("setting", SETTINGS)
def test_values_have_the_shapes_of_the_schema_and_both_classes_are_as_frequent(setting):
    data = Lupi(Lupi.Config(setting=setting))
    schema, subject = data.schema(), data.load(3)
    assert {name: spec.shape for name, spec in schema.modalities.items()} == {
        name: value.shape for name, value in subject.items()
    }
    assert values(setting)[2].mean() == pytest.approx(0.5, abs=0.04)
    assert data.facts().synthetic


@pytest.mark.parametrize("setting", SETTINGS)
def test_the_same_seed_gives_the_same_bytes_and_another_does_not(setting):
    first, again, other = (values(setting, seed=seed) for seed in (1, 1, 2))
    assert all(np.array_equal(one, two) for one, two in zip(first, again, strict=True))
    assert not np.array_equal(first[0], other[0])


def test_the_official_split_is_the_papers():
    data = Lupi(Lupi.Config(setting="clean_labels"))
    names = [row.subject for row in data.index()]
    assert len(names) == 1200
    assert list(data.official_test()) == names[200:]
    assert (names[0], names[199], names[200], names[-1]) == (
        "train-000001",
        "train-000200",
        "test-000001",
        "test-001000",
    )


def test_clean_labels_are_a_linear_function_of_what_is_seen_before_noise():
    seen, privileged, target = values("clean_labels")
    alpha, residue, *_ = np.linalg.lstsq(seen, privileged[:, 0])
    assert residue.sum() == pytest.approx(0, abs=1e-18)
    # The label is that of the margin but for noise of standard deviation 1.
    expected = 1 - np.arctan(1 / np.linalg.norm(alpha)) / np.pi
    assert agreement(privileged[:, 0], target) == pytest.approx(expected, abs=0.02)


def test_clean_features_are_seen_with_noise():
    seen, privileged, target = values("clean_features")
    assert (seen - privileged).std() == pytest.approx(1, abs=0.02)
    assert abs(np.corrcoef((seen - privileged).ravel(), privileged.ravel())[0, 1]) < 0.02
    alpha = np.linalg.lstsq(privileged, 2.0 * target - 1)[0]
    assert agreement(privileged @ alpha, target) > 0.95


def test_relevant_features_are_three_and_the_same_for_all():
    seen, privileged, target = values("relevant_features")
    places = [
        [int(np.flatnonzero(row == value)[0]) for value in few] for row, few in zip(seen, privileged, strict=True)
    ]
    assert len({tuple(place) for place in places}) == 1
    assert len(set(places[0])) == 3
    assert agreement(privileged @ np.linalg.lstsq(privileged, 2.0 * target - 1)[0], target) > 0.95


def test_sample_dependent_features_are_three_for_each():
    seen, privileged, target = values("sample_dependent")
    places = [
        [int(np.flatnonzero(row == value)[0]) for value in few] for row, few in zip(seen, privileged, strict=True)
    ]
    assert all(len(set(place)) == 3 for place in places)
    assert np.bincount(np.ravel(places), minlength=50).min() > 100  # 180.6 are expected, with a deviation of 13
    assert agreement(privileged @ np.linalg.lstsq(privileged, 2.0 * target - 1)[0], target) > 0.95
    assert agreement(seen @ np.linalg.lstsq(seen, 2.0 * target - 1)[0], target) < 0.6
