"""Distiller in scikit-learn's model selection."""

from __future__ import annotations

import numpy as np
import pytest
import sklearn
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, cross_val_predict, cross_val_score

from estimator.small import SUBJECTS, blocks, vectors
from xdistill import Distiller, Modalities
from xdistill.errors import UserError

VALUES, Y = vectors()
X = Modalities(VALUES, privileged=["blood"])
GROUPS = np.arange(SUBJECTS) // 4  # of both classes


def test_modalities_are_sliced_together():
    some = X[np.array([5, 2])]
    assert len(some) == 2
    assert X.shape == (SUBJECTS, 2)
    assert some.privileged == ("blood",)
    assert np.array_equal(some.values["scan"], VALUES["scan"][[5, 2]])
    assert np.array_equal(some.values["blood"], VALUES["blood"][[5, 2]])
    assert len(X[Y == "benign"]) == SUBJECTS // 2
    assert np.array_equal(X[1:4].values["scan"], VALUES["scan"][1:4])
    with pytest.raises(TypeError):
        X[3]
    with pytest.raises(IndexError):
        X[np.array([True])]


def test_modalities_that_do_not_fit_together():
    with pytest.raises(UserError, match=r"differ in length: `a` 3, `b` 2"):
        Modalities({"a": np.zeros((3, 1)), "b": np.zeros((2, 1))})
    with pytest.raises(UserError, match=r"unknown privileged modality `blod`; did you mean `blood`"):
        Modalities(VALUES, privileged=["blod"])
    with pytest.raises(UserError, match="has no modality"):
        Modalities({})


def test_cross_val_score_with_groups():
    scores = cross_val_score(Distiller(**blocks()), X, Y, groups=GROUPS, cv=GroupKFold(3), error_score="raise")
    assert scores.shape == (3,)
    train, test = next(GroupKFold(3).split(X, Y, GROUPS))
    assert scores[0] == Distiller(**blocks()).fit(X[train], Y[train]).score(X[test], Y[test])


def test_groups_reach_fit_as_a_parameter():
    distiller = Distiller(**blocks(), validation=0.25)
    plain = cross_val_score(
        distiller, X, Y, groups=GROUPS, cv=GroupKFold(2), params={"groups": GROUPS}, error_score="raise"
    )
    with sklearn.config_context(enable_metadata_routing=True):
        routed = cross_val_score(
            Distiller(**blocks(), validation=0.25).set_fit_request(groups=True),
            X,
            Y,
            cv=GroupKFold(2),
            params={"groups": GROUPS},
            error_score="raise",
        )
    assert np.array_equal(plain, routed)


def test_predictions_do_not_depend_on_privileged_test_values():
    """In each fold the values of the test subjects are NaN, and nothing changes."""
    for train, test in KFold(3).split(X):
        distiller = Distiller(**blocks()).fit(X[train], Y[train])
        values = X[test].values
        blind = Modalities({**values, "blood": np.full_like(values["blood"], np.nan)}, privileged=["blood"])
        assert np.array_equal(distiller.predict_proba(blind), distiller.predict_proba(X[test]))
    probabilities = cross_val_predict(Distiller(**blocks()), X, Y, cv=KFold(3), method="predict_proba")
    assert np.array_equal(probabilities[test], distiller.predict_proba(X[test]))


@pytest.mark.parametrize(
    "grid",
    [{"overrides": [{"optimizer.lr": 1e-9}, {"optimizer.lr": 0.1}]}, {"optimizer": [{"lr": 1e-9}, {"lr": 0.1}]}],
)
def test_grid_search(grid):
    search = GridSearchCV(Distiller(**blocks()), grid, cv=KFold(2), scoring="neg_log_loss", error_score="raise")
    search.fit(X, Y)
    assert search.best_index_ == 1
    assert search.best_estimator_.recipe_["optimizer"]["lr"] == 0.1
    assert search.predict({"scan": VALUES["scan"]}).shape == (SUBJECTS,)
