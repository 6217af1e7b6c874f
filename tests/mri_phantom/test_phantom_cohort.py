from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError

from xdistill_mri.phantom import HccPhantom
from xdistill_mri.phantom.latents import class_counts


def phantom(**settings):
    return HccPhantom(HccPhantom.Config(**{"subjects": 20, "shape": (6, 10, 8), **settings}))


def same(one, other):
    return all(np.array_equal(one[name], other[name], equal_nan=True) for name in ("hbp", "pre", "clinical"))


def all_same(these, those):
    return all(same(one, other) for one, other in zip(these, those, strict=True))


def test_270_patients_have_the_published_grades():
    assert Counter(row.target for row in HccPhantom(HccPhantom.Config()).index()) == {0: 128, 1: 93, 2: 49}


@pytest.mark.parametrize(
    ("subjects", "counts"),
    [(3, (1, 1, 1)), (10, (5, 3, 2)), (27, (13, 9, 5)), (100, (47, 35, 18)), (540, (256, 186, 98))],
)
def test_other_sizes_keep_the_shares_by_largest_remainder(subjects, counts):
    # 100: 47.41, 34.44, 18.15 leave one over, which 34.44 takes.
    assert class_counts(subjects) == counts


@pytest.mark.parametrize("subjects", range(3, 60))
def test_every_size_adds_up_and_has_every_grade(subjects):
    counts = class_counts(subjects)

    assert sum(counts) == subjects
    assert min(counts) >= 1


def test_every_subject_is_a_patient_of_its_own():
    rows = phantom().index()

    assert len({row.subject for row in rows}) == 20
    assert [row.patient for row in rows] == [row.subject for row in rows]
    assert rows[0].subject == "phantom-0001"


def test_values_have_the_shapes_of_the_schema():
    data = phantom()
    schema = data.schema()

    assert schema.classes == ("M0", "M1", "M2")
    assert {name: spec.kind for name, spec in schema.modalities.items()} == {
        "hbp": "volume",
        "pre": "volume",
        "clinical": "vector",
    }
    for name, values in data.load(0).items():
        assert values.shape == schema.modalities[name].shape
        assert values.dtype == np.float32


def test_volumes_are_z_scored_one_by_one():
    for subject in phantom().load_many(range(5)):
        for phase in ("hbp", "pre"):
            assert subject[phase].mean() == pytest.approx(0, abs=1e-5)
            assert subject[phase].std() == pytest.approx(1, abs=1e-5)


def test_the_same_settings_give_the_same_bytes():
    assert all_same(phantom().load_many(range(20)), phantom().load_many(range(20)))


def test_another_seed_gives_other_patients():
    assert not same(phantom(seed=0).load(0), phantom(seed=1).load(0))


def test_a_subject_is_the_same_whoever_is_rendered_with_it():
    data = HccPhantom(HccPhantom.Config(subjects=60))
    together = list(data.load_many(range(60)))

    assert same(data.load(41), together[41])
    assert all_same(data.load_many([59, 3, 7]), [together[59], together[3], together[7]])


def test_a_longer_cohort_only_adds_subjects():
    assert all_same(phantom(subjects=20).load_many(range(20)), phantom(subjects=33).load_many(range(20)))


def test_loading_a_subject_hands_out_a_copy():
    data = phantom()
    data.load(0)["clinical"][:] = 7

    assert not (data.load(0)["clinical"] == 7).any()


def test_the_phases_are_not_registered():
    """The darkest part, the lesion, lies at another place in each phase."""
    data = HccPhantom(HccPhantom.Config(subjects=40, noise=0))
    apart = [np.linalg.norm(centre(s["hbp"][0]) - centre(s["pre"][0])) for s in data.load_many(range(40))]

    assert np.median(apart) > 0.05


def centre(volume):
    weights = np.clip(-volume, 0, None) ** 2
    grid = np.meshgrid(*[(2 * np.arange(n) + 1) / n - 1 for n in volume.shape], indexing="ij")
    return np.array([(axis * weights).sum() for axis in grid]) / weights.sum()


def test_noise_is_a_factor():
    def roughness(noise):
        return np.mean([np.abs(np.diff(s["hbp"])).mean() for s in phantom(noise=noise).load_many(range(10))])

    assert roughness(0.0) < roughness(1.0) < roughness(4.0)


def test_full_size_volumes_are_rendered_too():
    subject = phantom(shape=(32, 96, 96)).load(2)

    assert subject["hbp"].shape == (1, 32, 96, 96)
    assert np.isfinite(subject["pre"]).all()


@pytest.mark.parametrize(
    "settings",
    [{"subjects": 2}, {"effect": "huge"}, {"shape": (12, 24)}, {"shape": (12, 24, 2)}, {"seed": -1}, {"size": 3}],
)
def test_settings_without_sense_are_refused(settings):
    with pytest.raises(ValidationError):
        HccPhantom.Config(**settings)


def test_facts_say_that_nobody_is_real():
    facts = phantom(effect="null").facts()

    assert facts.synthetic
    assert "synthetic" in facts.title.lower()
    assert "generated" in facts.title
    assert set(facts.bounds) == {"image", "image and clinical"}
