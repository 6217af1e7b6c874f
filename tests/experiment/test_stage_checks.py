"""What `recipe check` says of stages that fit."""

import pytest
import torch

from crossval.fitting import FEATURES, FIT, on_features, on_the_table
from tiny import tiny
from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.stages.tracing import covers, trace
from xdistill.interfaces.fitted import Estimator
from xdistill.interfaces.network import Student
from xdistill.recipe.load import as_loaded
from xdistill.types import ModalitySpec, Output, Schema


def problems(catalog, recipe):
    with pytest.raises(RecipeError) as caught:
        assemble(as_loaded(recipe), catalog)
    return {(problem.path, problem.message) for problem in caught.value.problems}


def test_stages_of_both_kinds_fit_and_resolve_to_themselves(catalog):
    once = assemble(as_loaded(on_features()), catalog)
    assert assemble(as_loaded(once.resolved()), catalog).resolved() == once.resolved()
    assert once.resolved()["stages"][1] == FIT
    assert once.summary()["stage fit"] == "fits student.head"
    assert {"logistic_regression", "focal"} <= {component.name for component in once.components}


def test_a_network_of_an_estimator_alone_needs_no_training(catalog):
    experiment = assemble(as_loaded(on_the_table()), catalog)
    assert [stage.name for stage in experiment.stages] == ["fit"]
    assert experiment.facts["student"].parameters == 0


@pytest.mark.parametrize(
    ("stages", "path", "words"),
    [
        ([FEATURES], "student", "no stage fits `student.head`; add one, such as `{name: fit, fit: [student.head]}`"),
        (
            [FIT],
            "stages.0.fit",
            "`student.head` depends on `student.branches`, which no earlier stage trains; add a stage that does",
        ),
        (
            [{**FEATURES, "train": ["student.fc"]}, FIT],
            "stages.1.fit",
            "`student.head` depends on `student.branches`, which no earlier stage trains; add a stage that does",
        ),
        (
            [FEATURES, {**FIT, "fit": ["student.fc"]}, {**FIT, "name": "second"}],
            "stages.1.fit",
            ("`student.fc` is not an estimator; use a stage with `train`; estimators of the student: `student.head`"),
        ),
        (
            [FEATURES, FIT, {**FIT, "name": "second", "fit": ["student.heed"]}],
            "stages.2.fit",
            "the student has no part `heed`; did you mean `head`?",
        ),
        (
            [FEATURES, FIT, {**FIT, "name": "second", "fit": ["teacher.head"]}],
            "stages.2.fit",
            "cannot fit `teacher.head`: the recipe has no teacher",
        ),
        (
            [FEATURES, FIT, {**FIT, "name": "second", "fit": ["referee"]}],
            "stages.2.fit",
            "unknown network `referee`; expected `teacher`, `student` or a part of one, such as `student.head`",
        ),
        (
            [{**FEATURES, "objective": [{"use": "focal"}]}, FIT],
            "stages.0.objective.0",
            (
                "`focal` uses `logits` of the student, which depends on `student.head`, which no earlier stage fits; "
                "set `output` to one that does not: `fc`"
            ),
        ),
        (
            [FEATURES, FIT, {**FEATURES, "name": "more", "train": ["student.head"]}],
            "stages.2.train",
            ("`student.head` has no trainable parameters; use a stage with `fit` instead of `train`"),
        ),
    ],
)
def test_what_does_not_fit(catalog, stages, path, words):
    assert problems(catalog, on_features(stages=stages)) == {(path, words)}


def test_logits_count_once_they_are_fitted(catalog):
    tuned = {"name": "tune", "train": ["student.branches"], "epochs": 1, "objective": [{"use": "focal"}]}
    assert len(assemble(as_loaded(on_features(stages=[FEATURES, FIT, tuned])), catalog).stages) == 3


def test_a_fitted_teacher_teaches_from_then_on(catalog):
    teacher = {"use": "fitted", "inputs": ["clinical", "hbp", "pre"], "estimator": {"use": "logistic_regression"}}
    distil = {
        "name": "distil",
        "train": ["student"],
        "epochs": 1,
        "objective": [{"use": "focal"}, {"use": "class_kl"}],
    }
    fit = {"name": "fit", "fit": ["teacher.estimator"]}
    assert assemble(as_loaded(tiny(teacher=teacher, stages=[fit, distil])), catalog).privileged == ("clinical",)
    found = problems(catalog, tiny(teacher=teacher, stages=[distil, fit]))
    assert found == {("stages.0.objective.1", "`class_kl` uses the teacher, which no earlier stage trains")}


