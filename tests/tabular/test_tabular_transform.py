from __future__ import annotations

import json

import numpy as np
import pytest
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import PowerTransformer, RobustScaler, StandardScaler

from xdistill.errors import DataError, SettingsError
from xdistill.types import ColumnSpec, ModalitySpec
from xdistill_tabular.transform import TabularTransform

NAN = np.nan
COLUMNS = (
    ColumnSpec("AFP", unit="ng/mL"),
    ColumnSpec("sex", "categorical", categories=("F", "M", "X")),
    ColumnSpec("INR"),
    ColumnSpec("stage", "categorical", categories=("A", "B")),
)
TRAINING = np.array(
    [
        [1.0, 0.0, 0.8, 0.0],
        [NAN, 1.0, 1.0, 1.0],
        [4.0, NAN, 1.2, 1.0],
        [10.0, 1.0, 1.4, 0.0],
    ]
)


def transform(columns=COLUMNS, **settings):
    spec = ModalitySpec("vector", (len(columns),), columns=tuple(columns))
    return TabularTransform(TabularTransform.Config(modality="clinical", **settings), spec=spec)


def fitted(training=TRAINING, columns=COLUMNS, **settings):
    made = transform(columns, **settings)
    made.fit(np.asarray(training, dtype=np.float64))
    return made


def numbers(training, **settings):
    """A fitted transform of numeric columns alone."""
    columns = [ColumnSpec(f"c{place}") for place in range(np.shape(training)[1])]
    return fitted(training, columns, **settings)


def test_columns_by_name():
    output = fitted().output()
    assert [column.name for column in output.columns] == [
        "AFP",
        "sex=F",
        "sex=M",
        "INR",
        "stage=A",
        "stage=B",
        "AFP is missing",
        "sex is missing",
    ]
    assert output.shape == (8,)
    assert [column.kind for column in output.columns] == ["numeric"] * 6 + ["indicator"] * 2
    assert [column.source for column in output.columns] == [
        "AFP",
        "sex",
        "sex",
        "INR",
        "stage",
        "stage",
        "AFP",
        "sex",
    ]


def test_values_by_hand():
    values = fitted(impute="mean", scale="none").apply(TRAINING)
    expected = [
        [1.0, 1, 0, 0.8, 1, 0, 0, 0],
        [5.0, 0, 1, 1.0, 0, 1, 1, 0],
        [4.0, 0, 0, 1.2, 0, 1, 0, 1],
        [10.0, 0, 1, 1.4, 1, 0, 0, 0],
    ]
    assert values.dtype == np.float32
    np.testing.assert_array_equal(values, np.asarray(expected, dtype=np.float32))


@pytest.mark.parametrize(("impute", "filled"), [("median", 4.0), ("mean", 5.0), ("constant", -3.0)])
def test_what_fills_a_gap(impute, filled):
    values = fitted(impute=impute, scale="none", constant=-3.0).apply(TRAINING)
    assert values[1, 0] == filled


@pytest.mark.parametrize(
    ("scale", "scaler"), [("standard", StandardScaler), ("robust", RobustScaler), ("power", PowerTransformer)]
)
@pytest.mark.parametrize("impute", ["median", "mean", "constant"])
def test_numeric_columns_are_what_scikit_learn_makes_of_them(scale, scaler, impute):
    generator = np.random.default_rng(0)
    training, test = generator.lognormal(size=(40, 5)), generator.lognormal(size=(11, 5))
    training[generator.random(training.shape) < 0.2] = NAN
    test[generator.random(test.shape) < 0.2] = NAN
    pipeline = make_pipeline(SimpleImputer(strategy=impute, fill_value=0.0), scaler()).fit(training)
    made = numbers(training, impute=impute, scale=scale)
    np.testing.assert_allclose(made.apply(test)[:, :5], pipeline.transform(test), rtol=1e-6, atol=1e-12)
    np.testing.assert_array_equal(made.apply(test)[:, 5:], np.isnan(test).astype(np.float32))


def test_nothing_is_learned_of_test_subjects():
    made = numbers([[0.0], [2.0]])
    before = json.dumps(made.state())
    np.testing.assert_array_equal(made.apply(np.array([[1e6], [NAN], [1.0]])), [[999999.0], [0.0], [0.0]])
    assert json.dumps(made.state()) == before


def test_unseen_and_missing_categories_are_all_zeros():
    test = np.array([[1.0, 2.0, 1.0, NAN]])
    np.testing.assert_array_equal(fitted().apply(test)[0, [1, 2, 4, 5]], [0, 0, 0, 0])


def test_indicators_only_where_training_subjects_miss_something():
    made = fitted()
    test = np.array([[1.0, 0.0, NAN, 0.0]])
    assert "INR is missing" not in [column.name for column in made.output().columns]
    assert made.apply(test)[0, 3] == 0.0  # the median of INR, 1.1, is also its mean


