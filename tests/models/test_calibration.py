"""Temperature, prediction sets and thresholds: by hand, against crepes and scikit-learn, and by simulation."""

import json
import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_curve
from sklearn.model_selection import cross_val_predict

from report.toy_run import make_run
from xdistill.errors import ModelError, UserError
from xdistill.models.calibration import Calibration, ClassScores, Conformal, OperatingCurve, OutOfFold, relative_spread
from xdistill.models.calibration.temperature import fit_temperature, scaled


def out_of_fold(targets, probabilities, patients=None):
    targets = np.asarray(targets)
    patients = np.arange(len(targets)) if patients is None else np.asarray(patients)
    return OutOfFold(targets, np.asarray(probabilities, dtype=float), patients)


def binary(scores):
    return np.stack([1 - np.asarray(scores), scores], axis=1)


def drawn(seed, subjects=120, classes=3, signal=1.0):
    generator = np.random.default_rng(seed)
    targets = np.arange(subjects) % classes
    logits = signal * np.eye(classes)[targets] + generator.normal(size=(subjects, classes))
    return out_of_fold(targets, scaled(np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True), 1.0))


def test_temperature_makes_overconfident_predictions_as_sure_as_they_are_right():
    # 9 of 10 subjects who were given 0.99 are right, so that 0.9 is what they should be given: odds of 9 in place of
    # 99, and a temperature of ln 99 / ln 9.
    targets = np.array([1] * 9 + [0])
    probabilities = binary(np.full(10, 0.99))
    temperature = fit_temperature(targets, probabilities, np.ones(10))
    assert temperature == pytest.approx(np.log(99) / np.log(9), rel=1e-5)
    assert scaled(probabilities, temperature)[:, 1] == pytest.approx(0.9, abs=1e-6)


def test_temperature_keeps_the_order_and_stays_finite_without_an_error():
    data = drawn(0)
    assert (scaled(data.probabilities, 3.0).argmax(axis=1) == data.probabilities.argmax(axis=1)).all()
    perfect = binary(np.array([0.1, 0.9]))
    assert 0.05 <= fit_temperature(np.array([0, 1]), perfect, np.ones(2)) < 0.1


def test_a_patient_counts_once():
    # The patient with three subjects is wrong each time; as one of ten patients he is worth a tenth.
    targets = np.array([1] * 9 + [0, 0, 0])
    data = out_of_fold(targets, binary(np.full(12, 0.99)), patients=[*range(9), 9, 9, 9])
    assert data.weights.tolist() == [1] * 9 + [1 / 3] * 3
    assert fit_temperature(targets, data.probabilities, data.weights) == pytest.approx(np.log(99) / np.log(9), rel=1e-5)


def test_thresholds_of_scores_by_hand():
    scores = ClassScores(scores=(0.1, 0.2, 0.2, 0.4))
    # At rank (4 + 1) x level: 2.5 lies between the equal second and third, 3.5 halfway from 0.2 to 0.4.
    assert [scores.threshold(level) for level in (0.2, 0.5, 0.7, 0.8)] == pytest.approx([0.1, 0.2, 0.3, 0.4])
    # Four subjects cannot say what 90 % of a class are like: nothing is excluded.
    assert scores.threshold(0.81) == 1.0
    # The same scores of two patients, 0.1 and 0.2 of one, 0.2 and 0.4 of the other: their ranks are 0.5, 1, 1.5 and 2.
    of_two = ClassScores(scores=(0.1, 0.2, 0.2, 0.4), weights=(0.5, 0.5, 0.5, 0.5))
    assert [of_two.threshold(level) for level in (1 / 6, 1 / 2, 1.75 / 3)] == pytest.approx([0.1, 0.2, 0.3])
    assert of_two.threshold(0.7) == 1.0


def crepes_p_values(data, new):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from crepes import ConformalClassifier
        from crepes.extras import hinge

    columns = []
    for place in range(3):
        members = data.targets == place
        fitted = ConformalClassifier().fit(hinge(data.probabilities[members], np.arange(3), data.targets[members]))
        columns.append(fitted.predict_p(hinge(new)[:, [place]], smoothing=False)[:, 0])
    return np.stack(columns, axis=1)


