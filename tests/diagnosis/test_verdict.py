"""What follows from the figures."""

import pytest

from xdistill.diagnosis.figures import Advantage, Calibration, Fidelity, Figures, Power, Room
from xdistill.diagnosis.verdict import VERDICTS, advice_of, verdict_of


def advantage(estimate, half=0.02):
    return Advantage(estimate, estimate - half, estimate + half, None, 0.01)


def figures(lead, gain=None, *, temperature=1.0, log_loss=0.4, own=0.01, ten=0.005, patients=None):
    fidelity = None if gain is None else Fidelity(0.5, 0.5, 0.4, 0.4, 0.8, advantage(gain), None)
    return Figures(
        metric="auc_ovo",
        subjects=100,
        patients=100,
        folds=5,
        teacher=0.9,
        student=0.8,
        lead=advantage(lead),
        calibration=Calibration(log_loss, 0.69, 0.05, temperature, 0.4),
        fidelity=fidelity,
        room=None if gain is None else Room(0.8, advantage(gain)),
        power=Power(own, "one test part" if ten is None else "1x5", ten, 100, patients),
    )


@pytest.mark.parametrize(
    ("lead", "gain", "expected"),
    [
        (0.05, 0.03, "promising"),
        (-0.01, 0.03, "promising"),
        (0.05, 0.01, "possible"),
        (0.05, None, "possible"),
        (0.05, -0.01, "possible"),
        (0.05, -0.011, "small"),
        (0.01, 0.01, "possible"),
        (0.01, -0.02, "unclear"),
        (0.01, None, "unclear"),
        (0.0, 0.0, "possible"),
        (0.0, -0.02, "nothing"),
        (-0.05, None, "nothing"),
    ],
)
def test_verdict(lead, gain, expected):
    assert verdict_of(figures(lead, gain)) == expected


@pytest.mark.parametrize(
    ("lead", "gain", "expected"),
    [(0.05, 0.03, "promising"), (0.05, -0.02, "small"), (0.01, 0.01, "undecided"), (-0.08, None, "undecided")],
)
def test_a_quick_diagnosis_never_says_that_the_teacher_is_no_better(lead, gain, expected):
    assert verdict_of(figures(lead, gain), quick=True) == expected


def test_a_gain_that_the_test_cannot_show_is_small():
    assert verdict_of(figures(0.05, 0.01, own=0.04)) == "small"


def advice(found, *, cross_fitted=False, quick=False):
    return advice_of(found, verdict_of(found), cross_fitted=cross_fitted, quick=quick)


def test_a_clear_case_needs_no_advice():
    assert advice(figures(0.05, 0.03)) == (f"{VERDICTS['promising']}.",)


def test_a_small_test_set():
    found = advice(figures(0.05, 0.03, own=0.04, ten=0.035, patients=140))
    assert found[1:] == (
        (
            "Your test set cannot show a gain of less than 4.0 points with 1x5 folds: use 10x5 folds (3.5 points) or "
            "more patients."
        ),
        "To show a gain of 3.0 points, about 140 patients are needed.",
    )


def test_an_official_split_has_no_repeats():
    assert advice(figures(0.05, 0.03, own=0.04, ten=None, patients=140))[1:] == (
        "Your test set cannot show a gain of less than 4.0 points: use more test patients.",
        "To show a gain of 3.0 points, about 140 test patients are needed.",
    )


@pytest.mark.parametrize(("lead", "gain", "own"), [(0.05, -0.03, 0.01), (0.01, -0.03, 0.0004), (0.01, -0.03, 0.02)])
def test_a_test_that_shows_enough_needs_no_advice(lead, gain, own):
    said = any("test set" in sentence for sentence in advice(figures(lead, gain, own=own)))
    assert said is (own == 0.02)


def test_nothing_to_distil_needs_no_larger_test():
    found = advice(figures(-0.01, -0.03, own=0.04, patients=140))
    assert found[0] == f"{VERDICTS['nothing']}."
    assert not any("test set" in sentence or "patients" in sentence for sentence in found)


def test_a_lead_of_which_little_arrives():
    assert "passes on little of the lead" in advice(figures(0.2, -0.01, own=0.04))[1]
    assert "passes on little" not in " ".join(advice(figures(0.05, 0.0, own=0.04)))


def test_a_badly_calibrated_teacher():
    assert "or use `cross_fit` if" in advice(figures(0.05, 0.03, temperature=2.0))[1]
    assert "cross_fit" not in advice(figures(0.05, 0.03, temperature=2.0), cross_fitted=True)[1]
    assert "underconfident (temperature 0.50)" in advice(figures(0.05, 0.03, temperature=0.5))[1]
    assert advice(figures(0.05, 0.03, log_loss=0.7))[1].endswith("constant prediction (log loss 0.700 against 0.690).")
    assert "they may mislead the student" in " ".join(advice(figures(0.05, 0.01, log_loss=0.7)))


@pytest.mark.parametrize(("lead", "gain", "said"), [(-0.01, 0.03, True), (0.01, 0.01, True), (0.05, 0.03, False)])
def test_a_gain_without_a_better_teacher_may_be_that_of_soft_labels(lead, gain, said):
    assert any("--with-controls" in sentence for sentence in advice(figures(lead, gain))) is said


def test_a_quick_diagnosis_says_so():
    assert "--quick" in advice(figures(0.05, 0.03), quick=True)[-1]
