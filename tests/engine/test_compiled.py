from importlib import import_module

import pytest
import torch
from torch import nn

from xdistill.engine.computing import Alone, Compiled
from xdistill.errors import RunError
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


def batch_of(subjects):
    values = torch.arange(3.0 * subjects).reshape(subjects, 3)
    return Batch({"x": values}, {"x": torch.ones(subjects, dtype=torch.bool)}, tuple(map(str, range(subjects))))


@pytest.fixture
def compiled(monkeypatch, tmp_path):
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", str(tmp_path))
    torch.compiler.reset()
    with import_module("torch._inductor.config").patch(compile_threads=1):  # no processes that stay behind
        yield Compiled()
    torch.compiler.reset()


def test_compiled_networks_say_the_same_and_learn_the_same(compiled):
    network = Toy()
    network.requires_grad_(requires_grad=True)
    gradients = []
    for compute in (Alone(), compiled):
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


def test_a_machine_without_a_compiler_is_told_so(compiled, monkeypatch):
    monkeypatch.setattr("torch._inductor.config.cpp.cxx", (None, "/nowhere/compiler"))
    with pytest.raises(RunError, match=r"torch cannot compile the network Toy: .*compiler.*leave out compute.compile"):
        compiled(Toy(), batch_of(4))
