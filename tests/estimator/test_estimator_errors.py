"""Input that cannot be used is one clear error each."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from estimator.small import SUBJECTS, blocks, unpickled, vectors
from xdistill import Distiller, Modalities
from xdistill.errors import RecipeError, UserError
from xdistill.interfaces import Settings, Student
from xdistill.types import Batch, Output, Schema

X, Y = vectors()


@pytest.fixture(scope="module")
def fitted():
    return Distiller(**blocks()).fit(X, Y)


FIT = [
    (X, Y[:-1], r"`y` has 23 values, but `X` has 24 subjects"),
    ({**X, "scan": X["scan"][1:]}, Y, r"the modalities differ in length: `scan` 23, `blood` 24"),
    ({"scan": X["scan"]}, Y, r"`X` has no modality `blood`; the recipe reads `scan`, `blood`"),
    ({**X, "hair": X["scan"]}, Y, r"`X` has the unknown modality `hair`; the recipe reads `scan`, `blood`"),
    ({**X, "scan": X["scan"][:, None]}, Y, r"modality `scan` has 3 dimension\(s\); expected 2"),
    ({**X, "scan": X["scan"][:, 0]}, Y, r"modality `scan` has 1 dimension\(s\); expected 2"),
    ({**X, "scan": X["scan"] + 1j}, Y, r"`scan` holds complex128"),
    ({**X, "scan": np.where(X["scan"] > 0, np.inf, 1)}, Y, r"modality 'scan': value \d is infinite"),
    ({**X, "scan": np.where(X["scan"] > 0, np.nan, 1)}, Y, r"`scan` has missing values, and the recipe has no tr"),
    ({**X, "scan": [[1, 2]] * 23 + [[1]]}, Y, r"`scan` cannot be turned into an array"),
    ({**X, "scan": 3}, Y, r"`scan` is int; expected a NumPy array"),
    (X["scan"], Y, r"`X` is ndarray; pass a mapping"),
    ({}, Y, r"`X` has no modality"),
    (Modalities(X, privileged=["scan"]), Y, r"`X` declares `scan` privileged, and the recipe's student reads it"),
    (X, np.linspace(0, 1, SUBJECTS), r"`y` holds continuous numbers"),
    (X, np.zeros(SUBJECTS), r"`y` holds the single class 0.0"),
    (
        X,
        np.where(Y == "benign", None, Y),
        r"`y` has no label for 12 of 24 subjects; leave these out, or set `unlabelle",
    ),
    (X, np.stack([Y, Y], axis=1), r"`y` has 2 dimension\(s\); expected one value per subject"),
]


@pytest.mark.parametrize(("values", "labels", "message"), FIT, ids=[message for *_, message in FIT])
def test_fit(values, labels, message):
    with pytest.raises(UserError, match=message):
        Distiller(**blocks()).fit(values, labels)


def test_groups_of_another_length():
    with pytest.raises(UserError, match=r"`groups` has 3 values, but `X` has 24 subjects"):
        Distiller(**blocks()).fit(X, Y, groups=[1, 2, 3])


def test_a_class_of_one_subject_where_some_are_kept_aside():
    labels = np.where(np.arange(SUBJECTS) == 0, "rare", Y)
    assert Distiller(**blocks()).fit(X, labels).classes_.tolist() == ["benign", "malignant", "rare"]
    with pytest.raises(UserError, match=r"class 'rare' has 1 patient, but validation needs at least two"):
        Distiller(**blocks(), validation=0.25).fit(X, labels)


class Pixels(Student):
    """A linear map of an image's pixels."""

    name = "pixels_of_tests"
    inputs = ("image",)

    def __init__(self, config: Settings, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        self.head = torch.nn.Linear(32, len(schema.classes))

    def forward(self, batch: Batch) -> Output:
        return Output(self.head(batch.inputs["image"].flatten(1)))


def test_images_and_nan_in_them():
    images = np.random.default_rng(0).normal(size=(SUBJECTS, 2, 4, 4))
    stages = [{"name": "fit", "train": ["student"], "epochs": 1, "objective": [{"use": "cross_entropy"}]}]
    distiller = Distiller(student={"use": "pixels_of_tests"}, stages=stages, plugins=[Pixels])
    distiller.fit({"image": images}, Y)
    assert distiller.predict_proba({"image": images.astype("float32")}).shape == (SUBJECTS, 2)
    images[5, 0, 1, 1] = np.nan
    for call in (lambda: distiller.predict({"image": images}), lambda: distiller.fit({"image": images}, Y)):
        with pytest.raises(UserError, match=r"subject '5', modality 'image': 1 values? (is|are) NaN"):
            call()
    with pytest.raises(UserError, match=r"modality `image` has shape \(1, 4, 4\) per subject, but had \(2, 4, 4\)"):
        distiller.predict({"image": images[:, :1]})


@pytest.mark.skipif(torch.cuda.is_available(), reason="needs a machine without CUDA")
def test_a_device_that_is_not_there(fitted):
    with pytest.raises(UserError, match=r"this machine has no cuda device; use `device='cpu'`"):
        Distiller(**blocks(), device="cuda").fit(X, Y)
    with pytest.raises(UserError, match=r"this machine has no cuda device"):
        unpickled(fitted).set_params(device="cuda").predict({"scan": X["scan"]})


PREDICT = [
    (X, r"`X` has the privileged modality `blood`, which the student never uses; leave it out"),
    ({"blood": X["blood"]}, r"privileged modality `blood`"),
    ({"hair": X["scan"]}, r"`X` has the unknown modality `hair`; the student reads `scan`"),
    ({}, r"`X` has no modality `scan`; the student reads `scan`"),
    ({"scan": X["scan"][:, :3]}, r"modality `scan` has shape \(3,\) per subject, but had \(4,\) in fit"),
    ({"scan": X["scan"][:0]}, r"`X` has no subjects"),
    ({"scan": np.full((2, 4), np.nan)}, r"modality 'scan': value 0 has missing values that no transform fills"),
    (None, r"`X` is NoneType; pass a mapping"),
]


@pytest.mark.parametrize(("values", "message"), PREDICT, ids=[message for _, message in PREDICT])
def test_predict(fitted, values, message):
    with pytest.raises(UserError, match=message):
        fitted.predict_proba(values)


def test_score_of_labels_of_another_length(fitted):
    with pytest.raises(UserError, match=r"`y` has 3 values, but `X` has 24 subjects"):
        fitted.score({"scan": X["scan"]}, Y[:3])


RECIPES = [
    ({"recipe": "mvi_hc"}, RecipeError, r"mvi_hcc"),
    ({}, UserError, r"needs a recipe, or a `student` and `stages`; `student` is missing"),
    ({**blocks(), "overrides": {"optimizer.lrr": 1}}, RecipeError, r"optimizer.lrr"),
    ({**blocks(), "overrides": ["optimizer.lr"]}, RecipeError, r"expected `field=value`"),
    ({**blocks(), "device": "gpu"}, UserError, r"unknown device `gpu`.*Valid devices: `auto`, `cpu`"),
    ({**blocks(), "plugins": [3]}, UserError, r"3 is not a plugin; pass a Python file, or the class of a component"),
    ({**blocks(), "validation": 2.0}, RecipeError, r"crossval.validation"),
    ({**blocks(), "profile": "paper"}, RecipeError, r"paper"),
]


@pytest.mark.parametrize(("parameters", "kind", "message"), RECIPES, ids=[message for *_, message in RECIPES])
def test_recipes(parameters, kind, message):
    with pytest.raises(kind, match=message):
        Distiller(**parameters).fit(X, Y)


def test_a_problem_of_a_field_does_not_bring_up_the_data_set():
    with pytest.raises(RecipeError) as caught:
        Distiller(**blocks(), overrides={"optimizer.lrr": 1}).fit(X, Y)
    assert len(caught.value.problems) == 1
