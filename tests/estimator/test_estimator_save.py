"""`Distiller.save` and `load_model`."""

import json

import numpy as np
import pytest
from sklearn.exceptions import NotFittedError

import xdistill
from estimator.small import blocks, vectors
from xdistill import Distiller
from xdistill.errors import ModelError, UserError


@pytest.fixture(scope="module")
def trained():
    """A fitted estimator, its arrays and labels."""
    arrays, labels = vectors()
    return Distiller(**blocks()).fit(arrays, labels), arrays


def test_a_saved_model_predicts_the_same_bits(trained, tmp_path):
    estimator, arrays = trained
    folder = estimator.save(tmp_path / "model")
    model = xdistill.load_model(folder)
    scans = {"scan": arrays["scan"]}
    np.testing.assert_array_equal(model.predict_proba(scans), estimator.predict_proba(scans))
    assert model.predict(scans).tolist() == estimator.predict(scans).tolist()
    assert (model.inputs, model.classes) == (("scan",), ("benign", "malignant"))


def test_saving_again_replaces_the_model(trained, tmp_path):
    estimator, _ = trained
    estimator.save(tmp_path / "model")
    before = (tmp_path / "model" / "checksums.json").read_text()
    estimator.save(str(tmp_path / "model"))
    assert (tmp_path / "model" / "checksums.json").read_text() == before
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_other_folders_are_left_alone(trained, tmp_path):
    estimator, _ = trained
    (tmp_path / "mine.txt").write_text("mine")
    with pytest.raises(ModelError, match="holds something other than a model"):
        estimator.save(tmp_path)


def test_the_privileged_modality_is_named_and_refused(trained, tmp_path):
    estimator, arrays = trained
    model = xdistill.load_model(estimator.save(tmp_path / "model"))
    with pytest.raises(UserError, match="privileged modality `blood`, which the student never uses"):
        model.predict_proba(arrays)
    assert "blood" not in json.loads((tmp_path / "model" / "config.json").read_text())["schema"]["modalities"]


def test_a_table_of_a_model_of_arrays(trained, tmp_path):
    estimator, _ = trained
    model = xdistill.load_model(estimator.save(tmp_path / "model"))
    (tmp_path / "new.csv").write_text("subject,a\n1,2\n")
    with pytest.raises(UserError, match="modality `scan` cannot be read from a table"):
        model.predict_table(tmp_path / "new.csv")


def test_columns_of_a_data_frame_are_read_from_a_table(tmp_path):
    pandas = pytest.importorskip("pandas")
    arrays, labels = vectors()
    frame = pandas.DataFrame(arrays["scan"], columns=["a", "b", "c", "d"])
    frame["sex"] = pandas.Categorical(np.where(np.arange(len(frame)) % 3, "f", "m"))
    changes = {"transforms": [{"use": "tabular", "modality": name} for name in ("scan", "blood")]}
    estimator = Distiller(**blocks(**changes)).fit({"scan": frame, "blood": arrays["blood"]}, labels)
    model = xdistill.load_model(estimator.save(tmp_path / "model"))
    frame.to_csv(tmp_path / "new.csv", index=False)
    rows = model.predict_table(tmp_path / "new.csv")
    np.testing.assert_array_equal([row.probabilities for row in rows], estimator.predict_proba({"scan": frame}))


def test_before_fit(tmp_path):
    with pytest.raises(NotFittedError):
        Distiller(**blocks()).save(tmp_path / "model")
