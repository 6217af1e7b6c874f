from collections import Counter

import numpy as np
import pytest
from pydantic import ValidationError
from sklearn.datasets import load_digits

from xdistill_tabular.digits import Digits


def digits(**settings):
    return Digits(Digits.Config(**settings))


def test_all_of_scikit_learns_digits():
    rows = digits().index()
    assert len(rows) == 1797
    assert rows[0].subject == "digit-0001"
    assert [row.patient for row in rows] == [row.subject for row in rows]
    assert Counter(row.target for row in rows) == Counter(load_digits().target.tolist())


@pytest.mark.parametrize(
    ("half", "rows", "columns"),
    [
        ("left", range(8), range(4)),
        ("right", range(8), range(4, 8)),
        ("top", range(4), range(8)),
        ("bottom", range(4, 8), range(8)),
    ],
)
def test_a_half_is_the_pixels_that_its_columns_name(half, rows, columns):
    data = digits(half=half)
    values, schema = data.load(5), data.schema()
    picture = load_digits().images[5] / 16
    assert values["half"].tolist() == [picture[row, column] for row in rows for column in columns]
    assert values["whole"].tolist() == picture.ravel().tolist()
    whole = [column.name for column in schema.modalities["whole"].columns]
    for column, value in zip(schema.modalities["half"].columns, values["half"], strict=True):
        assert values["whole"][whole.index(column.name)] == value
    assert {name: value.shape for name, value in values.items()} == {"whole": (64,), "half": (32,)}


def test_pixels_are_from_zero_to_one():
    values = np.concatenate([subject["whole"] for subject in digits(subjects=100).load_many(range(100))])
    assert (values.min(), values.max()) == (0, 1)


def test_the_first_half_trains_if_the_split_is_kept():
    kept = digits(subjects=101, split=True).kept_columns()["split"]
    assert (kept[:50], kept[50:]) == (("train",) * 50, ("test",) * 51)
    assert not digits().kept_columns()
    assert "split" not in digits().config.model_dump()  # cohorts keep their keys


def test_fewer_digits_are_the_first():
    few = digits(subjects=150)
    assert few.index() == digits().index()[:150]
    assert "150 handwritten digits" in few.facts().title
    assert not few.facts().synthetic
    with pytest.raises(ValidationError, match="less than or equal to 1797"):
        digits(subjects=1798)