def test_sets_are_those_of_crepes_at_whole_ranks():
    data, new = drawn(1, 87), np.round(drawn(2, 400).probabilities, 2)
    data = OutOfFold(data.targets, np.round(data.probabilities, 2), data.patients)  # with ties
    conformal, theirs = Conformal.fit(data, ("a", "b", "c")), crepes_p_values(data, new)
    for rank in range(1, 30):  # of 29 subjects per class
        assert (conformal.sets(new, rank / 30) == (theirs > 1 - rank / 30 + 1e-9)).all()
    # In between, a set holds what crepes has at the rank below, and nothing that it lacks at the rank above.
    between = conformal.sets(new, 26.4 / 30)
    assert (between >= (theirs > 4 / 30 + 1e-9)).all()
    assert (between <= (theirs > 3 / 30 + 1e-9)).all()


def test_sets_are_exact_at_the_level():
    # Nine subjects of a class: a level of 0.9 leaves out a new subject that is stranger than all of them.
    data = out_of_fold([0] * 9 + [1] * 9, binary(np.linspace(0.1, 0.9, 18)))
    conformal = Conformal.fit(data, ("a", "b"))
    new = binary(np.array([0.999, 0.001]))
    assert conformal.sets(new, 0.9).tolist() == [[False, True], [True, False]]
    assert conformal.sets(new, 0.91).tolist() == [[True, True], [True, True]]


def test_coverage_is_the_level_for_any_number_of_subjects():
    # Uniform scores: the expected coverage is the expected threshold, for each n.
    generator = np.random.default_rng(0)
    for count in (9, 10, 13, 27):
        drawn_scores = np.sort(generator.random((4000, count)), axis=1)
        mean = np.mean([ClassScores(scores=tuple(row)).threshold(0.9) for row in drawn_scores.tolist()])
        assert mean == pytest.approx(0.9, abs=0.004)


def test_relative_spread_by_hand():
    assert relative_spread(binary(np.array([0.2, 0.8])), binary(np.array([0.2, 0.8]))) == 1
    # Odds of 4 and of 16: half of the logarithm.
    assert relative_spread(binary(np.array([1 / 5, 4 / 5])), binary(np.array([1 / 17, 16 / 17]))) == pytest.approx(0.5)
    assert relative_spread(binary(np.array([0.3, 0.6])), binary(np.array([0.5, 0.5]))) == 1


def test_a_model_with_less_spread_than_the_folds_is_calibrated_for_its_own():
    # The model's log odds are half of those of the folds, so that it needs half of their temperature.
    data = drawn(4, 300, classes=2, signal=2.0)
    plain = Calibration.fit(data, ("a", "b"))
    halved = Calibration.fit(data, ("a", "b"), spread=0.5)
    assert halved.spread == 0.5
    assert halved.temperature == pytest.approx(plain.temperature / 2, rel=1e-4)
    model = scaled(data.probabilities, 2.0)
    assert halved.apply(model) == pytest.approx(plain.apply(data.probabilities), abs=1e-4)
    assert (halved.sets(halved.apply(model), 0.9) == plain.sets(plain.apply(data.probabilities), 0.9)).mean() > 0.99


@pytest.mark.parametrize("classes", [2, 3])
def test_coverage_of_every_class(classes):
    # benchmarks/coverage.py does the same with 200 draws.
    covered = []
    for seed in range(30):
        generator = np.random.default_rng(seed)
        targets = generator.permutation(np.arange(150) % classes)
        values = np.eye(classes)[targets] + generator.normal(size=(150, classes))
        found = cross_val_predict(LogisticRegression(), values, targets, cv=5, method="predict_proba")
        calibration = Calibration.fit(out_of_fold(targets, found), tuple("abc"[:classes]))
        new = np.arange(300) % classes
        inputs = np.eye(classes)[new] + generator.normal(size=(300, classes))
        probabilities = LogisticRegression().fit(values, targets).predict_proba(inputs)
        covered.append(calibration.sets(calibration.apply(probabilities), 0.9)[np.arange(300), new].mean())
    assert 0.88 <= np.mean(covered) <= 0.92


