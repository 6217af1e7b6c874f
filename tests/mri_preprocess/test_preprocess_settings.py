import pytest
from pydantic import ValidationError

from xdistill_mri.preprocess.settings import Crop, Preprocess


@pytest.mark.parametrize(
    ("settings", "part"),
    [
        ({"orientation": "RAX"}, "not an orientation"),
        ({"orientation": "RLS"}, "not an orientation"),
        ({"clip": [99, 1]}, "lower first"),
        ({"clip": [0, 101]}, "between 0 and 100"),
        ({"spacing": [1, 0, 1]}, "greater than 0"),
        ({"size": [4]}, "size"),
        ({"crop": {}}, "exactly one of box, mask and center (given: none)"),
        ({"crop": {"mask": "m", "center": [2, 2, 2]}}, "exactly one of box, mask and center (given: mask, center)"),
        ({"crop": {"mask": "m", "margin": 3, "margin_voxels": 2}}, "not both"),
        ({"crop": {"center": [2, 2, 2], "margin": 3}}, "has no margin"),
        ({"crop": {"center": [2, 2, 2], "labels": 3}}, "there is no `mask`"),
        ({"zscores": True}, "zscores"),
    ],
)
def test_impossible_settings_are_refused(settings, part):
    with pytest.raises(ValidationError) as caught:
        Preprocess.model_validate(settings)
    assert part in str(caught.value)


def test_orientation_is_read_in_any_case():
    assert Preprocess(orientation="lps").orientation == "LPS"


def test_one_label_may_stand_without_a_list():
    assert Crop.model_validate({"mask": "liver", "labels": 5}).labels == (5,)


def test_an_override_replaces_only_what_it_sets():
    common = Preprocess(size=(2, 3, 4), zscore=True, clip=(1, 99))
    merged = common.overridden_by(Preprocess(zscore=False, clip=None))
    assert (merged.size, merged.zscore, merged.clip) == ((2, 3, 4), False, None)


@pytest.mark.parametrize(
    ("settings", "shape"),
    [
        ({"size": [2, 3, 4]}, (2, 3, 4)),
        ({"crop": {"center": [5, 6, 7]}}, (5, 6, 7)),
        ({"crop": {"center": [5, 6, 7]}, "size": [2, 3, 4]}, (2, 3, 4)),
        ({"spacing": [1, 1, 1]}, None),
    ],
)
def test_the_shape_is_known_where_the_settings_fix_it(settings, shape):
    assert Preprocess.model_validate(settings).shape() == shape
