"""The share of the gap that is closed, and agreement."""

from dataclasses import replace

import numpy as np
import pytest

from stats.compare_toys import cohort, method, predictions, splits
from xdistill.errors import UserError
from xdistill.stats import FoldPredictions, Predictions, agreement, gap_closed, gaps_closed
from xdistill.stats.bootstrap import Interval
from xdistill.stats.distillation import _share_interval

SIZE = {"repeats": 2, "folds": 3, "subjects": 180}


def test_the_share_is_the_ratio_of_gain_and_gap():
    alone, distilled, teacher = (
        method(name, lift, **SIZE) for name, lift in (("alone", 0.5), ("kd", 1.0), ("top", 3.0))
    )
    found = gap_closed(distilled, alone, teacher, resamples=300)
    assert found.reason == ""
    assert 0 < found.gain.estimate < found.gap.estimate
    assert found.share.estimate == pytest.approx(found.gain.estimate / found.gap.estimate)
    assert found.share.low < found.share.estimate < found.share.high
    assert found.share.low > 0
    assert found.share.high < 1


def test_several_methods_at_once_are_the_same_as_one_by_one():
    alone, teacher = method("alone", 0.5, **SIZE), method("top", 3.0, **SIZE)
    several = [method("kd", 1.0, **SIZE), method("worse", 0.2, **SIZE), method("sp", 1.5, **SIZE)]
    found = gaps_closed(several, alone, teacher, resamples=100, level=0.9, seed=3)
    assert found == tuple(gap_closed(one, alone, teacher, resamples=100, level=0.9, seed=3) for one in several)
    assert found[0] != found[2]


@pytest.mark.parametrize(("as_good_as", "share"), [("alone", 0.0), ("teacher", 1.0)])
def test_the_two_ends(as_good_as, share):
    ends = {"alone": method("alone", 0.5, **SIZE), "teacher": method("teacher", 3.0, **SIZE)}
    distilled = replace(ends[as_good_as], name="distilled")
    found = gap_closed(distilled, ends["alone"], ends["teacher"], resamples=100)
    assert (found.share.low, found.share.estimate, found.share.high) == pytest.approx((share, share, share))


def test_a_worse_student_has_a_share_below_zero():
    found = gap_closed(
        method("kd", 0.0, **SIZE), method("alone", 1.0, **SIZE), method("top", 3.0, **SIZE), resamples=100
    )
    assert found.share.high < 0


def test_a_gap_that_may_be_zero_has_no_share():
    alone, distilled, teacher = method("alone"), method("kd", 1.2, seeds=(1,)), method("top", seeds=(2,))
    found = gap_closed(distilled, alone, teacher, resamples=300)
    assert found.gap.estimate > 0 > found.gap.low
    assert found.share is None
    assert "cannot be distinguished from zero (95% interval" in found.reason
    assert found.gain.low < found.gain.estimate < found.gain.high


def test_a_teacher_that_is_no_better_leaves_no_gap():
    alone, teacher = method("alone", 2.0), method("top", 0.5)
    found = gap_closed(method("kd", 2.5), alone, teacher, resamples=100)
    assert found.share is None
    assert "no gap to close" in found.reason
    assert gap_closed(method("kd", 2.5), alone, replace(alone, name="twin"), resamples=100).share is None


def test_resamples_without_a_gap_count_as_infinite():
    # Rows: distilled, alone, teacher. Of 101 resamples 97 have shares of 0, .01, ... .96; four have no gap.
    gains = np.array([*np.arange(97) / 100, 1.0, 1.0, -1.0, -1.0])
    gaps = np.array([*np.ones(97), 0.0, -1.0, 0.0, -1.0])
    resampled = np.stack([gains, np.zeros(101), gaps])
    found = _share_interval(Interval(0.5, 0, 1), Interval(1.0, 0.5, 1.5), resampled, 0.9)
    # The 6th of either end, from two infinite shares on.
    assert (found.estimate, found.low, found.high) == pytest.approx((0.5, 0.03, 0.93))


def test_methods_of_other_splits_are_refused():
    with pytest.raises(UserError, match="by 'brier'; choose from"):
        gap_closed(method("kd"), method("alone"), method("top"), metric="brier")
    with pytest.raises(UserError, match="'top' cannot be compared with 'kd': their split hash differs"):
        gap_closed(method("kd"), method("alone"), replace(method("top"), split_hash="other"))


def fold(role, chosen, subjects="abcd", number=0):
    probabilities = np.eye(2)[list(chosen)] * 0.8 + 0.1
    return FoldPredictions(role, 0, number, tuple(subjects), np.zeros(len(chosen), dtype=int), probabilities)


def test_agreement_by_hand():
    folds = (
        fold("student", [0, 0, 1, 1]),
        fold("teacher", [0, 1, 1, 1]),
        fold("student", [0, 1], "xy", 1),
        fold("teacher", [0, 1], "yx", 1),  # another order: x and y both differ
    )
    found = agreement([Predictions(("m0", "m1"), folds)])
    assert found.folds == (0.75, 0.0)
    assert found.mean == pytest.approx(0.375)


def test_agreement_is_averaged_over_seeds_within_a_split():
    seeds = [
        Predictions(("m0", "m1"), (fold("student", [0, 0, 1, 1]), fold("teacher", chosen)))
        for chosen in ([0, 0, 1, 1], [1, 0, 1, 1])
    ]
    assert agreement(seeds).folds == (0.875,)


def test_agreement_that_cannot_be_told():
    table = splits(cohort())
    student = predictions(cohort(), table, 1.0, 0)
    with pytest.raises(UserError, match="no predictions of the teacher"):
        agreement([student])
    with pytest.raises(UserError, match="no predictions"):
        agreement([])
    classes = ("m0", "m1")
    with pytest.raises(UserError, match="do not score the same folds"):
        agreement([Predictions(classes, (fold("student", [0], "a"), fold("teacher", [0], "a", 1)))])
    with pytest.raises(UserError, match="repeat 0, fold 0: student and teacher score other subjects"):
        agreement([Predictions(classes, (fold("student", [0], "a"), fold("teacher", [0], "b")))])
    pair = [Predictions(classes, (fold("student", [0], "a", n), fold("teacher", [0], "a", n))) for n in (0, 1)]
    with pytest.raises(UserError, match="seeds of a method have different folds"):
        agreement(pair)