def test_no_indicators_where_none_are_wanted():
    made = fitted(indicators=False)
    assert made.apply(TRAINING).shape == (4, 6)
    assert all(column.kind != "indicator" for column in made.output().columns)


@pytest.mark.parametrize("impute", ["median", "mean", "constant"])
@pytest.mark.parametrize("scale", ["standard", "robust", "power", "none"])
def test_a_column_missing_in_all_of_training_is_zero_with_an_indicator(impute, scale):
    made = numbers([[NAN, 1.0], [NAN, 3.0]], impute=impute, scale=scale)
    values = made.apply(np.array([[NAN, 1.0], [30000.0, 3.0]]))
    np.testing.assert_array_equal(values[:, [0, 2]], [[0.0, 1.0], [0.0, 0.0]])


def test_a_categorical_column_missing_in_all_of_training_is_an_indicator_alone():
    made = fitted([[NAN], [NAN]], [COLUMNS[1]])
    assert [column.name for column in made.output().columns] == ["sex is missing"]
    np.testing.assert_array_equal(made.apply(np.array([[NAN], [0.0]])), [[1.0], [0.0]])


def test_a_constant_column_says_nothing_to_anybody():
    made = numbers([[7.0], [7.0]])
    np.testing.assert_array_equal(made.apply(np.array([[7.0], [900.0], [NAN]])), [[0.0], [0.0], [0.0]])


def test_indicators_of_an_earlier_transform_pass_as_they_are():
    columns = [ColumnSpec("AFP", source="AFP"), ColumnSpec("AFP is missing", "indicator", source="AFP")]
    made = fitted([[1.0, 0.0], [3.0, 1.0]], columns)
    np.testing.assert_array_equal(made.apply(np.array([[1.0, 1.0]])), [[-1.0, 1.0]])
    assert made.output().columns[1] == columns[1]


def test_units_stay_only_with_unscaled_values():
    assert fitted(scale="none").output().columns[0].unit == "ng/mL"
    assert not fitted().output().columns[0].unit


def test_vectors_without_named_columns_are_numeric():
    made = TabularTransform(TabularTransform.Config(modality="rna"), spec=ModalitySpec("vector", (2,)))
    made.fit(np.array([[0.0, 1.0], [2.0, 3.0]]))
    assert [column.name for column in made.output().columns] == ["column 0", "column 1"]


@pytest.mark.parametrize("scale", ["standard", "robust", "power", "none"])
def test_the_state_comes_back_bit_by_bit_through_json(scale):
    generator = np.random.default_rng(1)
    training = np.column_stack(
        [generator.lognormal(size=30) / 3, generator.integers(0, 3, 30), generator.normal(size=30)]
    )
    training[::7, 0] = NAN
    columns = COLUMNS[:3]
    made = fitted(training, columns, scale=scale)
    restored = transform(columns, scale=scale)
    restored.restore(json.loads(json.dumps(made.state(), allow_nan=False)))
    np.testing.assert_array_equal(restored.apply(training), made.apply(training))
    assert restored.output() == made.output()
    assert restored.learned == made.learned


def test_a_state_of_other_columns_is_refused():
    state = fitted().state()
    with pytest.raises(DataError, match="fitted on other columns"):
        transform(COLUMNS[:2]).restore(state)
    with pytest.raises(DataError, match="the order differs"):
        transform(COLUMNS[::-1]).restore(state)


def test_input_is_left_as_it_is():
    before = TRAINING.copy()
    fitted().apply(TRAINING)
    np.testing.assert_array_equal(TRAINING, before)


def test_no_subjects_to_apply_to():
    assert fitted().apply(np.empty((0, 4))).shape == (0, 8)


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ([np.inf, 0, 1, 0], "column 'AFP' of 'clinical' holds an infinite value"),
        ([1, 3, 1, 0], "'sex' holds 3, which is not an index into its 3 categories"),
        ([1, 0.5, 1, 0], "'sex' holds 0.5"),
        ([1e300, 0, 1, 0], "'AFP' of 'clinical' holds a number too large"),
    ],
)
def test_values_that_a_column_cannot_hold(row, message):
    with pytest.raises(DataError, match=message):
        fitted().apply(np.array([row], dtype=np.float64))


def test_fitting_on_nobody():
    with pytest.raises(DataError, match="no training subject has the modality 'clinical'"):
        transform().fit(np.empty((0, 4)))


def test_only_vectors():
    with pytest.raises(SettingsError, match="'hbp' is a volume") as caught:
        TabularTransform(TabularTransform.Config(modality="hbp"), spec=ModalitySpec("volume", (1, 2, 2, 2)))
    assert caught.value.field == "modality"


def test_use_before_fitting():
    with pytest.raises(RuntimeError, match="must be fitted"):
        transform().apply(TRAINING)
