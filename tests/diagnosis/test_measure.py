"""The figures, against values worked out by hand or by scikit-learn."""

import numpy as np
import pytest
from sklearn.metrics import log_loss, r2_score, roc_auc_score

from xdistill.diagnosis.measure import Material, explained_variance, measure, rank_correlation
from xdistill.recipe.schema.crossval import Crossval
from xdistill.stats import FoldPredictions, Predictions
from xdistill.stats.power import smallest_difference

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


def material(alone, imitation=None, **changes):
    keys = [(one.repeat, one.fold) for one in alone if one.role == "student"]
    subjects = {subject for one in alone for subject in one.subjects}
    given = {
        "alone": Predictions(CLASSES, alone),
        "imitation": None if imitation is None else Predictions(CLASSES, imitation),
        "fingerprint": "f",
        "split_hash": "h",
        "train_sizes": dict.fromkeys(keys, 20),
        "patients": {subject: subject for subject in subjects},
        "shares": dict.fromkeys(keys, np.array([0.5, 0.5])),
        "crossval": Crossval(folds=2),
        "official_test": 0,
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
        measure(material(both, crossval=Crossval(official=True), official_test=size)).power for size in (40, 160)
    )
    assert (small.splits, small.ten) == ("official", None)
    assert small.own == pytest.approx(2 * large.own)


def test_fidelity_of_a_student_that_repeats_the_teacher():
    student, teacher = folds("student", 0, 4.0), folds("teacher", 1, 2.0)
    same = tuple(fold("student", one.fold, one.target, one.probabilities[:, 1]) for one in teacher)
    found = measure(material((*student, *teacher), same))
    assert found.fidelity.r2 == pytest.approx(1)
    assert found.fidelity.rank == pytest.approx(1)
    assert found.fidelity.r2_alone < 1
    assert found.fidelity.gain == found.lead
    assert found.fidelity.visible is None or found.fidelity.visible == pytest.approx(1)


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
    assert explained_variance([teacher], [student]) == pytest.approx(expected)


def test_constant_outputs():
    teacher = fold("teacher", 0, [0, 1], [0.5, 0.5])
    student = fold("student", 0, [0, 1], [0.2, 0.7])
    assert explained_variance([teacher], [student]) == 0
    assert rank_correlation([teacher], [student]) == 0
