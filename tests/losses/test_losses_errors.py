"""What does not fit is refused when the loss is built, with the field at fault and what to do."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from xdistill.errors import SettingsError

VECTORS = {"hbp": (4,), "pre": (4,), "map": (4, 3, 3)}
WIDER = {"hbp": (6,), "pre": (6,), "map": (6, 3, 3)}
OF_TAPS = (
    *("hint", "vid", "at", "ft", "nst", "cwd", "pkd", "ab", "ofd", "review"),
    *("rkd", "pkt", "cc", "crd", "cka"),
)


@pytest.mark.parametrize("use", OF_TAPS)
def test_a_tap_that_is_not_there(use, build_for):
    with pytest.raises(
        SettingsError, match=r"the student has no tap `hpb`; did you mean `hbp`\? Valid taps: `hbp`, `p"
    ) as told:
        build_for({"use": use, "taps": ["hpb"]}, student=VECTORS)
    assert told.value.field == "taps"
    with pytest.raises(SettingsError, match="the teacher has no tap `pre`"):
        build_for({"use": use, "taps": ["pre"]}, student=VECTORS, teacher={"hbp": (4,)})


@pytest.mark.parametrize("use", OF_TAPS)
def test_a_loss_without_taps(use, build_for):
    for settings in ({}, {"taps": []}):
        with pytest.raises(ValidationError, match="taps"):
            build_for({"use": use, **settings}, student=VECTORS)


@pytest.mark.parametrize("use", ["hint", "vid", "at", "ft", "nst", "cwd", "pkd", "ab", "ofd", "review", "cc"])
def test_a_vector_and_a_map(use, build_for):
    with pytest.raises(SettingsError, match=r"shape 4x3x3 in the student and 4 in the teacher; .* \(rkd, pkt") as told:
        build_for({"use": use, "taps": ["map"]}, student=VECTORS, teacher={"map": (4,)})
    assert told.value.field == "taps"


def test_too_many_axes(build_for):
    shape = {"tap": (2, 3, 3, 3, 3)}
    with pytest.raises(SettingsError, match="maps of one to 3 axes of space"):
        build_for({"use": "hint", "taps": ["tap"]}, student=shape)


ADAPTED = ("hint", "cwd", "pkd", "ab", "ofd", "cc")


@pytest.mark.parametrize(
    "block",
    [{"use": use, "taps": ["hbp"]} for use in ADAPTED]
    + [{"use": "fsp", "taps": ["hbp", "pre"]}, {"use": "ft", "taps": ["hbp"], "flat": True}],
    ids=lambda block: block["use"],
)
def test_unequal_channels_need_an_adapter(block, build_for):
    loss = build_for(block, student=VECTORS, teacher=WIDER)
    assert list(loss.parameters())
    assert not list(build_for(block, student=VECTORS).parameters())
    assert list(build_for({**block, "adapter": "always"}, student=VECTORS).parameters())
    with pytest.raises(SettingsError, match=r"4 and 6 channels cannot be compared. Set `adapter: auto`") as told:
        build_for({**block, "adapter": "none"}, student=VECTORS, teacher=WIDER)
    assert told.value.field == "adapter"


@pytest.mark.parametrize(
    ("block", "field", "message"),
    [
        ({"use": "at", "taps": ["hbp"]}, "taps", "compares vectors element by element. .* or use a loss that adapts"),
        ({"use": "ft", "taps": ["hbp"]}, "taps", "compares vectors element by element"),
        ({"use": "nst", "taps": ["hbp"]}, "taps", "compares vectors element by element"),
        ({"use": "vid", "taps": ["hbp"], "depth": 0}, "depth", "set `depth` to 1 or more"),
        ({"use": "ft", "taps": ["map"], "adapter": "always"}, "adapter", "set `flat: true`, or leave out"),
        ({"use": "cc", "taps": ["hbp"], "kernel": "rbf", "adapter": "always"}, "adapter", "nothing to adapt"),
        ({"use": "review", "taps": ["hbp"], "fusion": False}, "fusion", "leave out `fusion: false`"),
        (
            {"use": "review", "taps": ["hbp", "map"]},
            "taps",
            "all taps must be vectors, or maps with the same number of axes",
        ),
        ({"use": "fsp", "taps": ["hbp", "map"]}, "taps", "name taps that are all maps or all vectors"),
        (
            {"use": "rkd", "taps": ["hbp"], "distance": 0, "angle": 0},
            "distance",
            "nothing is compared; set one of them",
        ),
        ({"use": "dist", "beta": 0, "gamma": 0}, "gamma", "set one of them"),
    ],
)
def test_settings_that_do_not_fit_the_networks(block, field, message, build_for):
    with pytest.raises(SettingsError, match=message) as told:
        build_for(block, student=VECTORS, teacher=WIDER)
    assert told.value.field == field


@pytest.mark.parametrize(
    ("block", "field", "message"),
    [
        ({"use": "dkd"}, "", "the weight `beta` is always zero; use kd"),
        ({"use": "dist"}, "beta", "set `beta: 0`"),
        ({"use": "kd", "standardise": True}, "standardise", "leave out `standardise`"),
    ],
)
def test_what_two_classes_leave_nothing_of(block, field, message, build_for):
    with pytest.raises(SettingsError, match=message) as told:
        build_for(block, student={}, classes=2)
    assert told.value.field == field
    build_for(block, student={}, classes=3)


@pytest.mark.parametrize("use", ["at", "ft", "nst", "cwd"])
def test_a_single_position_has_no_pattern(use, build_for):
    for shape, other in (((4, 1, 1), (4, 1, 1)), ((4, 1, 6), (4, 5, 1)), ((1,), (1,))):
        with pytest.raises(SettingsError, match=r"a single position, .* would always be zero") as told:
            build_for({"use": use, "taps": ["tap"]}, student={"tap": shape}, teacher={"tap": other})
        assert told.value.field == "taps"
    build_for({"use": use, "taps": ["tap"]}, student={"tap": (4, 1, 2)})


def test_what_two_classes_allow(build_for):
    for block in ({"use": "kd"}, {"use": "wsld"}, {"use": "generalized"}, {"use": "dist", "beta": 0}):
        build_for(block, student={}, classes=2)


@pytest.mark.parametrize(
    "block",
    [
        {"use": "kd", "temperature": 0},
        {"use": "kd", "reduction": "batchmean"},
        {"use": "dkd", "beta": -1},
        {"use": "generalized", "imitation": 1.5},
        {"use": "fsp", "taps": ["hbp"]},
        {"use": "at", "taps": ["hbp"], "form": "other"},
        {"use": "crd", "taps": ["hbp"], "temperature": 0},
        {"use": "vid", "taps": ["hbp"], "initial_variance": 0},
        {"use": "cc", "taps": ["hbp"], "order": 0},
        {"use": "cka", "taps": ["hbp"], "off": "features"},
    ],
)
def test_settings_out_of_range(block, build_for):
    with pytest.raises(ValidationError):
        build_for(block, student=VECTORS)
