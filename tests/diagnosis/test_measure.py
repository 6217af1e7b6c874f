"""The figures, against values worked out by hand or by scikit-learn."""

from dataclasses import replace

import numpy as np
import pytest
from sklearn.metrics import log_loss, r2_score, roc_auc_score

from xdistill.diagnosis import Diagnosis
from xdistill.diagnosis.chart import diagnosis_chart
from xdistill.diagnosis.measure import Material, explained_variance, measure, rank_correlation
from xdistill.diagnosis.page import lines
from xdistill.diagnosis.verdict import advice_of
from xdistill.recipe.schema.crossval import Crossval
from xdistill.stats import FoldPredictions, Predictions
from xdistill.stats.power import smallest_difference
from xdistill.tasks import Classification, Regression, Survival

CLASSES = ("no", "yes")


def fold(role, number, target, positive):
    chances = np.column_stack([1 - np.asarray(positive), positive])
    subjects = tuple(f"s{number}{row}" for row in range(len(target)))
    return FoldPredictions(role, 0, number, subjects, np.asarray(target), chances)


def folds(role, seed, noise, number=2, size=20):
    generator = np.random.default_rng(seed)
    made = []
    for index in range(number):
        target = np.arange(size) % 2
        made.append(fold(role, index, target, 1 / (1 + np.exp(2 - 4 * target + noise * generator.normal(size=size)))))
    return tuple(made)


def material(alone, imitation=None, taught=None, *, task=CLASSES, **changes):
    keys = [(one.repeat, one.fold) for one in alone if one.role == "student"]
    subjects = {subject for one in alone for subject in one.subjects}
    given = {
        "alone": Predictions(task, tuple(alone)),
        "imitation": None if imitation is None else Predictions(task, tuple(imitation)),
        "taught": None if taught is None else Predictions(task, tuple(taught)),
        "fingerprint": "f",
        "split_hash": "h",
        "train_sizes": dict.fromkeys(keys, 20),
        "patients": {subject: subject for subject in subjects},
        "shares": dict.fromkeys(keys, np.array([0.5, 0.5])),
        "tasks": dict.fromkeys(keys, Classification(CLASSES)),
        "crossval": Crossval(folds=2),
        "single_test": 0,
    }
    return Material(**{**given, **changes})


def test_lead_and_calibration():
    student, teacher = folds("student", 0, 4.0), folds("teacher", 1, 2.0)
    found = measure(material((*student, *teacher)))
    areas = [
        np.mean([roc_auc_score(one.target, one.probabilities[:, 1]) for one in role]) for role in (teacher, student)
    ]
    assert (found.teacher, found.student) == pytest.approx(areas)
    assert found.lead.estimate == pytest.approx(areas[0] - areas[1])
    assert found.lead.low < found.lead.estimate < found.lead.high
    target = np.concatenate([one.target for one in teacher])
    chances = np.concatenate([one.probabilities for one in teacher])
    assert found.calibration.log_loss == pytest.approx(log_loss(target, chances))
    assert found.calibration.prevalence_log_loss == pytest.approx(np.log(2))
    assert found.calibration.scaled_log_loss <= found.calibration.log_loss
    assert (found.subjects, found.patients, found.folds, found.fidelity) == (40, 40, 2, None)


def test_power_is_that_of_the_recipe_s_own_splits():
    student, teacher = folds("student", 0, 4.0), folds("teacher", 1, 2.0)
    found = measure(material((*student, *teacher), crossval=Crossval(folds=2, repeats=3)))
    deviation = max(found.lead.deviation, found.lead.error * np.sqrt(2))
    assert found.power.own == pytest.approx(smallest_difference(deviation, splits=6, test_share=1.0))
    assert found.power.ten == pytest.approx(smallest_difference(deviation, splits=20, test_share=1.0))
    assert found.power.splits == "3x2"
    assert found.power.patients == int(np.ceil(40 * (found.power.ten / found.lead.estimate) ** 2))


