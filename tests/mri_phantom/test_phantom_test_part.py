"""Fresh test patients, and the true probabilities of the grades."""

from __future__ import annotations

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.special import softmax

from xdistill.stats import METRICS
from xdistill_mri.phantom import HccPhantom
from xdistill_mri.phantom.bounds import best_auc, grade_cuts
from xdistill_mri.phantom.effects import EFFECTS
from xdistill_mri.phantom.latents import draw_latents

SMALL = {"subjects": 12, "shape": (4, 4, 4), "seed": 5}


def cohort(**settings):
    return HccPhantom(HccPhantom.Config(**{**SMALL, **settings}))


def test_a_cohort_without_them_keeps_its_settings():
    plain = HccPhantom.Config(**SMALL).model_dump(mode="json")
    assert plain.keys().isdisjoint({"test", "truth", "image_only"})
    assert cohort().official_test() is None
    assert "truth" not in cohort().schema().modalities


def test_the_last_subjects_are_the_test_part():
    tested = cohort(test=7)
    assert len(tested.index()) == 19
    assert tested.official_test() == [row.subject for row in tested.index()[12:]]


def test_all_are_graded_by_the_cuts_of_the_population():
    effect = EFFECTS["calibrated"]
    pathology = draw_latents(19, effect, 5).pathology
    low, high = grade_cuts(effect.pathology)
    expected = [0 if one < low else 1 if one < high else 2 for one in pathology]
    assert [row.target for row in cohort(test=7).index()] == expected


def test_what_patients_look_like_does_not_change():
    for plain, tested in zip(
        cohort().load_many(range(12)), cohort(test=7, truth=True).load_many(range(12)), strict=True
    ):
        for name, values in plain.items():
            np.testing.assert_array_equal(values, tested[name])


def test_test_patients_have_clinical_items():
    assert all(values["clinical"] is not None for values in cohort(test=3).load_many(range(12, 15)))


def test_the_truth_is_a_log_probability():
    truth = np.stack([values["truth"] for values in cohort(test=30, truth=True).load_many(range(42))])
    assert truth.shape == (42, 3)
    np.testing.assert_allclose(np.exp(truth).sum(axis=1), 1, atol=1e-5)


def test_the_truth_is_calibrated_and_as_good_as_the_bound():
    """Of 20,000 patients the mean probability of a grade is its share, within four standard errors."""
    settings = HccPhantom.Config(subjects=3, test=20_000, truth=True, effect="strong", shape=(4, 4, 4), seed=8)
    generated = HccPhantom(settings)
    probability = softmax(generated._truth.astype(np.float64), axis=1)
    targets = np.array([row.target for row in generated.index()])
    shares = np.bincount(targets, minlength=3) / len(targets)
    np.testing.assert_allclose(probability.mean(axis=0), shares, atol=4 * 0.5 / np.sqrt(20_000))
    found = METRICS["auc_ovo"](targets, probability, ("M0", "M1", "M2"))
    assert found == pytest.approx(best_auc("strong")["image and clinical"], abs=0.01)


def test_another_seed_is_another_cohort():
    settings = HccPhantom.generated(HccPhantom.Config(effect="strong"), train=9, test=4, seed=3)
    assert (settings.subjects, settings.test, settings.seed, settings.effect) == (9, 4, 3, "strong")


def test_two_kinds_of_further_patients_are_refused():
    with pytest.raises(ValidationError, match="`test` and `image_only` exclude each other"):
        HccPhantom.Config(test=3, image_only=3)
