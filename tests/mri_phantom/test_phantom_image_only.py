"""Patients of the generated cohort without clinical items."""

import numpy as np
import pytest
from pydantic import ValidationError

from xdistill_mri.phantom.dataset import HccPhantom

SMALL = {"shape": (4, 8, 8)}


def phantom(**settings):
    return HccPhantom(HccPhantom.Config(**{**SMALL, **settings}))


def test_they_follow_the_others_and_have_images_alone():
    data = phantom(subjects=10, image_only=5)
    rows = data.index()
    assert [row.subject for row in rows[9:11]] == ["phantom-0010", "phantom-0011"]
    assert len(rows) == 15
    loaded = list(data.load_many(range(15)))
    assert all(values["clinical"] is not None for values in loaded[:10])
    assert all(values["clinical"] is None for values in loaded[10:])
    assert all(np.isfinite(values["hbp"]).all() for values in loaded)


def test_the_first_patients_are_those_of_the_cohort_without_them():
    alone, together = phantom(subjects=12), phantom(subjects=12, image_only=30)
    assert list(together.index())[:12] == list(alone.index())
    for ours, theirs in zip(alone.load_many(range(12)), together.load_many(range(12)), strict=True):
        assert all(np.array_equal(ours[name], theirs[name], equal_nan=True) for name in ours)


def test_they_are_graded_in_the_same_shares():
    targets = [row.target for row in phantom(subjects=270, image_only=750).index()]
    assert np.bincount(targets[:270]).tolist() == [128, 93, 49]
    assert np.bincount(targets[270:]).tolist() == [356, 258, 136]


def test_a_cohort_without_them_keeps_its_settings():
    assert "image_only" not in HccPhantom.Config().model_dump(mode="json")
    settings = HccPhantom.Config(image_only=4).model_dump(mode="json")
    assert HccPhantom.Config.model_validate(settings).image_only == 4


def test_the_title_tells_of_them():
    assert "270 generated patients and 9 without clinical items" in phantom(image_only=9).facts().title
    assert "without clinical items" not in phantom().facts().title


@pytest.mark.parametrize("count", [-1, 1, 2])
def test_too_few_of_them_are_refused(count):
    with pytest.raises(ValidationError):
        HccPhantom.Config(image_only=count)
