"""Methods against a reference, from predictions to the row of a table."""

from dataclasses import replace

import numpy as np
import pytest

from stats.compare_toys import method
from xdistill.errors import UserError
from xdistill.stats import (
    METRICS,
    Interval,
    Row,
    Summary,
    align,
    compare,
    corrected_resampled_t,
    holm,
    is_bold,
    is_significant,
    observed_scores,
)


@pytest.fixture(scope="module")
def methods():
    return [
        method("reference", 1.0, seeds=(0,), repeats=4),
        method("same", 1.0, seeds=(1,), repeats=4),
        method("better", 3.0, seeds=(2,), repeats=4),
        method("worse", 0.0, seeds=(3,), repeats=4),
    ]


@pytest.fixture(scope="module")
def table(methods):
    return compare(methods, reference="reference", resamples=300)


def test_a_row_for_every_method_and_metric(table):
    assert list(table) == ["auc_ovo", "f1_macro", "accuracy"]
    for metric, rows in table.items():
        assert [row.method for row in rows] == ["reference", "same", "better", "worse"]
        assert all(row.metric == metric for row in rows)
        assert rows[0].against is None


def test_scores_are_over_splits(table, methods):
    row = table["accuracy"][2]
    expected = [
        METRICS["accuracy"](fold.target, fold.probabilities, ("m0", "m1", "m2"))
        for fold in methods[2].seeds[0].of("student")
    ]
    assert row.scores.folds == pytest.approx(expected)
    assert row.interval.estimate == pytest.approx(row.scores.mean)
    assert row.interval.low < row.scores.mean < row.interval.high


def test_differences_are_tested_and_adjusted(table):
    rows = table["auc_ovo"]
    for row in rows[1:]:
        differences = np.subtract(row.scores.folds, rows[0].scores.folds)
        assert row.against.reference == "reference"
        assert row.against.splits == pytest.approx(differences)
        assert row.against.difference.estimate == pytest.approx(differences.mean())
        assert row.against.test == corrected_resampled_t(row.against.splits, 0.5)  # 20 tested, 40 trained on
        assert row.against.paper_compat.degrees == 2  # the three folds of the first repeat
        assert row.against.paper_compat.difference == pytest.approx(differences[:3].mean())
    adjusted = holm([row.against.test.p_value for row in rows[1:]])
    assert tuple(row.against.p_holm for row in rows[1:]) == adjusted


def test_bold_is_what_is_better_and_significant(table):
    same, better, worse = table["auc_ovo"][1:]
    assert [is_significant(row) for row in (same, better, worse)] == [False, True, True]
    assert [is_bold(row) for row in (same, better, worse)] == [False, True, False]
    assert better.against.difference.low > 0 > worse.against.difference.high
    assert same.against.difference.low < 0 < same.against.difference.high


@pytest.mark.parametrize(("p_holm", "bold"), [(0.049, True), (0.05, False), (0.2, False), (1.0, False)])
def test_nothing_is_bold_unless_its_adjusted_p_is_small_enough(table, p_holm, bold):
    better = table["auc_ovo"][2]
    assert better.against.test.p_value < 0.05
    assert is_bold(replace(better, against=replace(better.against, p_holm=p_holm))) is bold


def test_the_reference_is_never_bold():
    row = Row("reference", "auc_ovo", Summary.of([1.0, 1.0]), Interval(1.0, 1.0, 1.0), None)
    assert not is_bold(row)
    assert not is_significant(row)


def test_a_method_and_its_twin_do_not_differ(methods):
    twin = replace(methods[0], name="twin")
    rows = compare([methods[0], twin], reference="reference", metrics=["auc_ovo"], resamples=50)["auc_ovo"]
    against = rows[1].against
    assert (against.difference.low, against.difference.estimate, against.difference.high) == (0, 0, 0)
    assert against.p_holm == 1
    assert not against.test.defined
    assert not is_bold(rows[1])


def test_seeds_are_averaged_within_a_split_and_not_counted():
    one, three = method("reference"), method("many seeds", 1.5, seeds=(1, 2, 3))
    row = compare([one, three], reference="reference", metrics=["auc_ovo"], resamples=50)["auc_ovo"][1]
    assert len(row.scores.folds) == 6  # splits, not splits times seeds
    assert row.against.test.degrees == 5
    singles = [replace(three, name=str(index), seeds=(seed,)) for index, seed in enumerate(three.seeds)]
    assert row.scores.folds == pytest.approx(observed_scores(align(singles), "auc_ovo").mean(axis=0))


def test_holm_counts_the_methods_of_one_comparison(methods, table):
    alone = compare([methods[0], methods[2]], reference="reference", metrics=["auc_ovo"], resamples=50)["auc_ovo"][1]
    together = table["auc_ovo"][2]
    assert alone.against.test == together.against.test
    assert alone.against.p_holm == alone.against.test.p_value
    assert together.against.p_holm > together.against.test.p_value


def test_a_single_fold_a_repeat_has_no_paper_compat():
    # Two repeats of one fold each: hold-out splits.
    entries = []
    for entry in (method("reference", seeds=(0,)), method("other", seeds=(1,))):
        folds = tuple(fold for fold in entry.seeds[0].folds if fold.fold == 0)
        entries.append(replace(entry, seeds=(replace(entry.seeds[0], folds=folds),)))
    row = compare(entries, reference="reference", resamples=50)["auc_ovo"][1]
    assert row.against.paper_compat is None
    assert row.against.test.degrees == 1


def test_what_cannot_be_asked(methods):
    with pytest.raises(
        UserError, match=r"the reference 'kd' is not one of the methods \(reference, same, better, worse\)"
    ):
        compare(methods, reference="kd")
    with pytest.raises(UserError, match="by 'ece'; choose from auc_ovo, f1_macro, accuracy"):
        compare(methods, reference="same", metrics=["ece"])
    with pytest.raises(UserError, match=r"level of an interval .* got 95"):
        compare(methods, reference="same", level=95)
    with pytest.raises(UserError, match="splits-b"):
        compare([*methods[:2], replace(methods[2], split_hash="splits-b")], reference="same")
    single = [replace(entry, seeds=(replace(entry.seeds[0], folds=entry.seeds[0].folds[:1]),)) for entry in methods[:2]]
    with pytest.raises(UserError, match="at least two splits, but there is 1"):
        compare(single, reference="same", resamples=10)
