import numpy as np
import pytest

from xdistill.data.index import check_index, check_schema
from xdistill.data.subject import stored_subject
from xdistill.errors import DataError
from xdistill.interfaces.dataset import SubjectRow
from xdistill.recipe.schema.recipe import CacheRecipe
from xdistill.types import ColumnSpec, ModalitySpec, Schema

SCHEMA = Schema(
    {
        "ct": ModalitySpec("volume", (1, 2, 2, 2)),
        "lab": ModalitySpec(
            "vector", (2,), (ColumnSpec("afp"), ColumnSpec("sex", "categorical", categories=("f", "m")))
        ),
    },
    ("no", "yes"),
)
ROW = SubjectRow("a", "p", 0)


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([], "the cohort is empty"),
        ([ROW, ROW], "subject 'a' occurs twice"),
        ([SubjectRow("a", "p", 2)], r"subject 'a': target 2 is not an index into the classes \['no', 'yes'\]"),
        ([SubjectRow("a", "p", -1)], "target -1"),
        ([SubjectRow("", "p", 0)], "invalid subject id ''"),
        ([SubjectRow("a", " p", 0)], "invalid patient id ' p'"),
        ([SubjectRow("a\n", "p", 0)], "invalid subject id"),
    ],
)
def test_an_index_that_cannot_be_used(rows, message):
    with pytest.raises(DataError, match=message):
        check_index(rows, SCHEMA)


@pytest.mark.parametrize(
    ("schema", "message"),
    [
        (Schema({}, ("a", "b")), "no modality"),
        (Schema(SCHEMA.modalities, ("a",)), "at least two"),
        (Schema(SCHEMA.modalities, ("a", "a")), "class 'a' occurs twice"),
        (Schema({"a/b": ModalitySpec("vector", (1,))}, ("a", "b")), "invalid name 'a/b' of a modality"),
        (Schema({"a": ModalitySpec("vector", (0,))}, ("a", "b")), "every dimension must be at least 1"),
        (Schema({"a": ModalitySpec("volume", (1, 2000, 1000, 1000))}, ("a", "b")), "4 GiB"),
        (Schema({"a": ModalitySpec("vector", (2,), (ColumnSpec("x"),))}, ("a", "b")), "has 1 columns but the shape"),
    ],
)
def test_a_schema_that_cannot_be_stored(schema, message):
    with pytest.raises(DataError, match=message):
        check_schema(schema)


def test_a_schema_and_an_index_that_can():
    check_schema(SCHEMA)
    check_index([ROW, SubjectRow("b", "p", 0), SubjectRow("c", "q", 1)], SCHEMA)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (
            {"ct": np.zeros((1, 2, 2))},
            r"modality 'ct': the values have shape \(1, 2, 2\); the schema says \(1, 2, 2, 2\)",
        ),
        ({"ct": np.full((1, 2, 2, 2), np.nan)}, "modality 'ct': 8 values are NaN or infinite"),
        ({"ct": np.full((1, 2, 2, 2), 1e39)}, r"the value 1e\+39 is too large for float32"),
        ({"ct": np.full((1, 2, 2, 2), "x")}, "the values have type <U1; a data set returns numbers"),
        ({"lab": np.array([np.inf, 0])}, "column 'afp' is infinite; use NaN for a missing value"),
        ({"lab": np.array([-1e39, 0])}, "column 'afp' holds -1e\\+39, which is too large for 32 bits"),
        ({"lab": np.array([1.0, 2])}, "column 'sex' holds 2, which is not an index into its 2 categories"),
        ({"lab": np.array([1.0, 0.5])}, "column 'sex' holds 0.5"),
        ({"pet": None}, "modality 'pet' is not both in"),
    ],
)
def test_values_that_cannot_be_stored(change, message):
    loaded = {"ct": np.zeros((1, 2, 2, 2)), "lab": np.zeros(2), **change}
    with pytest.raises(DataError, match="subject 'a'.*" + message):
        stored_subject(loaded, "a", SCHEMA, CacheRecipe())


def test_values_that_can():
    loaded = {"ct": np.ones((1, 2, 2, 2), dtype=np.uint8), "lab": np.array([np.nan, 1.0])}
    stored = stored_subject(loaded, "a", SCHEMA, CacheRecipe(dtype="float16"))
    assert stored["ct"].values.dtype == np.float16
    assert stored["lab"].values.dtype == np.float64
    assert np.isnan(stored["lab"].values).tolist() == [True, False]
    assert stored_subject({**loaded, "ct": None}, "a", SCHEMA, CacheRecipe())["ct"] is None
