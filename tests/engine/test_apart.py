"""Networks with a graph each: the same bits whether one core computes them or two."""

import threading
from functools import partial

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from xdistill.training.apart import Apart, are_apart
from xdistill.types import Output
from xdistill.workers.lent import set_lent_cores


@pytest.fixture(autouse=True)
def _nothing_stays_lent():
    yield
    set_lent_cores(0)


class DrawnBackward(torch.autograd.Function):
    """Adds noise to the gradient."""

    @staticmethod
    def forward(_, value):
        return value.clone()

    @staticmethod
    def backward(_, gradient):
        return gradient + 0.01 * torch.randn_like(gradient)


class Toy(nn.Module):
    """Layers with all that a step changes: weights, running statistics, and random numbers where asked for."""

    def __init__(self, *, dropout=0.0, after=0, checkpointed=False, drawn_backward=False):
        super().__init__()
        self.first, self.norm, self.last = nn.Linear(5, 7), nn.BatchNorm1d(7), nn.Linear(7, 3)
        self.dropout, self.after = nn.Dropout(dropout), after
        self.checkpointed, self.drawn_backward = checkpointed, drawn_backward
        self.register_buffer("mean", torch.zeros(7))
        self.register_buffer("steps", torch.zeros((), dtype=torch.long))
        self.threads = []

    def forward(self, x):
        self.threads.append(threading.current_thread())
        hidden = checkpoint(self.hidden, x, use_reentrant=False) if self.checkpointed else self.hidden(x)
        self.mean = 0.9 * self.mean + hidden.detach().mean(dim=0)  # another tensor than before
        self.steps += 1
        hidden.register_hook(lambda _: self.threads.append(threading.current_thread()))
        if self.drawn_backward:
            hidden = DrawnBackward.apply(hidden)
        return Output(self.last(hidden), {"hidden": hidden, "twice": 2 * hidden}, {"aux": hidden[:, :3] * 1})

    def hidden(self, x):
        value = torch.tanh(self.norm(self.first(x)))
        return self.dropout(value) if self.dropout.p and self.steps >= self.after else value


def toys(**settings):
    torch.manual_seed(0)
    return {"teacher": Toy(**settings), "student": Toy(**settings)}


def total(outputs, *, draws=False):
    """Terms on all that the networks say, some of them on several values at once."""
    teacher, student = outputs["teacher"], outputs["student"]
    noise = torch.rand(()) if draws else 1.0
    return (
        teacher.logits.exp().mean()
        + noise * student.logits.square().mean()
        + student.aux["aux"].sin().mean()
        + (student.features["hidden"] - teacher.features["hidden"].detach()).square().mean()
        + (student.features["twice"] * teacher.features["twice"] * student.logits.mean()).mean()
    )


def trained(lent, *, apart=True, steps=5, draws=False, **settings):
    """Weights, statistics and the random numbers that come next after some steps; and the networks."""
    networks = toys(**settings)
    compute = Apart(networks.values())
    optimizer = torch.optim.SGD([weight for network in networks.values() for weight in network.parameters()], lr=0.1)
    torch.manual_seed(1)
    for step in range(steps):
        set_lent_cores(lent if isinstance(lent, int) else lent[step])
        x = torch.randn(6, 5)
        outputs = compute.all({role: partial(network, x) for role, network in networks.items()})
        optimizer.zero_grad()
        total(compute.cut(outputs) if apart else outputs, draws=draws).backward()
        optimizer.step()
    states = [value.clone() for network in networks.values() for value in network.state_dict().values()]
    return [*states, torch.get_rng_state()], networks


def same(first, second):
    return all(torch.equal(one, other) for one, other in zip(first, second, strict=True))


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"dropout": 0.5},
        {"dropout": 0.5, "after": 3},
        {"checkpointed": True},
        {"checkpointed": True, "draws": True},
        {"checkpointed": True, "dropout": 0.5},
        {"drawn_backward": True},
        {"draws": True},
    ],
    ids=str,
)
@pytest.mark.parametrize("lent", [0, 9, (0, 9, 9, 0, 9)], ids=str)
def test_the_bits_are_those_of_one_graph(settings, lent):
    plain, _ = trained(0, apart=False, **settings)
    apart, _ = trained(lent, **settings)
    assert same(plain, apart)


def elsewhere(networks):
    """How often each network was computed in another thread than this one, there and back."""
    here = threading.current_thread()
    return [sum(thread is not here for thread in network.threads) for network in networks.values()]


def test_the_first_network_gets_a_thread_of_its_own_once_a_step_has_drawn_nothing():
    for lent, expected in ((0, 0), (9, 8)):
        _, networks = trained(lent)
        assert elsewhere(networks) == [expected, 0]
        assert len(set(networks["teacher"].threads)) == (2 if expected else 1)


@pytest.mark.parametrize("settings", [{"dropout": 0.5}, {"drawn_backward": True}], ids=str)
def test_networks_that_draw_are_computed_in_their_order(settings):
    _, networks = trained(9, **settings)
    assert elsewhere(networks) == [0, 0]


def test_what_networks_did_that_draw_later_is_taken_back():
    _, networks = trained(9, dropout=0.5, after=2)
    assert elsewhere(networks) == [3, 0], "one step there and back, and the next one there"
    assert [len(network.threads) for network in networks.values()] == [11, 11]
    assert [int(network.steps) for network in networks.values()] == [5, 5]


def test_a_second_network_computes_with_as_many_threads_as_the_first(monkeypatch):
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert elsewhere(trained(3)[1]) == [0, 0]


def seen(networks):
    """What computes networks of which it has seen that they draw nothing."""
    compute = Apart(networks)
    compute._seen = True
    return compute


def test_what_a_network_raises_is_raised():
    def fail():
        raise ValueError("upside down")

    set_lent_cores(9)
    student = Toy()
    for asked in ({"teacher": fail, "student": partial(student, torch.ones(2, 5))}, {"teacher": list, "student": fail}):
        with pytest.raises(ValueError, match="upside down"):
            seen([]).all(asked)


def test_autocast_holds_for_both():
    """It is a setting of each thread."""
    networks = toys()
    set_lent_cores(9)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        outputs = seen(networks.values()).all(
            {role: partial(network, torch.ones(2, 5)) for role, network in networks.items()}
        )
    assert {output.logits.dtype for output in outputs.values()} == {torch.bfloat16}


def test_a_network_that_no_term_reaches():
    networks = toys()
    set_lent_cores(9)
    compute = seen(networks.values())
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
    first, second = toys().values()
    second.norm.beside_others = False
    assert not are_apart([first, second]), "one of them does not want to be"