def test_a_fit_has_no_epoch_to_choose(catalog):
    recipe = on_the_table(crossval={"folds": 3, "validation": 0.2})
    ((path, message),) = problems(catalog, recipe)
    assert path == "crossval.validation"
    assert message == (
        "validation selects the student's best epoch, but the last stage, `fit`, has no epochs; set "
        "`crossval.validation: 0`"
    )


class Halved(Estimator):
    """Half of what it is given."""

    name = "halved"

    def fit(self, inputs, target, *, seed):
        raise NotImplementedError

    def forward(self, inputs):
        return inputs / 2


class Chain(Student):
    """One layer, an estimator, another estimator, and a layer beside them."""

    name = "chain"
    inputs = ("table",)

    def __init__(self):
        super().__init__(None, schema=SCHEMA)
        self.layer = torch.nn.Linear(2, 2)
        self.first = Halved(None, inputs=2, classes=2)
        self.second = Halved(None, inputs=2, classes=2)
        self.beside = torch.nn.Linear(2, 2)

    def forward(self, batch):
        vector = self.layer(batch.inputs["table"])
        logits = self.second(self.first(vector))
        logits += 1  # in place, as networks may
        return Output(logits=logits, features={"vector": vector}, aux={"beside": self.beside(vector)})


SCHEMA = Schema({"table": ModalitySpec("vector", (2,))}, ("a", "b"))


@pytest.mark.parametrize(
    ("parts", "outputs", "taps", "reached"),
    [
        ((), set(), set(), set()),
        (("layer",), {"logits", "beside"}, {"vector"}, {"first", "second"}),
        (("first",), {"logits"}, set(), {"second"}),
        (("second",), {"logits"}, set(), set()),
        (("beside",), {"beside"}, set(), set()),
        (("",), {"logits", "beside"}, {"vector"}, {"first", "second"}),
    ],
)
def test_what_depends_on_what(parts, outputs, taps, reached):
    network = Chain().train()
    found = trace(network, SCHEMA, parts)
    assert (found.outputs, found.taps) == (outputs, taps)
    assert {path for path in found.calls if found.reaches(path)} == reached
    assert [tuple(value.shape) for value in found.calls["first"]] == [(2, 2)]
    assert network.training
    assert all(parameter.requires_grad for parameter in network.parameters()), "the network is left as it was"
    assert not network.first(torch.ones(1, 2)).requires_grad


def test_a_part_covers_what_is_within_it():
    assert covers(["branches.hbp"], "branches.hbp")
    assert covers(["branches.hbp"], "branches.hbp.trunk.0.weight")
    assert not covers(["branches.hbp"], "branches.hbp2.weight")
    assert not covers([], "branches")


@pytest.mark.parametrize(
    ("changes", "needed"),
    [
        ({"compute": {"compile": True}}, "compute.compile: false"),
        ({"compute": {"devices": 2}}, "compute.devices: 1"),
        ({"missing": "skip"}, "another `missing.use` than `skip`"),
    ],
)
def test_a_loss_that_differentiates_through_the_networks_is_refused_where_it_cannot(catalog, changes, needed):
    stage = tiny()["stages"][0]
    objective = [{"use": "focal", "on": "teacher"}, {"use": "focal"}, {"use": "jacobian", "inputs": ["hbp"]}]
    recipe = tiny(stages=[{**stage, "objective": objective}], **changes)
    message = f"`jacobian` differentiates through the networks, which requires {needed}"
    assert problems(catalog, recipe) == {("stages.0.objective.2", message)}
    assert assemble(as_loaded({**recipe, **{name: {} for name in changes}}), catalog)


def test_batches_of_one_subject_that_a_norm_cannot_learn_from(catalog):
    stage = {"name": "student", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}]}
    student = {"use": "mlp", "inputs": ["clinical"], "hidden": [4], "norm": "batch"}
    recipe = tiny(loader={"batch_size": 1}, student=student, teacher=None, privileged=None, augment=[], stages=[stage])
    ((path, message),) = problems(catalog, recipe)
    assert path == "loader.batch_size"
    assert message.startswith("batches of one subject do not train the student: batch norm cannot learn from a batch")
