import warnings

import matplotlib as mpl
import numpy as np
import pytest
from matplotlib.colors import to_rgba
from sklearn.metrics import roc_curve

from report.page_parts import PageParts
from report.toy_run import OFFLINE, make_run
from xdistill.errors import RunError
from xdistill.report.confusion import confusion_counts
from xdistill.report.figures import (
    confusion_figure,
    folds_figure,
    learning_curves_figure,
    reliability_figure,
    roc_figure,
)
from xdistill.report.learning import loss_terms, stage_spans, term_curve
from xdistill.report.palette import STUDENT, TEACHER
from xdistill.report.picture import new_picture, shorten, svg_markup, write
from xdistill.report.roc import GRID, pair_curve, roc_points
from xdistill.runs import HistoryRow
from xdistill.stats import FoldPredictions, pairwise_auc

ALL = (roc_figure, confusion_figure, reliability_figure, learning_curves_figure, folds_figure)


def test_curve_of_a_pair_by_hand():
    # Both directions separate their two subjects: straight up, then along the top.
    fold = FoldPredictions("student", 0, 0, ("s", "t"), np.array([0, 1]), np.array([[0.9, 0.1, 0], [0.2, 0.8, 0]]))
    assert pair_curve(fold, (0, 1)).tolist() == [1.0] * len(GRID)
    # One direction separates, in the other the two are tied, which is the diagonal.
    tied = FoldPredictions("student", 0, 0, ("s", "t"), np.array([0, 1]), np.array([[0.9, 0.1, 0], [0.2, 0.1, 0.7]]))
    assert pair_curve(tied, (0, 1)) == pytest.approx((1 + GRID) / 2)


def test_curve_of_two_classes_is_that_of_the_second(tmp_path):
    run = make_run(tmp_path, classes=("no", "yes"), subjects=80, folds=2)
    fold = run.predictions.of("student")[0]
    false_rate, true_rate, _ = roc_curve(fold.target, fold.probabilities[:, 1], drop_intermediate=False)
    assert pair_curve(fold, (0, 1)) == pytest.approx(np.interp(GRID, false_rate, true_rate))
    (axes,) = roc_figure(run).axes
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("1 - specificity", "sensitivity")
    assert axes.get_title(loc="left") == "positive class: yes"


def test_the_student_is_drawn_over_the_teacher(tmp_path):
    (axes,) = reliability_figure(make_run(tmp_path)).axes
    dots = {tuple(dots.get_facecolor()[0]): dots.get_zorder() for dots in axes.collections}
    assert dots[to_rgba(STUDENT)] > dots[to_rgba(TEACHER)]


def test_points_are_those_of_scikit_learn():
    generator = np.random.default_rng(0)
    score = generator.integers(0, 10, size=50) / 10
    positive = generator.random(50) < 0.4
    false_rate, true_rate, _ = roc_curve(positive, score, drop_intermediate=False)
    found = roc_points(positive, score)
    assert found[0] == pytest.approx(false_rate)
    assert found[1] == pytest.approx(true_rate)


def test_area_below_a_curve_is_the_pairs_auc(tmp_path):
    run = make_run(tmp_path, subjects=300, folds=2)
    fold = run.predictions.of("student")[0]
    expected = pairwise_auc(fold.target, fold.probabilities, run.classes)["MVI 0 vs MVI 2"]
    assert np.trapezoid(pair_curve(fold, (0, 2)), GRID) == pytest.approx(expected, abs=0.01)


def test_confusion_counts_everyone_once(tmp_path):
    run = make_run(tmp_path, subjects=90)
    counts = confusion_counts(run)
    assert counts.sum(axis=1).tolist() == [30, 30, 30]
    hits = sum((fold.probabilities.argmax(axis=1) == fold.target).sum() for fold in run.predictions.of("student"))
    assert counts.trace() == hits


