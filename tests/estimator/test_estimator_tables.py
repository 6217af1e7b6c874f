"""Distiller on tables: columns of numbers, text, truth values and pandas categories."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from estimator.small import SUBJECTS, blocks, vectors
from xdistill import Distiller, Modalities
from xdistill.arrays.columns import column_values, spec_of_column
from xdistill.arrays.reading import learn_spec, read_values
from xdistill.errors import UserError

X, Y = vectors()


def frame() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "afp": [1.5, np.nan, 3.0],
            "sex": ["m", None, "f"],
            "drinks": [True, False, True],
            "stage": pd.Categorical([2, 1, 2], categories=[1, 2, 3]),
            "count": pd.array([4, None, 6], dtype="Int64"),
        }
    )


def test_what_columns_become():
    spec = learn_spec("clinical", frame())
    assert spec.shape == (5,)
    assert [(column.name, column.kind, column.categories) for column in spec.columns] == [
        ("afp", "numeric", ()),
        ("sex", "categorical", ("f", "m")),
        ("drinks", "categorical", ("False", "True")),
        ("stage", "categorical", ("1", "2", "3")),
        ("count", "numeric", ()),
    ]
    nan = np.nan
    expected = [[1.5, 1, 1, 1, 4], [nan, nan, 0, 0, nan], [3, 0, 1, 1, 6]]
    assert np.array_equal(read_values("clinical", spec, frame()), expected, equal_nan=True)


def test_unknown_categories_are_missing_and_the_order_of_columns_does_not_matter():
    spec = learn_spec("clinical", frame())
    new = frame()[["stage", "count", "afp", "drinks", "sex"]].assign(sex=["x", "m", "f"], stage=[9.0, 1.0, np.nan])
    values = read_values("clinical", spec, new)
    nan = np.nan
    assert np.array_equal(values[:, [1, 3]], [[nan, nan], [1, 0], [0, nan]], equal_nan=True)


def test_an_array_of_objects_has_columns_too():
    table = np.array([["a", 1], ["b", 2.5], [None, None]], dtype=object)
    spec = learn_spec("clinical", table)
    assert [column.kind for column in spec.columns] == ["categorical", "numeric"]
    assert np.array_equal(read_values("clinical", spec, table), [[0, 1], [1, 2.5], [np.nan, np.nan]], equal_nan=True)


def test_whole_numbers_are_the_same_category_with_and_without_a_point():
    spec = spec_of_column("grade", pd.Series(pd.Categorical([1, 2])), "")
    assert column_values(spec, np.array([2.0, np.nan]), "").tolist()[0] == 1


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"afp": ["1", "two", "3"]}, r"column `afp` of modality `clinical` held numbers in fit"),
        ({"other": [1, 2, 3]}, r"modality `clinical` has the unknown column `other`"),
    ],
)
def test_another_table_than_in_fit(change, message):
    spec = learn_spec("clinical", frame())
    with pytest.raises(UserError, match=message):
        read_values("clinical", spec, frame().assign(**change))
    with pytest.raises(UserError, match=r"has no column `sex`; pass the columns of fit"):
        read_values("clinical", spec, frame().drop(columns="sex"))


def test_columns_that_cannot_be_used():
    with pytest.raises(UserError, match=r"column `date` of modality `clinical` holds datetime64"):
        learn_spec("clinical", pd.DataFrame({"date": pd.to_datetime(["2020-01-01", "2021-01-01"])}))
    with pytest.raises(UserError, match="holds list"):
        learn_spec("clinical", pd.DataFrame({"values": [[1], [2]]}))
    with pytest.raises(UserError, match="several columns named `a`"):
        learn_spec("clinical", pd.DataFrame(np.zeros((2, 2)), columns=["a", "a"]))


def test_a_frame_trains_like_its_array_and_its_rows_may_be_named():
    names = [f"patient-{row}" for row in range(SUBJECTS)]
    table = pd.DataFrame(X["blood"], index=names, columns=["a", "b", "c"])
    scan = {"scan": X["scan"]}
    with_frame = Distiller(**blocks()).fit(Modalities({**X, "blood": table}), pd.Series(Y, index=names))
    assert np.array_equal(with_frame.predict_proba(scan), Distiller(**blocks()).fit(X, Y).predict_proba(scan))
    assert Modalities({"blood": table})[[3, 1]].unprivileged()["blood"].index.tolist() == ["patient-3", "patient-1"]


def test_categories_and_missing_values_at_prediction():
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"afp": rng.normal(size=SUBJECTS), "sex": rng.choice(["f", "m"], SUBJECTS)})
    table.loc[3, "afp"] = np.nan
    changes = {
        "teacher": None,
        "student": {"use": "mlp", "inputs": ["table"], "hidden": [4]},
        "transforms": [{"use": "tabular", "modality": "table"}],
        "stages": [{"name": "fit", "train": ["student"], "epochs": 2, "objective": [{"use": "cross_entropy"}]}],
    }
    distiller = Distiller(**blocks(**changes)).fit({"table": table}, Y)
    known = pd.DataFrame({"afp": [0.0, 0.0], "sex": ["f", None]})
    unknown = known.assign(sex=["f", "x"])
    assert np.array_equal(distiller.predict_proba({"table": known}), distiller.predict_proba({"table": unknown}))
