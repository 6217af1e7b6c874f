"""Terms that teach the teacher, and terms whose loss has optimiser settings of its own."""

import pytest
import torch
from torch import nn

from crossmodal.small import learned, small, taught
from tiny import trained
from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.plugin import load_catalog
from xdistill.recipe.load import as_loaded
from xdistill.recipe.schema import Optimizer, TermOptimizer
from xdistill.training.objective import Term, output_part, spec_part
from xdistill.training.optimizer import make_optimizer, make_scheduler
from xdistill.types import Output, OutputSpec

STAGES = [taught("alone"), taught("both")]
MUTUAL = {
    "name": "joint",
    "train": ["teacher", "student"],
    "epochs": 1,
    "objective": [
        {"use": "cross_entropy", "on": "teacher"},
        {"use": "cross_entropy", "on": "student"},
        {"use": "kd", "temperature": 1},
        {"use": "kd", "temperature": 1, "teaches": "teacher"},
    ],
}


@pytest.fixture(scope="module")
def catalog():
    return load_catalog()


class Half(nn.Module):
    """The student's logits, and half of the teacher's."""

    def forward(self, student, teacher, _batch):
        return student.logits.sum() + teacher.logits.sum() / 2


@pytest.mark.parametrize(
    ("settings", "value", "student", "teacher"),
    [
        ({}, 2.0, 1.0, None),
        ({"teaches": "teacher"}, 2.5, None, 1.0),
        ({"detach_teacher": False}, 2.0, 1.0, 0.5),
        ({"teaches": "teacher", "detach_teacher": False}, 2.5, 0.5, 1.0),
    ],
)
def test_which_network_learns(settings, value, student, teacher):
    outputs = {
        name: Output(torch.full((1, 1), size).requires_grad_()) for name, size in (("student", 1.0), ("teacher", 2.0))
    }
    term = Term(Half(), label="half", **settings)(outputs, None)
    term.backward()
    assert float(term.detach()) == value
    found = [outputs[role].logits.grad for role in ("student", "teacher")]
    assert [None if grad is None else float(grad) for grad in found] == [student, teacher]


def test_a_member_of_an_output():
    logits, own, feature = torch.zeros(1, 2), torch.ones(1, 2), torch.ones(1, 3)
    output = output_part(Output(logits, {"image.hidden": feature, "hidden": logits}, {"image": own}), "image")
    assert output.logits is own
    assert output.features["hidden"] is feature
    spec = spec_part(OutputSpec(2, {"image.hidden": (3,), "hidden": (2,)}, ("image",)), "image")
    assert spec.features == {"image.hidden": (3,), "hidden": (3,)}
    assert spec_part(spec, "logits") is spec


def test_mutual_learning_runs_and_keeps_its_labels(tmp_path, catalog):
    recipe = small(stages=[MUTUAL])
    resolved = assemble(as_loaded(recipe), catalog).resolved()
    assert [term.get("teaches") for term in resolved["stages"][0]["objective"]] == [None, None, None, "teacher"]
    run = trained(recipe, runs=tmp_path / "runs", cache=tmp_path / "cache")
    assert {"kd", "kd:teacher"} <= set(run.history[0].values)


@pytest.mark.parametrize("control", ["constant_teacher", "label_smoothing"])
def test_controls_leave_out_what_the_student_teaches(control, catalog):
    experiment = assemble(as_loaded(small(stages=[MUTUAL], control=control)), catalog)
    labels = {stage.name: [term.label for term in stage.terms] for stage in experiment.schedule}
    assert labels == {"joint (teacher)": ["cross_entropy:teacher"], "joint": ["cross_entropy:student", "kd"]}


@pytest.mark.parametrize(
    ("term", "field", "words"),
    [
        (
            {"use": "cross_entropy", "on": "student", "teaches": "teacher"},
            ".teaches",
            "`cross_entropy` scores a single network, and no network teaches another; leave out `teaches`",
        ),
        (
            {"use": "kd", "teaches": "teacher"},
            ".teaches",
            "`kd` teaches the teacher, which this stage does not train",
        ),
        (
            {"use": "kd", "optimizer": {"lr": 0.1}},
            "",
            "`kd` has no parameters of its own; leave out `optimizer`",
        ),
    ],
)
def test_terms_that_make_no_sense(term, field, words, catalog):
    with pytest.raises(RecipeError) as caught:
        assemble(as_loaded(small(stages=[*STAGES, learned(term)])), catalog)
    assert {(problem.path, problem.message) for problem in caught.value.problems} == {
        (f"stages.2.objective.1{field}", words)
    }


def test_recipes_without_new_fields_resolve_as_before(catalog):
    terms = assemble(as_loaded(small()), catalog).resolved()["stages"][2]["objective"]
    assert all(not {"teaches", "optimizer"} & set(term) for term in terms)


def test_a_loss_has_its_own_learning_rate():
    module = nn.ModuleDict({"network": nn.Linear(1, 1, bias=False), "loss": nn.Linear(1, 1, bias=False)})
    nn.init.ones_(module["network"].weight)
    nn.init.ones_(module["loss"].weight)
    settings = Optimizer(use="sgd", lr=1.0, momentum=0, weight_decay=0, schedule="linear")
    own = [(module["loss"], TermOptimizer(lr=0.1, weight_decay=0.5))]
    optimizer = make_optimizer(module, settings, own)
    scheduler = make_scheduler(optimizer, settings, steps=2)
    for _ in range(2):  # the gradient of either weight is one
        optimizer.zero_grad()
        (module["network"].weight + module["loss"].weight).sum().backward()
        optimizer.step()
        scheduler.step()
    # 1 - 1 - 0.5; the other: 1 - 0.1 (1 + 0.5) = 0.85, then 0.85 - 0.05 (1 + 0.425).
    assert float(module["network"].weight.detach()) == pytest.approx(-0.5)
    assert float(module["loss"].weight.detach()) == pytest.approx(0.85 - 0.05 * 1.425)


def test_what_a_loss_does_not_state_is_the_stages():
    module = nn.ModuleDict({"network": nn.Linear(1, 1), "loss": nn.Linear(1, 1)})
    first, second = make_optimizer(
        module, Optimizer(lr=1.0, weight_decay=0.3), [(module["loss"], TermOptimizer(lr=0.1))]
    ).param_groups
    assert [len(group["params"]) for group in (first, second)] == [2, 2]
    assert (first["lr"], second["lr"]) == (1.0, 0.1)
    assert (first["weight_decay"], second["weight_decay"]) == (0.3, 0.3)


def test_a_run_with_settings_of_its_own(tmp_path, catalog):
    def recipe(**settings):
        term = {"use": "hint", "taps": ["hidden"], "output": "both", "adapter": "always", **settings}
        return small(stages=[*STAGES, {**learned(term), "epochs": 3}])

    resolved = assemble(as_loaded(recipe(optimizer={"lr": 0.5})), catalog).resolved()
    assert resolved["stages"][2]["objective"][1]["optimizer"] == {"lr": 0.5, "weight_decay": None}
    plain, fast = (
        trained(recipe(**settings), runs=tmp_path / "runs", cache=tmp_path / "cache").history[-1].values["hint:both"]
        for settings in ({}, {"optimizer": {"lr": 0.5}})
    )
    assert plain != fast
