"""Networks that learn in the same step, each with a graph to itself: where a core is idle, two cores compute them.

The graph of a step is cut at what the networks say. Its backward pass first goes through the objective, down to the
cut, and from there through each network by itself. Neither waits for the other, and what is computed is the same, so
that the bits are the same with one core and with two.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from xdistill.training.forward import Alone
from xdistill.types import Output
from xdistill.workers import lent_cores

T = TypeVar("T")


class Apart(Alone):
    """One process computes whole batches; the networks one after the other, or two at a time with cores that are lent.

    Random numbers come from one stream, in whose order networks that draw from it have to be computed. So they go one
    after the other until a whole step has shown that they draw nothing, and ever after once they have drawn.

    Args:
        networks: that are computed in each step; see `are_apart`.
    """

    def __init__(self, networks: Iterable[nn.Module]) -> None:
        self._modules = [module for network in networks for module in network.modules()]
        self._seen = False  # a step of several networks
        self._draw = False
        self._second: ThreadPoolExecutor | None = None

    @property
    def _two_at_a_time(self) -> bool:
        return self._seen and not self._draw and lent_cores() >= torch.get_num_threads()

    def all(self, asked: Mapping[str, Callable[[], Output]]) -> dict[str, Output]:
        """What the networks say.

        Where some draw for the first time, when they have been computed at once, what they have done is taken back:
        their buffers, and the stream.
        """
        stream = torch.get_rng_state()
        if not self._two_at_a_time or torch.is_autocast_enabled("cpu"):  # autocast is a matter of each thread
            outputs = super().all(asked)
            self._watch(stream)
            return outputs
        kept = [
            (module, name, buffer, buffer.clone())
            for module in self._modules
            for name, buffer in module.named_buffers(recurse=False)
        ]
        outputs = dict(zip(asked, self._at_once(list(asked.values())), strict=True))
        self._watch(stream)
        if not self._draw:
            return outputs
        del outputs  # the graphs would stay in memory
        torch.set_rng_state(stream)
        with torch.no_grad():
            for module, name, buffer, value in kept:
                setattr(module, name, buffer.copy_(value))
        return super().all(asked)

    def cut(self, outputs: Mapping[str, Output]) -> dict[str, Output]:
        """The same values; where a backward pass comes to them, it goes on through each network by itself."""
        graphs = [[value for value in _values(output) if value.requires_grad] for output in outputs.values()]
        anchor = torch.empty(0, requires_grad=True)  # what makes torch call the backward pass of the cut
        cut: tuple[Tensor, ...] = _Cut.apply(anchor, graphs, self._backward)  # type: ignore[no-untyped-call]
        replaced = iter(cut)
        return {
            role: output.each(lambda value: next(replaced) if value.requires_grad else value)
            for role, output in outputs.items()
        }

    def _backward(self, graphs: Sequence[Sequence[Tensor]], gradients: Sequence[Tensor | None]) -> None:
        """Through each graph, from the gradients at its values, all graphs' in one row."""
        rest = iter(gradients)
        passes = [partial(_go_through, graph, [next(rest) for _ in graph]) for graph in graphs if graph]
        stream = torch.get_rng_state()
        if self._two_at_a_time:
            self._at_once(passes)
            torch.set_rng_state(stream)  # who computes a part of the forward pass anew here sets it, and sets it back
        else:
            for through in reversed(passes):  # as torch does: what was computed last comes first
                through()
            self._watch(stream)
            self._seen |= len(passes) > 1

    def _watch(self, stream: Tensor) -> None:
        """Remember when random numbers have been drawn from a stream."""
        self._draw |= not torch.equal(stream, torch.get_rng_state())

    def _at_once(self, calls: Sequence[Callable[[], T]]) -> list[T]:
        """What the calls return: the first in a thread of its own, the others meanwhile in this one."""
        if len(calls) < 2:  # noqa: PLR2004 - nothing that could go at once
            return [call() for call in calls]
        if self._second is None:
            self._second = ThreadPoolExecutor(1, "apart", torch.set_num_threads, (torch.get_num_threads(),))
        first = self._second.submit(calls[0])
        try:
            others = [call() for call in calls[1:]]
        finally:
            first.exception()  # wait: nobody may find it at work later
        return [first.result(), *others]


def are_apart(networks: Sequence[nn.Module]) -> bool:
    """Whether several networks learn here, may be computed at once, and have nothing in common that a step changes."""
    changed = [set(map(id, [*_learning(network), *network.buffers()])) for network in networks]
    several = sum(bool(_learning(network)) for network in networks) > 1
    willing = all(getattr(module, "beside_others", True) for network in networks for module in network.modules())
    return several and willing and sum(map(len, changed)) == len(set().union(*changed))


def _learning(network: nn.Module) -> list[nn.Parameter]:
    return [parameter for parameter in network.parameters() if parameter.requires_grad]


def _go_through(graph: Sequence[Tensor], gradients: Sequence[Tensor | None]) -> None:
    """A backward pass from those values of a graph at which there is a gradient."""
    reached = [place for place, gradient in enumerate(gradients) if gradient is not None]
    if reached:
        torch.autograd.backward([graph[place] for place in reached], [gradients[place] for place in reached])


class _Cut(torch.autograd.Function):
    """The values of all graphs, in one row, detached from them."""

    @staticmethod
    def forward(
        ctx: Any,
        anchor: Tensor,  # noqa: ARG004 - torch looks at what is handed over
        graphs: Sequence[Sequence[Tensor]],
        backward: Callable[[Sequence[Sequence[Tensor]], Sequence[Tensor | None]], None],
    ) -> tuple[Tensor, ...]:
        ctx.graphs, ctx.go_on = graphs, backward
        ctx.set_materialize_grads(False)
        return tuple(value.detach() for graph in graphs for value in graph)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, *gradients: Tensor | None) -> tuple[None, None, None]:
        graphs, ctx.graphs = ctx.graphs, ()  # what no gradient reaches is not needed any more
        ctx.go_on(graphs, gradients)
        return None, None, None


def _values(output: Output) -> list[Tensor]:
    """Everything that an output holds, in the order of `Output.each`."""
    return [output.logits, *output.features.values(), *output.aux.values()]
