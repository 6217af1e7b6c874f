"""What of a new subject lies outside of what was seen in training."""

import numpy as np
import pytest

from xdistill.errors import ModelError
from xdistill.models.inputs import TrainingInputs, image_statistics


def spread(low, high):
    return {"mean": 0.0, "sd": 1.0, "quantiles": list(np.linspace(low, high, 9))}


TRAINING = {
    "modalities": {
        "mri": {
            "kind": "volume",
            "shape": [1, 2, 2, 2],
            "absent": 0.0,
            "intensity": {"mean": spread(-1, 1), "sd": spread(0.5, 2), "p50": spread(0, 1)},
        },
        "clinical": {
            "kind": "vector",
            "shape": [2],
            "absent": 0.0,
            "columns": [
                {"name": "age", "missing": 0.0, **spread(20, 85)},
                {"name": "afp", "missing": 0.25, **spread(0, 400)},
            ],
        },
    }
}


def flags(name, values, statistics=None):
    return list(TrainingInputs.of(TRAINING).flags(name, np.asarray(values, dtype=float), statistics or {}))


def test_columns():
    assert flags("clinical", [20, 400]) == []
    assert flags("clinical", [93, 12]) == ["age 93 outside 20 to 85"]
    assert flags("clinical", [np.nan, np.nan]) == ["age missing, never in training"]


def test_intensities():
    assert flags("mri", np.zeros(8), {"mean": 1.0, "sd": 0.5}) == []
    assert flags("mri", np.zeros(8), {"mean": 40.0, "sd": 0.25}) == [
        "mri: mean intensity 40 outside -1 to 1",
        "mri: spread of intensity 0.25 outside 0.5 to 2",
    ]


def test_many_columns_are_counted_and_unknown_modalities_pass():
    names = [{"name": str(place), "missing": 0.0, **spread(0, 1)} for place in range(5)]
    known = TrainingInputs.of(
        {"modalities": {"rna": {"kind": "vector", "shape": [5], "absent": 0.0, "columns": names}}}
    )
    assert list(known.flags("rna", np.full(5, 2.0), {})) == ["rna: 5 of 5 columns outside the range of training"]
    assert list(known.flags("rna", np.full(5, np.nan), {})) == [
        "rna: 5 of 5 columns missing that training subjects had"
    ]
    assert list(TrainingInputs.of({}).flags("rna", np.zeros(5), {})) == []


def test_statistics_of_an_image():
    values = np.array([0.0, 2.0, 4.0, 6.0], dtype=np.float32)
    assert image_statistics(values, percentiles=False) == {"mean": 3.0, "sd": pytest.approx(np.sqrt(5))}
    assert image_statistics(values)["p50"] == 3.0


def test_facts_that_are_not_valid():
    broken = {"modalities": {"mri": {"kind": "volume", "shape": [1], "absent": "none"}}}
    with pytest.raises(ModelError, match=r"training.json: `modalities.absent`"):
        TrainingInputs.of(broken)
    with pytest.raises(ModelError, match=r"training\.json"):
        TrainingInputs.of({"modalities": 3})
