import numpy as np
import pytest
from scipy.stats import norm
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from xdistill_mri.phantom.bounds import balanced_posterior, best_auc, macro_auc
from xdistill_mri.phantom.clinical import absence_cut, to_units
from xdistill_mri.phantom.effects import CLASS_COUNTS, EFFECTS
from xdistill_mri.phantom.items import ITEMS
from xdistill_mri.phantom.latents import draw_latents, grades

SHARES = np.array(CLASS_COUNTS) / sum(CLASS_COUNTS)


def test_macro_auc_is_that_of_scikit_learn():
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 3, 400)
    scores = rng.dirichlet([1, 1, 1], 400) + 0.4 * np.eye(3)[targets]
    scores = np.round(scores / scores.sum(axis=1, keepdims=True), 12)

    expected = roc_auc_score(targets, scores, multi_class="ovo", average="macro", labels=[0, 1, 2])

    assert macro_auc(scores, targets) == pytest.approx(expected)


def test_macro_auc_by_hand():
    # Class 0 against 1 is told apart, ties count one half, and class 2 is mistaken for 0.
    scores = np.array([[0.6, 0.2, 0.2], [0.2, 0.6, 0.2], [0.6, 0.2, 0.2]])

    # Pairs (0,1): 1 and 1; (0,2): 0.5 and 0.5; (1,2): 1 and 0.5.
    assert macro_auc(scores, np.array([0, 1, 2])) == pytest.approx((1 + 1 + 0.5 + 0.5 + 1 + 0.5) / 6)


def test_calibrated_has_the_difficulty_of_the_published_cohort():
    bounds = best_auc("calibrated")

    assert 0.74 <= bounds["image"] <= 0.76
    assert bounds["image and clinical"] == pytest.approx(0.85, abs=0.01)


def test_strong_makes_the_gap_plain():
    bounds = best_auc("strong")

    assert bounds["image"] == pytest.approx(0.76, abs=0.01)
    assert bounds["image and clinical"] - bounds["image"] >= 0.06


def test_in_null_the_clinical_items_add_nothing():
    bounds = best_auc("null")

    assert bounds["image"] == bounds["image and clinical"]
    assert bounds["image"] == best_auc("calibrated")["image"]


def test_the_posterior_given_the_image_is_the_closed_form():
    """Everything is normal, so the pathology given the image is normal too, and its cuts are known."""
    effect = EFFECTS["calibrated"]
    latents = draw_latents(500, effect, seed=2)
    precision = 1 + effect.hbp**2 + effect.pre**2
    mean = sum(g * (1 + g**2) ** 0.5 * u for g, u in ((effect.hbp, latents.hbp), (effect.pre, latents.pre))) / precision
    spread = (1 / precision + effect.pathology**2) ** 0.5
    cuts = norm.ppf(np.cumsum(SHARES)[:2]) * (1 + effect.pathology**2) ** 0.5
    below = norm.cdf((cuts[None] - mean[:, None]) / spread)
    posterior = np.diff(below, axis=1, prepend=0, append=1)
    balanced = posterior / SHARES
    balanced /= balanced.sum(axis=1, keepdims=True)

    assert balanced_posterior(latents, effect, clinical=False) == pytest.approx(balanced, abs=2e-4)


@pytest.mark.parametrize("effect", ["calibrated", "strong"])
def test_no_regression_on_many_subjects_beats_the_posterior_and_it_comes_close(effect):
    """The latents themselves, missing pattern included, regressed on by brute force."""
    strengths = EFFECTS[effect]
    latents = draw_latents(24_000, strengths, seed=9)
    targets = grades(latents.pathology)
    seen = measurements(latents)
    train, test = slice(0, 16_000), slice(16_000, None)

    regression = LogisticRegression(max_iter=300).fit(seen[train], targets[train])
    reached = macro_auc(regression.predict_proba(seen[test]), targets[test])
    best = macro_auc(balanced_posterior(latents.take(test), strengths, clinical=True), targets[test])

    assert best - 0.03 < reached < best
    assert best == pytest.approx(best_auc(effect)["image and clinical"], abs=0.01)


def measurements(latents):
    tied = [place for place, item in enumerate(ITEMS) if item.gain]
    clinical = latents.clinical[:, tied]
    absent = np.stack(
        [latents.absence[:, p] + ITEMS[p].missing_slope * latents.clinical[:, p] > absence_cut(ITEMS[p]) for p in tied],
        axis=1,
    )
    categorical = [place for place, p in enumerate(tied) if ITEMS[p].scale == "categorical"]
    clinical[:, categorical] = np.stack([to_units(ITEMS[tied[p]], clinical[:, p]) for p in categorical], axis=1)
    clinical = np.where(absent, clinical.mean(axis=0), clinical)
    return np.column_stack([latents.hbp, latents.pre, clinical, absent])


def test_the_posterior_means_what_it_says():
    """Of subjects with a posterior near p, a share near p has the grade: in each tenth, and on average."""
    strengths = EFFECTS["calibrated"]
    latents = draw_latents(30_000, strengths, seed=4)
    targets = grades(latents.pathology)
    posterior = balanced_posterior(latents, strengths, clinical=True) * SHARES
    posterior /= posterior.sum(axis=1, keepdims=True)

    for grade in range(3):
        tenths = np.array_split(np.argsort(posterior[:, grade]), 10)
        stated = [posterior[tenth, grade].mean() for tenth in tenths]
        found = [(targets[tenth] == grade).mean() for tenth in tenths]
        assert found == pytest.approx(stated, abs=0.035)


def test_the_balanced_posterior_ranks_better_than_the_plain_one():
    strengths = EFFECTS["calibrated"]
    latents = draw_latents(30_000, strengths, seed=6)
    targets = grades(latents.pathology)
    balanced = balanced_posterior(latents, strengths, clinical=False)
    plain = balanced * SHARES
    plain /= plain.sum(axis=1, keepdims=True)

    assert macro_auc(balanced, targets) > macro_auc(plain, targets)
