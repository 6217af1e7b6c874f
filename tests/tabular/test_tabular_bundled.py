from collections import Counter

import numpy as np
from sklearn.datasets import load_breast_cancer, load_diabetes

from xdistill_tabular.bundled import BreastCancer, Diabetes


def test_breast_cancer_has_three_groups_of_the_same_ten_measures():
    data, own = BreastCancer(BreastCancer.Config()), load_breast_cancer()
    assert Counter(row.target for row in data.index()) == {0: 357, 1: 212}  # malignant is the second class
    assert data.schema().classes == ("benign", "malignant")
    values = data.load(5)
    assert np.concatenate([values[name] for name in ("mean", "error", "worst")]).tolist() == own.data[5].tolist()


def test_diabetes_is_divided_at_a_progression_of_140():
    data, own = Diabetes(Diabetes.Config()), load_diabetes(scaled=False)
    assert [row.target for row in data.index()] == [int(value > 140) for value in own.target]
    values = data.load(7)
    assert np.concatenate([values["examination"], values["serum"]]).tolist() == own.data[7].tolist()