def test_thresholds_by_hand():
    #            negatives 0.1 0.3 0.6          positives 0.4 0.7 0.8 0.9
    data = out_of_fold([0, 0, 0, 1, 1, 1, 1], binary(np.array([0.1, 0.3, 0.6, 0.4, 0.7, 0.8, 0.9])))
    curve = OperatingCurve.fit(data, 1, "ill")
    assert curve.thresholds[1:] == pytest.approx([0.9, 0.8, 0.7, 0.6, 0.4, 0.3, 0.1])
    assert curve.sensitivity == pytest.approx([0, 0.25, 0.5, 0.75, 0.75, 1, 1, 1])
    assert curve.specificity == pytest.approx([1, 1, 1, 1, 2 / 3, 2 / 3, 1 / 3, 0])
    youden = curve.youden()
    assert (youden.value, youden.sensitivity, youden.specificity) == pytest.approx((0.7, 0.75, 1))
    assert curve.at_sensitivity(0.9).value == pytest.approx(0.4)
    assert curve.at_sensitivity(0.75).value == pytest.approx(0.7)
    # A missed patient costs ten false alarms: nobody may be missed.
    assert curve.by_costs(10, 1).value == pytest.approx(0.4)
    # A false alarm costs ten: 1 of 4 positives is missed rather than alarmed falsely.
    assert curve.by_costs(1, 10).value == pytest.approx(0.7)
    with pytest.raises(UserError, match="above 0"):
        curve.by_costs(0, 1)
    with pytest.raises(UserError, match="at most 1"):
        curve.at_sensitivity(90)


def test_the_curve_is_scikit_learns():
    data = drawn(3)
    false, true, thresholds = roc_curve(data.targets == 2, data.probabilities[:, 2], drop_intermediate=False)
    curve = OperatingCurve.fit(data, 2, "c")
    assert curve.thresholds[1:] == pytest.approx(thresholds[1:])
    assert curve.sensitivity == pytest.approx(true)
    assert curve.specificity == pytest.approx(1 - false)


def test_of_a_run_and_back_from_its_file(tmp_path, config_of):
    run = make_run(tmp_path / "run", subjects=60, folds=3, repeats=2)
    (run.path / "splits.json").write_text("{}")
    calibration = Calibration.of_run(run)
    fitted = calibration.fitted_on
    assert (fitted.run, fitted.subjects, fitted.patients, fitted.repeats) == ("0a1b2c3d4e5f", 60, 60, 2)
    assert len(fitted.predictions_sha256) == 64
    # Repeats are averaged.
    data = OutOfFold.of_run(run)
    first, second = (
        {subject: row for fold in run.predictions.of("student") if fold.repeat == repeat
         for subject, row in zip(fold.subjects, fold.probabilities, strict=True)}
        for repeat in range(2)
    )  # fmt: skip
    assert data.probabilities == pytest.approx(np.array([(row + second[name]) / 2 for name, row in first.items()]))
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(calibration.to_json()))
    again = Calibration.read(path, config_of("MVI 0", "MVI 1", "MVI 2"))
    assert again == calibration
    probabilities = drawn(5).probabilities
    assert (again.sets(probabilities, 0.8) == calibration.sets(probabilities, 0.8)).all()
    with pytest.raises(ModelError, match="other classes"):
        Calibration.read(path, config_of("a", "b"))


def test_patients_of_a_run_and_an_official_split(tmp_path):
    run = make_run(tmp_path / "run", subjects=30, folds=3)
    subjects = {subject for fold in run.predictions.of("student") for subject in fold.subjects}
    patients = {subject: str(int(subject[-3:]) // 2) for subject in subjects}
    (run.path / "splits.json").write_text(json.dumps({"patients": patients}))
    assert Calibration.of_run(run).fitted_on.patients == 15
    run.record["recipe"]["crossval"]["official"] = True
    assert Calibration.of_run(run) is None


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"temperature": 0}, "`temperature`"),
        ({"temperature": None}, "`temperature`"),
        ({"surplus": 1}, "`surplus`"),
        ({"conformal": {"score": "hinge", "classes": {"MVI 0": {"scores": [0.5, 0.2]}}}}, "not ascending"),
        ({"curves": []}, "not of the classes"),
    ],
)
def test_a_changed_file_is_one_clear_error(tmp_path, config_of, change, message):
    run = make_run(tmp_path / "run", subjects=30, folds=2)
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(Calibration.of_run(run).to_json() | change))
    with pytest.raises(ModelError, match=message):
        Calibration.read(path, config_of("MVI 0", "MVI 1", "MVI 2"))


@pytest.fixture
def config_of():
    from types import SimpleNamespace

    return lambda *classes: SimpleNamespace(schema_of_inputs=SimpleNamespace(classes=classes))
