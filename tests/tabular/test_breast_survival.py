"""The table of scikit-survival as a data set."""

import numpy as np
import pytest
from sksurv.datasets import load_breast_cancer

from xdistill.errors import UserError
from xdistill.interfaces.component import choose
from xdistill.interfaces.dataset import Dataset
from xdistill.plugin import load_catalog


def dataset(**settings):
    return choose(Dataset, {"use": "breast_survival", **settings}, load_catalog()).build()


def test_it_holds_what_scikit_survival_ships():
    table, target = load_breast_cancer()
    found = dataset()
    rows = found.index()
    assert [row.target for row in rows] == [(float(time), float(event)) for event, time in target]
    loaded = found.load(1)
    np.testing.assert_array_equal(loaded["genes"], table.iloc[1, :76].to_numpy(float))
    # The grades in order, then negative and positive receptors.
    grade = ["well differentiated", "intermediate", "poorly differentiated"].index(table["grade"][1])
    assert loaded["clinical"].tolist() == [table["age"][1], table["size"][1], grade, table["er"][1] == "positive"]
    unknown = [place for place, value in enumerate(table["grade"]) if value == "unkown"]
    assert unknown
    assert np.isnan(found.load(unknown[0])["clinical"][2])


def test_a_task_reads_its_columns():
    found = dataset(task={"use": "survival", "time": "time", "event": "event", "method": "discrete", "bins": 4})
    assert len(found.schema().task.cuts) == 4
    assert found.schema().task.cuts[-1] == max(row.target[0] for row in found.index() if row.target[1])


def test_without_scikit_survival(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "sksurv.datasets", None)
    with pytest.raises(UserError, match=r"`breast_survival` needs sksurv.*xdistill\[survival\]"):
        dataset().index()
