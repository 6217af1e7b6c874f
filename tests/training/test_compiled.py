from functools import partial
from importlib import import_module

import pytest
import torch
from lightning_fabric import Fabric
from torch import nn

from xdistill.errors import RunError
from xdistill.training.forward import Compiled, Forward
from xdistill.training.model import DistillationModel
from xdistill.training.trainer import Trainer
from xdistill.types import Batch, Output

# torch's compiler uses parts of torch that torch is giving up.
pytestmark = pytest.mark.filterwarnings("ignore:`torch.jit.script_method` is deprecated:DeprecationWarning")


class Toy(nn.Module):
    """A network of one layer."""

    def __init__(self):
        super().__init__()
        self.layer = nn.Linear(3, 2)

    def forward(self, batch):
        hidden = torch.relu(torch.sin(self.layer(batch.inputs["x"])))
        return Output(logits=hidden, features={"hidden": hidden * 2})


def twice(values: torch.Tensor) -> torch.Tensor:
    return 2 * values


# Two operators of somebody's own: what the second gives is the slope of the first.
DOUBLE = torch.library.custom_op("xdistill_tests::double", twice, mutates_args=())
SLOPE = torch.library.custom_op("xdistill_tests::slope", twice, mutates_args=())
DOUBLE.register_fake(torch.empty_like)
SLOPE.register_fake(torch.empty_like)
DOUBLE.register_autograd(lambda _, gradient: SLOPE(gradient))


class Doubling(nn.Module):
    """A network whose forward torch can compile."""

    inputs = ("x",)

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(3))

    def forward(self, batch):
        return Output(logits=DOUBLE(batch.inputs["x"] * self.weight))


class Sum(nn.Module):
    """An objective."""

    roles = ("student",)
    needs_grad = False
    active = ()

    def total(self, values):
        return values["sum"]

    def sizes(self, labels, batch, taught=None):
        return dict.fromkeys(labels, len(batch))

    def forward(self, outputs, batch, taught=None):
        return {"sum": outputs["student"].logits.sum()}


def batch_of(subjects):
    values = torch.arange(3.0 * subjects).reshape(subjects, 3)
    return Batch({"x": values}, {"x": torch.ones(subjects, dtype=torch.bool)}, tuple(map(str, range(subjects))))


def settings():
    return import_module("torch._inductor.config")


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()
    with settings().patch(compile_threads=1):  # no processes that stay behind
        yield Compiled()
    torch.compiler.reset()


# The backend of users runs a C++ compiler four times here; the other one compiles graphs and no kernels.
@pytest.mark.parametrize("backend", ["aot_eager", pytest.param("inductor", marks=pytest.mark.slow)])
def test_compiled_networks_say_the_same_and_learn_the_same(compiled, monkeypatch, backend):
    monkeypatch.setattr(torch, "compile", partial(torch.compile, backend=backend))
    network = Toy()
    network.requires_grad_(requires_grad=True)
    gradients = []
    for compute in (Forward(), compiled):
        for subjects in (4, 3):  # a last batch is smaller
            network.zero_grad()
            output = compute(network, batch_of(subjects))
            (output.logits.sum() + output.features["hidden"].sum()).backward()
        gradients.append((output.logits.detach(), network.layer.weight.grad.clone()))
    for plain, translated in zip(*gradients, strict=True):
        torch.testing.assert_close(translated, plain)
    assert list(network.state_dict()) == ["layer.weight", "layer.bias"]


def test_frozen_networks_are_left_as_they_are(compiled, monkeypatch):
    monkeypatch.setattr(torch, "compile", lambda network: pytest.fail(f"compiled {network}"))
    with torch.no_grad():
        compiled(Toy(), batch_of(2))


def test_a_machine_without_a_compiler_is_told_so(compiled):
    message = r"torch cannot compile the network Toy: .*compiler.*set compute.compile to false"
    no_compiler = settings().patch({"cpp.cxx": (None, "/nowhere/compiler")})
    with no_compiler, pytest.raises(RunError, match=message), compiled.explained():
        compiled(Toy(), batch_of(4))


def a_step(compute):
    """A step of a network of one weight a value, and what the weights are afterwards; they begin at one."""
    network = Doubling()
    model = DistillationModel({"student": network}, Sum(), ["student"], forward=compute)
    trainer = Trainer(model, torch.optim.SGD(model.parameters(), lr=0.5), fabric=Fabric(accelerator="cpu", devices=1))
    with compute.explained():
        trainer.train_step(batch_of(2))
    return network.weight.tolist()


@pytest.mark.slow
def test_a_backward_pass_that_torch_cannot_compile_is_told_so(compiled, monkeypatch):
    def lowering(gradient):
        raise NotImplementedError("no code for slopes")

    lowerings = import_module("torch._inductor.lowering").lowerings
    monkeypatch.setitem(lowerings, torch.ops.xdistill_tests.slope.default, lowering)
    message = r"cannot compile the network Doubling: .*no code for slopes; set compute.compile to false$"
    with pytest.raises(RunError, match=message):
        a_step(compiled)
    assert a_step(Forward()) == [-2.0, -4.0, -6.0]  # 1 - 0.5 * 2 * (0 + 3, 1 + 4, 2 + 5)
