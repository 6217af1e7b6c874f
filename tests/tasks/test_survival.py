"""The task of survival: its files, messages, predictions and cut points."""

import math

import numpy as np
import pytest
import torch

from xdistill.errors import SettingsError
from xdistill.interfaces import LabelsError, LabelTable
from xdistill.interfaces.component import choose
from xdistill.interfaces.labels import TaskReader
from xdistill.plugin import load_catalog
from xdistill.tasks import Survival
from xdistill.tasks.hazards import kaplan_meier, quantiles

# By hand: 3/4 survive time 1, one of two who are left has the event at 3, and the last at 4.
TARGETS = np.array([[1.0, 1.0], [2.0, 0.0], [3.0, 1.0], [4.0, 1.0]])
DISCRETE = Survival("discrete", (1.0, 3.0, 5.0), "days")


def read(times, events, **settings):
    reader = choose(TaskReader, {"use": "survival", "time": "t", "event": "e", **settings}, load_catalog()).build()
    return reader.read(LabelTable({"t": list(map(str, times)), "e": events}, "label"))


def test_words_for_events():
    labels = read([1, 2, 3, 4.5], ["yes", "NO", "1.0", "0"])
    assert labels.targets == ((1, 1), (2, 0), (3, 1), (4.5, 0))
    assert labels.task == Survival()


def test_cut_points_are_times_of_events():
    # Events at 1, 2, 3, 4, 6 and 8.
    times, events = [1, 2, 3, 4, 5, 6, 7, 8], ["1", "1", "1", "1", "0", "1", "0", "1"]
    assert read(times, events, method="discrete", bins=3).task.cuts == (3, 6, 8)
    assert read(times, events, method="discrete", cuts=(2, 6)).task.cuts == (2, 6)
    assert quantiles([5, 5, 5, 9], [1, 1, 1, 1], 4) == (5, 9)


@pytest.mark.parametrize(
    ("times", "events", "message"),
    [
        ([1, 0, -3], ["1", "0", "1"], "column 't': 2 values are not above 0, as the time until an event must be, such"),
        ([1, "soon", 3], ["1", "0", "1"], r"column 't': 'soon' is not a number \(line 2\)"),
        ([1, 2, "inf"], ["1", "0", "1"], "column 't': 'inf' is not a number"),
        ([1, 2, 3], ["0", "0", "no"], "column 'e': no subject has an event, all 3 are censored"),
        ([1, 2, 3], ["1", "2", "dead"], "column 'e': 2 values are not an event .1, yes, true. or censoring"),
        ([1, "", 3], ["1", "0", ""], r"column 't': label is missing \(line 2\)\n  column 'e': label is missing"),
    ],
)
def test_labels_that_are_refused(times, events, message):
    with pytest.raises(LabelsError, match=message) as caught:
        read(times, events)
    assert len(caught.value.problems) == message.count("\\n") + 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"cuts": (1, 2)}, "Cox's model has no cut points"),
        ({"method": "discrete", "cuts": (2, 1)}, "in ascending order"),
        ({"method": "discrete", "cuts": (2,)}, "at least two"),
    ],
)
def test_settings_that_are_refused(settings, message):
    with pytest.raises((SettingsError, ValueError), match=message):
        read([1, 2], ["1", "1"], **settings)


def test_all_events_at_one_time():
    with pytest.raises(LabelsError, match="column 't': discrete time needs at least two cut points; set `cuts`"):
        read([5, 5, 5], ["1", "1", "1"], method="discrete")


def test_targets_as_text():
    assert [DISCRETE.target_text(target) for target in TARGETS[:2]] == ["1.0", "2.0+"]
    assert DISCRETE.parse_target("2.0+") == (2.0, 0.0)
    with pytest.raises(ValueError, match=r"'\+2' is not a time|not a time"):
        DISCRETE.parse_target("two")
    assert DISCRETE.target_problem((0.0, 1.0)) == "the time 0 is not above 0"
    assert DISCRETE.target_problem((1e39, 1.0)) == "the time 1e+39 is larger than float32 holds (3.4e+38)"
    assert DISCRETE.target_problem((1.0, 2.0)) == "the event 2 is neither 0 nor 1"


def test_folds_are_stratified_by_the_event():
    assert DISCRETE.strata(TARGETS).tolist() == [1, 0, 1, 1]
    assert DISCRETE.counts(TARGETS) == {"event": 3}
    assert DISCRETE.summary(TARGETS) == {"counts": {"event": 3, "censored": 1}, "median_time": 2.5}


def test_predictions_of_hazards():
    # Hazards 1/4, 1/2 and 1/2; the mortality is the sum of the cumulative hazards.
    predicted = DISCRETE.predict(torch.tensor([[-math.log(3), 0.0, 0.0]], dtype=torch.float64))
    survival = [3 / 4, 3 / 8, 3 / 16]
    np.testing.assert_allclose(predicted[0, 1:], survival)
    assert predicted[0, 0].item() == pytest.approx(math.log(-sum(map(math.log, survival))))
    assert DISCRETE.columns == ("risk", "survival_1.0", "survival_3.0", "survival_5.0")
    assert not DISCRETE.prediction_problem(predicted[0].tolist())
    assert DISCRETE.prediction_problem([0, 0.5, 0.6, 0.1]) == "the probability of survival rises to 0.6"
    assert DISCRETE.prediction_problem([0, 1.5, 0.6, 0.1]).startswith("a probability of survival is not between")


def test_the_constant_prediction_is_kaplan_and_meiers():
    assert DISCRETE.constant_prediction(TARGETS)[1:].tolist() == [3 / 4, 3 / 8, 0]
    assert [kaplan_meier(*TARGETS.T, until) for until in (0.5, 2.0, 3.0)] == [1, 3 / 4, 3 / 8]
    assert Survival().constant_prediction(TARGETS).tolist() == [0]


def test_validation_loss_of_cox():
    # Everyone is at risk at 1, two at 3 and one at 4.
    risk = np.array([[1.0], [0.0], [0.0], [0.5]])
    expected = math.log(math.e + 2 + math.exp(0.5)) - 1 + math.log(1 + math.exp(0.5)) + 0
    assert Survival().validation_loss(risk, TARGETS) == pytest.approx(expected / 3)
    assert Survival().validation_loss(risk[:2], np.array([[1.0, 0.0], [2.0, 0.0]])) == 0


def test_validation_loss_of_discrete_time():
    # Falls by 1/4 in the first bin and 3/8 in the second; known to have survived the first when censored at 2;
    # the event at 4 is in the third bin.
    predictions = np.tile([0.0, 3 / 4, 3 / 8, 1 / 8], (4, 1))
    expected = -np.log([1 / 4, 3 / 4, 3 / 8, 1 / 4]).mean()
    assert DISCRETE.validation_loss(predictions, TARGETS) == pytest.approx(expected)