def test_power_of_an_official_split_depends_on_its_test_part():
    both = (*folds("student", 0, 4.0), *folds("teacher", 1, 2.0))
    small, large = (
        measure(material(both, crossval=Crossval(official=True), single_test=size)).power for size in (40, 160)
    )
    assert (small.splits, small.ten, small.tested) == ("one test part", None, 40)
    assert small.own == pytest.approx(2 * large.own)


def test_power_of_given_folds_depends_on_the_share_that_they_test():
    both = (*folds("student", 0, 4.0), *folds("teacher", 1, 2.0))
    sizes = {(0, 0): 200, (0, 1): 100}
    crossval = Crossval(by="site", tested=("a", "b"))
    found = measure(material(both, crossval=crossval, train_sizes=sizes))
    deviation = max(found.lead.deviation, found.lead.error * np.sqrt(2))
    assert found.power.own == pytest.approx(smallest_difference(deviation, splits=2, test_share=0.15))
    assert (found.power.splits, found.power.ten) == ("1x2", None)


def test_patients_are_needed_only_for_a_gain_that_is_expected():
    better, worse = folds("student", 2, 3.0), folds("student", 3, 9.0)
    both = (*folds("student", 0, 4.0), *folds("teacher", 1, 2.0))
    found = [measure(material(both, both[:2], taught)) for taught in (better, worse)]
    assert [one.room.gain.estimate > 0 for one in found] == [True, False]
    assert [one.power.patients is not None for one in found] == [True, False]


def test_fidelity_of_a_student_that_repeats_the_teacher():
    student, teacher = folds("student", 0, 4.0), folds("teacher", 1, 2.0)
    same = tuple(fold("student", one.fold, one.target, one.probabilities[:, 1]) for one in teacher)
    found = measure(material((*student, *teacher), same))
    assert found.fidelity.r2 == pytest.approx(1)
    assert found.fidelity.rank == pytest.approx(1)
    assert found.fidelity.r2_alone < 1
    assert found.fidelity.gain == found.lead
    assert found.fidelity.visible is None or found.fidelity.visible == pytest.approx(1)


def test_room_is_that_of_the_taught_student():
    student, teacher, taught = folds("student", 0, 4.0), folds("teacher", 1, 2.0), folds("student", 2, 3.0)
    found = measure(material((*student, *teacher), student, taught, crossval=Crossval(folds=2, repeats=3)))
    areas = [roc_auc_score(one.target, one.probabilities[:, 1]) for one in taught]
    assert found.room.score == pytest.approx(np.mean(areas))
    assert found.room.gain.estimate == pytest.approx(np.mean(areas) - found.student)
    assert found.fidelity.gain.estimate == 0
    deviation = max(found.room.gain.deviation, found.room.gain.error * np.sqrt(2))
    assert found.power.own == pytest.approx(smallest_difference(deviation, splits=6, test_share=1.0))
    assert dict(lines(Diagnosis("r", "possible", (), found, quick=False, runs=())))["with teacher - alone"]
    chart = diagnosis_chart(found)
    assert f"student of labels and teacher {found.amount(found.room.gain.estimate, '+')}" in chart
    assert "student that imitates the teacher" in chart


def test_a_unit_with_a_control_character_is_drawn():
    target = np.arange(12.0)[:, None]
    subjects = tuple(f"s{row}" for row in range(12))
    alone = [
        FoldPredictions(role, 0, number, subjects, target, target + error)
        for number in (0, 1)
        for role, error in (("student", 3.0), ("teacher", 1.0))
    ]
    keys = [(0, 0), (0, 1)]
    task = Regression(("a",), ("mg\a/L",))
    changes = {"shares": dict.fromkeys(keys, np.array([5.5])), "tasks": dict.fromkeys(keys, task.fitted(target))}
    assert "mg /L" in diagnosis_chart(measure(material(alone, task=task, **changes)))


