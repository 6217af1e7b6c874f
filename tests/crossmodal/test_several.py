"""Several teachers by name: combinations by hand, and stages that train or use one of them."""

import math

import pytest
import torch

from crossmodal.small import MEMBERS, TEACHER, learned, small, taught
from tasks.toy_regression import ToyRegression
from tiny import trained
from xdistill.errors import RecipeError, SettingsError
from xdistill.experiment.assemble import assemble
from xdistill.interfaces import Teacher
from xdistill.interfaces.component import choose
from xdistill.plugin import load_catalog
from xdistill.recipe.load import as_loaded
from xdistill.testing.helpers.samples import sample_batch
from xdistill.types import ModalitySpec, Schema
from xdistill_crossmodal.teachers.several import Combination

MODALITIES = {"a": ModalitySpec("vector", (10,)), "b": ModalitySpec("vector", (10,))}
SCHEMA = Schema(MODALITIES, classes=("x", "y", "z"))


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


def problems(catalog, recipe):
    with pytest.raises(RecipeError) as caught:
        assemble(as_loaded(recipe), catalog)
    return {(problem.path, problem.message) for problem in caught.value.problems}


def test_the_mean_of_probabilities_and_of_logits():
    first, second = torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([[0.0, 0.0]])  # 3/4 and 1/2
    probabilities = Combination(2, learned=False, of="probabilities")([first, second]).softmax(dim=1)
    torch.testing.assert_close(probabilities, torch.tensor([[0.625, 0.375]]))
    logits = Combination(2, learned=False, of="logits")([first, second])
    torch.testing.assert_close(logits, torch.tensor([[math.log(3.0) / 2, 0.0]]))


def test_learned_weights_are_a_softmax():
    combination = Combination(2, learned=True, of="probabilities")
    combination.scores.data = torch.tensor([math.log(3.0), 0.0])  # weights 3/4 and 1/4
    logits = [torch.tensor([[math.log(3.0), 0.0]]), torch.tensor([[0.0, 0.0]])]
    torch.testing.assert_close(combination(logits).softmax(dim=1), torch.tensor([[0.6875, 0.3125]]))


def test_members_are_named_in_the_output(catalog):
    network = choose(Teacher, TEACHER, catalog).build(schema=SCHEMA)
    batch = sample_batch(SCHEMA, subjects=4)
    output = network(batch.restricted_to(network.inputs))
    assert network.inputs == ("a", "b")
    assert set(output.aux) == set(MEMBERS)
    assert set(output.features) == {"alone.hidden", "both.hidden"}
    alone = network.members["alone"](batch.restricted_to(["a"]))
    torch.testing.assert_close(output.aux["alone"], alone.logits)
    torch.testing.assert_close(output.features["alone.hidden"], alone.features["hidden"])


def test_members_within_members(catalog):
    nested = {"use": "several", "members": {"inner": TEACHER, "other": MEMBERS["alone"]}}
    network = choose(Teacher, nested, catalog).build(schema=SCHEMA)
    output = network(sample_batch(SCHEMA, subjects=4).restricted_to(network.inputs))
    assert set(output.aux) == {"inner", "other", "inner.alone", "inner.both"}


def test_regression_has_no_probabilities_to_average(catalog):
    schema = Schema(MODALITIES, task=ToyRegression("size"))
    with pytest.raises(SettingsError, match=r"set `combine: logits`"):
        choose(Teacher, TEACHER, catalog).build(schema=schema)
    network = choose(Teacher, {**TEACHER, "combine": "logits"}, catalog).build(schema=schema)
    batch = sample_batch(SCHEMA, subjects=4)
    output = network(batch.restricted_to(network.inputs))
    torch.testing.assert_close(output.logits, (output.aux["alone"] + output.aux["both"]) / 2)


@pytest.mark.parametrize("name", ["logits", "a.b", "items"])
def test_names_that_a_member_cannot_have(catalog, name):
    teacher = {**TEACHER, "members": {**MEMBERS, name: MEMBERS["alone"]}}
    ((path, message),) = problems(catalog, small(teacher=teacher))
    assert path == "teacher.members"
    assert f"a member cannot be named {name!r}" in message


def test_a_stage_trains_one_member_and_a_loss_uses_one(tmp_path, catalog):
    terms = [{"use": "kd", "output": "both"}, {"use": "hint", "taps": ["hidden"], "output": "alone"}]
    recipe = small(stages=[taught("alone"), taught("both"), learned(*terms)])
    experiment = assemble(as_loaded(recipe), catalog)
    assert assemble(as_loaded(experiment.resolved()), catalog).resolved() == experiment.resolved()
    run = trained(recipe, runs=tmp_path / "runs", cache=tmp_path / "cache")
    columns = {row.stage: set(row.values) for row in run.history}
    assert {"kd:both", "hint:alone"} <= columns["student"]


def test_errors_of_names(catalog):
    unknown = learned({"use": "kd", "output": "bath"})
    found = problems(catalog, small(stages=[taught("alone"), taught("both"), unknown]))
    assert found == {
        (
            "stages.2.objective.1.output",
            "the teacher has no output `bath`; did you mean `both`? Valid outputs: `logits`, `alone`, `both`",
        )
    }
    tap = learned({"use": "hint", "taps": ["hiden"], "output": "alone"})
    ((path, message),) = problems(catalog, small(stages=[taught("alone"), taught("both"), tap])) - {
        ("stages.2.objective.1.taps", "the student has no tap `hiden`; did you mean `hidden`? Valid taps: `hidden`")
    }
    assert path == "stages.2.objective.1.taps"
    assert "the teacher has no tap `hiden`; did you mean" in message


def test_a_stage_whose_loss_is_of_another_member(catalog):
    stage = {**taught("alone"), "train": ["teacher.members.both"]}
    assert problems(catalog, small(stages=[stage, taught("both"), learned({"use": "ca_mkd"})])) == {
        (
            "stages.0.train",
            "no loss in the objective depends on `teacher.members.both`; outputs that depend on it: `logits`, `both`",
        )
    }


def test_a_stage_of_the_weights_alone(catalog):
    weights = {"train": ["teacher.combination"], "objective": [{"use": "cross_entropy", "on": "teacher"}]}
    stages = [taught("alone"), taught("both"), {"name": "weights", "epochs": 1, **weights}, learned({"use": "kd"})]
    recipe = small(teacher={**TEACHER, "weights": "learned"}, stages=stages)
    assert [stage.name for stage in assemble(as_loaded(recipe), catalog).stages] == [
        "alone",
        "both",
        "weights",
        "student",
    ]
    found = problems(catalog, small(stages=stages))
    assert found == {("stages.2.train", "`teacher.combination` has no trainable parameters")}
