"""A loss that fails is reported with the recipe's other problems, before training starts."""

from types import ModuleType

import pytest
import torch

from tiny import tiny
from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.interfaces import DistillationLoss
from xdistill.plugin import hookimpl, load_catalog
from xdistill.plugin.catalog import Plugin
from xdistill.recipe.load import as_loaded


class OneByOne(DistillationLoss):
    """Means to compare, and forgets the mean."""

    name = "one_by_one"

    def forward(self, student, teacher, batch):
        return (student.logits - teacher.logits).square().sum(dim=1)


class Misfit(DistillationLoss):
    """Adds what does not fit."""

    name = "misfit"

    def forward(self, student, teacher, batch):
        return (student.logits + torch.zeros(7, device=student.logits.device)).mean()


class Plain(DistillationLoss):
    """Returns a number, of which nothing is learned."""

    name = "plain"

    def forward(self, student, teacher, batch):
        return 0.0


class Looks(DistillationLoss):
    """Looks at values, which needs arithmetic; and works."""

    name = "looks"

    def forward(self, student, teacher, batch):
        if float(student.logits.sum()) == float("inf"):
            raise ValueError("too large")
        return (student.logits - teacher.logits).square().mean()


@pytest.fixture
def catalog():
    module = ModuleType("rehearsed")
    module.xdistill_distillation_losses = hookimpl(distillation_losses)
    return load_catalog(extra=[Plugin("rehearsed", module, "tests", "0")])


def distillation_losses():
    return [OneByOne, Misfit, Plain, Looks]


def with_terms(*names):
    stage = tiny()["stages"][0]
    return tiny(stages=[{**stage, "objective": [*stage["objective"], *({"use": name} for name in names)]}])


def test_all_that_cannot_work_are_told_at_once(catalog):
    with pytest.raises(RecipeError) as caught:
        assemble(as_loaded(with_terms("one_by_one", "misfit", "plain")), catalog)
    told = {problem.path: problem.message for problem in caught.value.problems}
    assert set(told) == {f"stages.0.objective.{place}" for place in (4, 5, 6)}
    assert "should return a scalar, got a tensor of shape (4,)" in told["stages.0.objective.4"]
    assert "failed with RuntimeError" in told["stages.0.objective.5"]
    assert "test_dry_run.py, line" in told["stages.0.objective.5"]
    assert "should return a tensor, got float" in told["stages.0.objective.6"]


def test_one_that_looks_at_values_is_rehearsed_with_values(catalog):
    assemble(as_loaded(with_terms("looks")), catalog)


def test_no_random_number_of_the_caller_is_drawn(catalog):
    torch.manual_seed(0)
    assemble(as_loaded(with_terms("looks")), catalog)
    after = torch.rand(1)
    torch.manual_seed(0)
    assemble(as_loaded(with_terms()), catalog)
    assert torch.equal(after, torch.rand(1))


def test_a_loss_that_reads_what_no_network_reads():
    stage = {"name": "alone", "train": ["student"], "epochs": 1}
    term = {"use": "clinical_reconstruction", "on": "student", "taps": ["hbp"]}
    changes = {"teacher": None, "privileged": None, "transforms": [], "stages": [{**stage, "objective": [term]}]}
    with pytest.raises(RecipeError, match="reads the modality `clinical`, which no network of the recipe reads"):
        assemble(as_loaded(tiny(**changes)), load_catalog())