def test_stages_lie_one_after_the_other():
    rows = [
        HistoryRow("r0-f0", "alone", 1, {"total": 2.0, "focal:teacher": 1.0}),
        HistoryRow("r0-f0", "alone", 2, {"total": 1.0, "focal:teacher": 0.5}),
        HistoryRow("r0-f0", "distil", 1, {"total": 3.0, "class_kl": 0.25}),
        HistoryRow("r0-f1", "alone", 1, {"total": 4.0, "focal:teacher": 3.0}),
        HistoryRow("r0-f1", "alone", 2, {"total": 2.0, "focal:teacher": 1.5}),
        HistoryRow("r0-f1", "distil", 1, {"total": 5.0, "class_kl": 0.75}),
    ]
    alone, distil = stage_spans(rows)
    assert (alone.name, alone.before, alone.epochs) == ("alone", 0, 2)
    assert (distil.name, distil.before, distil.epochs) == ("distil", 2, 1)
    curve = term_curve(rows, alone, "focal:teacher")
    assert curve is not None
    assert curve.epoch.tolist() == [1, 2]
    assert curve.mean.tolist() == [2.0, 1.0]
    assert (curve.low.tolist(), curve.high.tolist()) == ([1.0, 0.5], [3.0, 1.5])
    assert term_curve(rows, distil, "focal:teacher") is None


def test_only_losses_are_drawn(tmp_path):
    run = make_run(tmp_path, stages=OFFLINE)
    assert loss_terms(run) == ("total", "focal:teacher", "focal:student", "class_kl")
    assert len(learning_curves_figure(run).axes) == 4


def test_a_run_without_history_says_so(tmp_path):
    run = make_run(tmp_path, stages=())
    with pytest.raises(RunError, match=r"no history\.csv with losses"):
        learning_curves_figure(run)


@pytest.mark.parametrize(
    "shape",
    [
        {"classes": ("no", "yes")},
        {"classes": tuple(f"a long name of class {index}" for index in range(6)), "folds": 2},
        {"folds": 1},
        {"repeats": 11, "folds": 2, "teacher": False},
        {"synthetic": False, "stages": (("joint", ("focal:student",), 1),)},
        {"classes": ("$\\frac{$", "一二", "a\nb\x07")},
    ],
    ids=["two classes", "six classes", "one fold", "many folds, no teacher", "one epoch", "strange names"],
)
def test_every_figure_can_be_drawn(tmp_path, shape):
    run = make_run(tmp_path, **shape)
    for draw in ALL:
        PageParts(svg_markup(draw(run), prefix="x", alt="a"))


def test_global_settings_are_left_alone(tmp_path):
    before = dict(mpl.rcParams)
    run = make_run(tmp_path)
    for draw in ALL:
        svg_markup(draw(run), prefix="x", alt="a")
    assert dict(mpl.rcParams) == before


def test_svg_follows_the_page(tmp_path):
    markup = svg_markup(folds_figure(make_run(tmp_path)), prefix="folds", alt='a "b" <c>')
    assert markup == svg_markup(folds_figure(make_run(tmp_path / "again")), prefix="folds", alt='a "b" <c>')
    parts = PageParts(markup)
    ((_, root),) = [part for part in parts.tags if part[0] == "svg"]
    assert root["role"] == "img"
    assert root["aria-label"] == 'a "b" <c>'
    assert "var(--student)" in markup
    assert "#0072b2" not in markup
    assert "http" not in markup
    ids = {attributes["id"] for _, attributes in parts.tags if "id" in attributes}
    used = {attributes["href"].removeprefix("#") for _, attributes in parts.tags if attributes.get("href")}
    assert used <= ids
    assert all(name.startswith("folds-") for name in ids)
    assert "macro one-versus-one AUC of a fold, %" in parts.text


def test_text_in_a_picture_is_never_mathematics_or_markup():
    picture, (axes,) = new_picture(1, 1)
    write(axes, 0.5, 0.5, "$x^2$ <b>fill: #0072b2</b>")
    assert PageParts(svg_markup(picture, prefix="p", alt="")).text.count("$x^2$ <b>fill: #0072b2</b>") == 1


def test_names_are_shortened_to_one_line():
    assert shorten("MVI 1") == "MVI 1"
    assert shorten("a\n b\x00c") == "a b c"
    assert shorten("abcdefghij", most=5) == "abcd…"


def test_notebooks_show_a_picture_without_pyplot(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert folds_figure(make_run(tmp_path))._repr_png_().startswith(b"\x89PNG")