def test_subjects_that_the_teacher_does_not_score_count_for_nothing():
    student, teacher = folds("student", 0, 4.0), folds("teacher", 1, 2.0)
    few = tuple(
        FoldPredictions(one.role, 0, one.fold, one.subjects[:10], one.target[:10], one.probabilities[:10])
        for one in teacher
    )
    found = measure(material((*student, *few)))
    assert found.subjects == 20
    areas = [roc_auc_score(one.target[:10], one.probabilities[:10, 1]) for one in student]
    assert found.student == pytest.approx(np.mean(areas))


def test_explained_variance_is_scikit_learn_s_within_a_fold():
    (teacher,), (student,) = folds("teacher", 1, 2.0, number=1), folds("student", 0, 4.0, number=1)
    expected = r2_score(teacher.probabilities, student.probabilities, multioutput="variance_weighted")
    assert explained_variance([teacher], [student], Classification(CLASSES)) == pytest.approx(expected)


def test_constant_outputs():
    teacher = fold("teacher", 0, [0, 1], [0.5, 0.5])
    student = fold("student", 0, [0, 1], [0.2, 0.7])
    assert explained_variance([teacher], [student], Classification(CLASSES)) == 0
    assert rank_correlation([teacher], [student]) == 0


def test_errors_are_better_if_lower_and_are_in_their_unit():
    target = np.arange(12.0)[:, None]
    task = Regression(("a",), ("mg/L",))
    subjects = tuple(f"s{row}" for row in range(12))
    alone = [
        FoldPredictions(role, 0, number, subjects[rows], target[rows], target[rows] + error)
        for number, rows in enumerate((slice(6), slice(6, 12)))
        for role, error in (("student", [[3.0]] * 5 + [[4.2]]), ("teacher", [[1.0]] * 5 + [[1.6]]))
    ]
    keys = [(0, 0), (0, 1)]
    imitation = [replace(one, probabilities=one.probabilities - 0.1) for one in alone if one.role == "student"]
    changes = {
        "shares": dict.fromkeys(keys, np.array([5.5])),
        "tasks": dict.fromkeys(keys, task.fitted(target)),
    }
    found = measure(material(alone, imitation, task=task, **changes))
    assert (found.teacher, found.student, found.lead.estimate) == pytest.approx((1.1, 3.2, 2.1))
    assert found.lead.low > 0
    assert found.fidelity.gain.estimate == pytest.approx(0.1)
    # Squared errors in variances of the targets, 143/12: of the teacher, and of the constant prediction 5.5.
    assert found.calibration.log_loss == pytest.approx((5 + 1.6**2) / 6 / (143 / 12))
    assert found.calibration.prevalence_log_loss == pytest.approx(1)
    assert (found.calibration.ece, found.calibration.temperature) == (None, None)
    shown = dict(lines(Diagnosis("r", "possible", (), found, quick=False, runs=())))
    assert shown["student - teacher"].startswith("+2.1 mg/L (+")
    assert "Better than the student alone, mg/L" in diagnosis_chart(found)


def test_risks_of_coxs_model_have_an_order_alone():
    target = np.column_stack([np.arange(1.0, 9.0), np.ones(8)])
    subjects = tuple(f"s{row}" for row in range(8))
    risks = {"teacher": -target[:, :1], "student": np.cos(target[:, :1])}
    alone = [FoldPredictions(role, 0, fold, subjects, target, risk) for role, risk in risks.items() for fold in (0, 1)]
    imitation = [replace(one, role="student", probabilities=9 * one.probabilities) for one in alone[:2]]
    found = measure(material(alone, imitation, task=Survival()))
    assert found.teacher == 1
    assert found.calibration is None
    assert (found.fidelity.r2, found.fidelity.rank, found.fidelity.gain) == (None, 1, found.lead)
    advice = " ".join(advice_of(found, "promising", cross_fitted=False, quick=False))
    assert "confident" not in advice
    assert "constant prediction" not in advice
