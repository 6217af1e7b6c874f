from dataclasses import replace

import numpy as np
import pytest

from xdistill_mri.phantom.clinical import clinical_values, columns, is_missing, to_units
from xdistill_mri.phantom.effects import EFFECTS
from xdistill_mri.phantom.items import ITEMS
from xdistill_mri.phantom.latents import draw_latents

MANY = 20_000
NUMERIC = [item for item in ITEMS if item.scale != "categorical"]


@pytest.fixture(scope="module")
def latents():
    return draw_latents(MANY, EFFECTS["calibrated"], seed=11)


@pytest.fixture(scope="module")
def values(latents):
    return clinical_values(latents)


def item(name):
    return next(item for item in ITEMS if item.name == name)


def column(name):
    return [item.name for item in ITEMS].index(name)


def test_there_are_52_items_with_names_of_their_own():
    assert len(ITEMS) == 52
    assert len({item.name for item in ITEMS}) == 52


def test_columns_say_kind_unit_and_categories():
    by_name = {column.name: column for column in columns()}

    assert by_name["alpha_fetoprotein"].unit == "ng/mL"
    assert by_name["alpha_fetoprotein"].kind == "numeric"
    assert by_name["capsule"].kind == "categorical"
    assert by_name["capsule"].categories == ("complete", "incomplete", "none")
    assert all(column.categories for column in columns() if column.kind == "categorical")


@pytest.mark.parametrize("item", NUMERIC, ids=lambda item: item.name)
def test_numeric_items_rise_strictly_from_their_median(item):
    rising = to_units(item, np.linspace(-4.5, 4.5, 1001))

    assert (np.diff(rising) > 0).all()
    assert rising[500] == pytest.approx(item.centre)


def test_values_follow_their_scale_by_hand():
    at = np.array([-1.0, 0.0, 1.0])

    assert to_units(item("albumin"), at) == pytest.approx([37.3, 41.5, 45.7])
    assert to_units(item("carcinoembryonic_antigen"), at) == pytest.approx([2.3 / 1.82212, 2.3, 2.3 * 1.82212], 1e-4)
    # Logistic between 18 and 90 through 56: odds 38 to 34, times e**0.65 a standard deviation.
    assert to_units(item("age"), at[2:]) == pytest.approx([18 + 72 / (1 + 34 / 38 / np.exp(0.65))])


def test_ranges_are_those_of_people(values):
    assert np.nanmin(values[:, column("age")]) >= 18
    assert np.nanmax(values[:, column("age")]) <= 90
    assert np.nanmax(values[:, column("alpha_fetoprotein_l3")]) <= 100
    assert np.nanmin(values) >= 0
    # The marker's long tail: its mean lies far above its median.
    markers = values[:, column("alpha_fetoprotein")]
    assert np.nanmean(markers) > 5 * np.nanmedian(markers)


def test_categories_are_as_frequent_as_stated(values):
    for place, item in enumerate(ITEMS):
        if item.scale == "categorical":
            seen = values[:, place]
            shares = [(seen == category).sum() / np.isfinite(seen).sum() for category in range(len(item.categories))]
            assert shares == pytest.approx(item.shares, abs=0.015), item.name
            assert sum(item.shares) == pytest.approx(1)


def test_each_item_lacks_5_to_10_percent(values):
    missing = np.isnan(values).mean(axis=0)

    assert all(0.05 <= item.missing <= 0.10 for item in ITEMS)
    assert missing == pytest.approx([item.missing for item in ITEMS], abs=0.01)


@pytest.mark.parametrize("effect", EFFECTS)
def test_270_patients_lack_5_to_10_percent(effect):
    missing = np.isnan(clinical_values(draw_latents(270, EFFECTS[effect], seed=0))).mean()

    assert 0.05 < missing < 0.10


def test_some_values_are_missing_because_they_are_low(latents):
    place = column("hepatitis_b_virus_dna")
    latent = latents.clinical[:, place]
    missing = is_missing(ITEMS[place], latent, latents.absence[:, place])

    assert latent[missing].mean() < latent[~missing].mean() - 0.5


def test_categories_are_missing_at_random():
    """The bounds count on it."""
    assert all(item.missing_slope == 0 for item in ITEMS if item.scale == "categorical")


def test_a_few_items_follow_the_invasiveness_and_most_do_not(latents):
    tied = [abs(np.corrcoef(latents.clinical[:, place], latents.invasiveness)[0, 1]) for place in range(52)]

    assert tied[column("pivka_ii")] == pytest.approx(0.6 / 1.36**0.5, abs=0.02)
    assert 2 <= sum(one > 0.4 for one in tied) <= 6
    assert sum(one < 0.03 for one in tied) >= 20


def test_albumin_falls_with_the_invasiveness(latents):
    assert np.corrcoef(latents.clinical[:, column("albumin")], latents.invasiveness)[0, 1] < -0.1


def test_the_radiologist_measures_the_lesion_that_is_shown(latents, values):
    diameter = values[:, column("largest_diameter")]
    measured = np.isfinite(diameter)

    assert np.corrcoef(np.log(diameter[measured]), latents.size[measured])[0, 1] > 0.9
    assert abs(np.corrcoef(latents.size, latents.invasiveness)[0, 1]) < 0.03


def test_in_null_the_items_know_nothing_of_image_or_grade():
    latents = draw_latents(MANY, EFFECTS["null"], seed=5)
    values = clinical_values(latents)
    hidden = np.stack([latents.invasiveness, latents.pathology, latents.hbp, latents.pre, latents.size])

    for what in (latents.clinical, np.isnan(values).astype(float)):
        correlations = np.corrcoef(hidden, what.T)[:5, 5:]
        assert np.abs(correlations).max() < 4.5 / MANY**0.5


def test_missing_values_replace_what_was_there(latents, values):
    everyone = replace(latents, absence=np.full_like(latents.absence, -50.0))
    complete = clinical_values(everyone)

    assert np.isfinite(complete).all()
    assert np.array_equal(values[np.isfinite(values)], complete[np.isfinite(values)])
