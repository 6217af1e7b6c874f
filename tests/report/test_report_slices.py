import base64
import io
from collections import Counter

import numpy as np
import pytest
from PIL import Image

from report.toy_cohort import make_cohort
from report.toy_run import make_run
from xdistill.report.figures import slices_figure
from xdistill.report.slices import choose_cases, middle_slices, png_uri
from xdistill.runs import Run
from xdistill.stats import FoldPredictions, Predictions


def run_of(tmp_path, target: list[int], named: list[int]) -> Run:
    run = make_run(tmp_path)
    probabilities = np.full((len(target), 3), 0.1)
    probabilities[np.arange(len(target)), named] = 0.8
    subjects = tuple(f"s{index}" for index in range(len(target)))
    fold = FoldPredictions("student", 0, 0, subjects, np.array(target), probabilities)
    run.__dict__["predictions"] = Predictions(run.classes, (fold,))
    return run


def test_classes_take_turns_among_right_and_wrong(tmp_path):
    run = run_of(tmp_path, [0, 0, 0, 1, 1, 2, 2, 0], [0, 0, 0, 1, 0, 2, 1, 2])
    cases = choose_cases(run)
    assert [case.subject for case in cases] == ["s0", "s3", "s5", "s7", "s4", "s6"]
    assert [case.right for case in cases] == [True] * 3 + [False] * 3
    assert cases[4].predicted == 0
    assert cases[4].probability == 0.8


@pytest.mark.parametrize(("named", "expected"), [([0] * 8, (6, 0)), ([1] + [0] * 7, (5, 1)), ([1] * 7 + [0], (1, 5))])
def test_one_half_fills_up_the_other(tmp_path, named, expected):
    counts = Counter(case.right for case in choose_cases(run_of(tmp_path, [0] * 8, named)))
    assert (counts[True], counts[False]) == expected


def test_a_subject_is_shown_once_however_many_repeats(tmp_path):
    cases = choose_cases(make_run(tmp_path, repeats=3, subjects=12, folds=2, signal=0.1))
    assert len({case.subject for case in cases}) == len(cases) == 6


def test_the_middle_of_the_volume_is_shown(tmp_path):
    cohort = make_cohort(tmp_path, subjects=6, absent=(4,))
    slices = middle_slices(cohort, ["subject-005", "subject-004"])
    assert list(slices) == ["hbp", "pre"]
    assert slices["hbp"][0] == pytest.approx(cohort.values("hbp", [5])[0, 0, 2])
    assert slices["pre"][1] is None


def test_a_slice_becomes_a_png_from_black_to_white():
    uri = png_uri(np.linspace(-3.0, 5.0, 400).reshape(20, 20))
    pixels = np.asarray(Image.open(io.BytesIO(base64.b64decode(uri.removeprefix("data:image/png;base64,")))))
    assert pixels.shape == (20, 20)
    assert (pixels[0, 0], pixels[-1, -1]) == (0, 255)
    assert (np.diff(pixels.ravel().astype(int)) >= 0).all()


def test_constant_and_huge_slices_are_fine():
    assert png_uri(np.zeros((4, 4))).startswith("data:image/png")
    large = Image.open(io.BytesIO(base64.b64decode(png_uri(np.zeros((1200, 600))).partition(",")[2])))
    assert large.size == (200, 400)


def test_figure_has_a_row_a_subject_and_names_nobody_unasked(tmp_path):
    cohort = make_cohort(tmp_path / "cache", subjects=30)
    run = make_run(tmp_path / "run", subjects=30)
    figure = slices_figure(run, cohort)
    assert figure is not None
    assert len(figure.axes) == 12
    titles = [axes.get_title(loc="left") for axes in figure.axes]
    assert titles[0].startswith("right: true MVI 0, predicted MVI 0 (")
    assert not any("subject-" in title for title in titles)
    named = slices_figure(run, cohort, show_subjects=True)
    assert named is not None
    assert "subject-" in named.axes[0].get_title(loc="left")


def test_vectors_have_no_slices(tmp_path):
    cohort = make_cohort(tmp_path / "cache", subjects=30, images=False)
    assert slices_figure(make_run(tmp_path / "run", subjects=30), cohort) is None
