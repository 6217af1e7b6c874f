"""Networks with a graph each: the same bits whether one core computes them or two."""

import threading
from functools import partial

import pytest
import torch
from torch import nn

from xdistill.engine.apart import Apart, are_apart
from xdistill.types import Output
from xdistill.workers.lent import set_lent_cores


@pytest.fixture(autouse=True)
def _nothing_stays_lent():
    yield
    set_lent_cores(0)


class Toy(nn.Module):
    """Layers with all that a step changes: weights, running statistics, and random numbers where asked for."""

    def __init__(self, dropout=0.0):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Linear(7, 3)
        self.dropout = nn.Dropout(dropout) if dropout else nn.Identity()
        self.threads = []

    def forward(self, x):
        self.threads.append(threading.current_thread())
        hidden = self.dropout(torch.tanh(self.norm(self.first(x))))
        hidden.register_hook(lambda _: self.threads.append(threading.current_thread()))
        return Output(self.last(hidden), {"hidden": hidden, "twice": 2 * hidden}, {"aux": hidden[:, :3] * 1})


def toys(dropout=0.0):
    torch.manual_seed(0)
    return {"teacher": Toy(dropout), "student": Toy(dropout)}


def total(outputs):
    """Terms on all that the networks say, some of them on several values at once."""
    teacher, student = outputs["teacher"], outputs["student"]
    return (
        teacher.logits.exp().mean()
        + student.logits.square().mean()
        + student.aux["aux"].sin().mean()
        + (student.features["hidden"] - teacher.features["hidden"].detach()).square().mean()
        + (student.features["twice"] * teacher.features["twice"] * student.logits.mean()).mean()
    )


def trained(lent, dropout=0.0, apart=True, steps=4):
    """Weights and statistics after some steps; and the networks."""
    networks = toys(dropout)
    compute = Apart(networks.values())
    optimizer = torch.optim.SGD([weight for network in networks.values() for weight in network.parameters()], lr=0.1)
    torch.manual_seed(1)
    for step in range(steps):
        set_lent_cores(lent if isinstance(lent, int) else lent[step])
        x = torch.randn(6, 5)
        outputs = compute.all({role: partial(network, x) for role, network in networks.items()})
        optimizer.zero_grad()
        total(compute.cut(outputs) if apart else outputs).backward()
        optimizer.step()
    return [value.clone() for network in networks.values() for value in network.state_dict().values()], networks


def same(first, second):
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


def threads(networks):
    """The threads in which each network was computed, there and back."""
    return [len(set(network.threads)) for network in networks.values()]


@pytest.mark.parametrize("dropout", [0.0, 0.5])
@pytest.mark.parametrize("lent", [0, 1, (0, 1, 1, 0)])
def test_the_bits_are_those_of_one_graph(dropout, lent):
    plain, _ = trained(0, dropout, apart=False)
    apart, _ = trained(lent, dropout)
    assert same(plain, apart)


def test_the_first_network_gets_a_thread_of_its_own():
    for lent, expected in ((0, False), (1, True)):
        _, networks = trained(lent)
        here = threading.current_thread()
        assert set(networks["student"].threads) == {here}
        assert (here not in networks["teacher"].threads) is expected
        assert threads(networks) == [1, 1]


def test_networks_that_draw_are_computed_in_their_order():
    """Only what does not draw goes side by side: the backward pass."""
    _, networks = trained(1, dropout=0.5, steps=3)
    assert [len(network.threads) for network in networks.values()] == [7, 7], "the first forward pass was made anew"
    assert threads(networks) == [2, 1]


def test_what_a_network_raises_is_raised():
    def fail():
        raise ValueError("upside down")

    set_lent_cores(1)
    student = Toy()
    for asked in ({"teacher": fail, "student": partial(student, torch.ones(2, 5))}, {"teacher": list, "student": fail}):
        with pytest.raises(ValueError, match="upside down"):
            Apart([]).all(asked)


def test_autocast_holds_for_both():
    """It is a setting of each thread."""
    networks = toys()
    set_lent_cores(1)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = Apart(networks.values()).all(
            {role: partial(network, torch.ones(2, 5)) for role, network in networks.items()}
        )
    assert {output.logits.dtype for output in outputs.values()} == {torch.bfloat16}


def test_a_network_that_no_term_reaches():
    networks = toys()
    set_lent_cores(1)
    compute = Apart(networks.values())
    outputs = compute.cut(compute.all({role: partial(toy, torch.ones(2, 5)) for role, toy in networks.items()}))
    outputs["student"].logits.sum().backward()
    assert networks["teacher"].first.weight.grad is None
    assert networks["student"].first.weight.grad is not None


def test_what_learns_by_itself_and_what_is_shared():
    teacher, student = toys().values()
    assert are_apart([teacher, student])
    assert not are_apart([student])
    student.last = teacher.last
    assert not are_apart([teacher, student])
    teacher.requires_grad_(requires_grad=False)
    assert not are_apart([teacher, student]), "nothing to gain"
    first, second = toys().values()
    second.norm.running_mean = first.norm.running_mean
    assert not are_apart([first, second])
