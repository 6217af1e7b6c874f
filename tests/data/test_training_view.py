import json

import numpy as np
import pytest

from data.toys import SHAPE, Center, build
from xdistill.data import FittedTransforms, Split, TrainingView, fit_transforms, open_cohort
from xdistill.errors import DataError, LeakError, PluginError, RunError, SettingsError
from xdistill.interfaces.component import Choice

TRAIN = ("s04", "s01", "s05", "s02", "s03")
SPLIT = Split(0, 1, TRAIN, ("s00", "s06", "s07"), ("s08", "s09", "s10", "s11"))


@pytest.fixture
def cohort(tmp_path):
    return open_cohort(build(tmp_path))


@pytest.fixture
def view(cohort):
    return TrainingView(cohort, SPLIT)


def center(modality="blood", **settings):
    return Choice(Center, Center.Config(modality=modality, **settings))


def test_a_view_shows_the_training_subjects_in_their_order(cohort, view):
    assert view.subjects == TRAIN
    assert len(view) == 5
    assert view.targets.tolist() == [0, 1, 1, 0, 1]
    assert view.present("blood").tolist() == [True, True, False, True, True]
    np.testing.assert_array_equal(view.values("blood"), cohort.values("blood", [4, 1, 2, 3]))
    np.testing.assert_array_equal(view.values("mri"), cohort.values("mri", [4, 1, 5, 2, 3]))


@pytest.mark.parametrize(("subject", "part"), [("s09", "test"), ("s06", "validation")])
def test_a_subject_of_another_part_is_a_leak(cohort, subject, part):
    with pytest.raises(LeakError, match=f"subject '{subject}' belongs to the {part} part; nothing may be fitted on it"):
        TrainingView(cohort, SPLIT, ["s01", subject])


def test_a_view_of_some_training_subjects(cohort):
    assert TrainingView(cohort, SPLIT, ["s03", "s02"]).targets.tolist() == [1, 0]
    with pytest.raises(DataError, match="'s77' is not in the split"):
        TrainingView(cohort, SPLIT, ["s77"])


def test_a_patient_on_two_sides_is_a_leak(tmp_path):
    cohort = open_cohort(build(tmp_path, paired=True))
    with pytest.raises(LeakError, match="patient 'p00' is in the training part and in another part"):
        TrainingView(cohort, Split(0, 0, ("s00", "s02", "s03"), (), ("s01",)))
    TrainingView(cohort, Split(0, 0, ("s00", "s01"), (), ("s02", "s03")))


def test_a_split_of_another_cohort(cohort):
    with pytest.raises(DataError, match="no subject 'x'"):
        TrainingView(cohort, Split(0, 0, ("s01",), (), ("x",)))


def test_transforms_learn_from_training_subjects_alone(cohort, view):
    fitted = fit_transforms([center()], view)
    # afp is 10 x row and missing for row 3; sex is row % 2; age is 40 + row; subject s05 has no blood.
    means = np.array([(40 + 10 + 20) / 3, 0.5, 42.5])
    np.testing.assert_allclose(fitted.state()["transforms"][0]["state"]["mean"], means)
    everyone = fitted.apply("blood", cohort.values("blood", [8, 9]))
    assert everyone.dtype == np.float32
    np.testing.assert_allclose(everyone, [[80 - means[0], -0.5, 5.5], [0, 0.5, 6.5]], rtol=1e-6)
    mri = cohort.values("mri", [3])
    assert fitted.apply("mri", mri) is mri


def test_fitting_on_anything_but_a_training_view_is_a_leak(cohort):
    with pytest.raises(LeakError, match="TrainingView"):
        fit_transforms([center()], cohort)


def test_fitting_on_a_test_subject_raises(cohort):
    with pytest.raises(LeakError, match="'s08' belongs to the test part"):
        fit_transforms([center()], TrainingView(cohort, SPLIT, [*TRAIN, "s08"]))


def test_transforms_of_one_modality_follow_each_other(cohort, view):
    fitted = fit_transforms([center(), center("mri"), center()], view)
    second = fitted.state()["transforms"][2]
    assert (second["use"], second["modality"]) == ("center", "blood")
    np.testing.assert_allclose(second["state"]["mean"], 0, atol=1e-5)
    assert fitted.apply("mri", cohort.values("mri", [4, 1, 5, 2, 3])).mean(axis=0) == pytest.approx(
        np.zeros(SHAPE), abs=1e-6
    )


def test_saved_transforms_do_the_same(cohort, view):
    fitted = fit_transforms([center(), center("mri")], view)
    saved = json.loads(json.dumps(fitted.state()))
    restored = FittedTransforms.from_state([center(), center("mri")], cohort.schema, saved)
    assert restored.schema == fitted.schema
    for name in ("blood", "mri"):
        values = cohort.values(name, range(12))
        np.testing.assert_array_equal(restored.apply(name, values), fitted.apply(name, values))
    with pytest.raises(RunError, match="the saved transforms are not those of the recipe"):
        FittedTransforms.from_state([center()], cohort.schema, saved)


def test_missing_values_that_nothing_fills(cohort, view):
    for choices in ([], [center(fill=False)]):
        with pytest.raises(DataError, match=r"'blood': column 'afp' has missing values .* modality: blood"):
            fit_transforms(choices, view).apply("blood", cohort.values("blood", [8, 9]))


def test_a_transform_of_a_modality_that_is_not_there(view):
    with pytest.raises(SettingsError, match="unknown modality 'ct'") as caught:
        fit_transforms([center("ct")], view)
    assert caught.value.field == "modality"


def test_a_modality_that_no_training_subject_has(cohort):
    view = TrainingView(cohort, Split(0, 0, ("s00", "s05"), (), ("s01",)))
    with pytest.raises(DataError, match="no training subject has the modality 'blood'"):
        fit_transforms([center()], view)


class Halving(Center):
    name = "halving"

    def apply(self, values):
        return super().apply(values)[:, :1]


def test_a_transform_that_returns_another_shape(cohort, view):
    fitted = fit_transforms([Choice(Halving, Halving.Config(modality="blood"))], view)
    with pytest.raises(PluginError, match=r"'halving' returned the shape \(2, 1\); its `output` says \(2, 3\)"):
        fitted.apply("blood", cohort.values("blood", [1, 2]))
