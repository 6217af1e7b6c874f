"""The suite of callbacks."""

from __future__ import annotations

import io
from copy import deepcopy
from typing import Any, ClassVar

import torch

from xdistill.interfaces.callback import Callback
from xdistill.testing.helpers.training import toy_trainer, train
from xdistill.testing.suite import Conformance, promised, require


class CallbackConformance(Conformance):
    """What a callback has to do. It is called by a training of a few steps, with a teacher and a student.

    Attributes:
        draws: the callback draws random numbers from PyTorch's global generator, as one that adds noise does.
        repeats: what it adds to the history depends on the training alone, and not, for example, on the time.
    """

    kind = "callback"
    draws: ClassVar[bool] = False
    repeats: ClassVar[bool] = True

    def built(self) -> Callback:
        """The callback, from its settings."""
        callback: Callback = self.choice().build()
        return callback

    def test_two_stages_from_start_to_end(self) -> None:
        """A callback is called in each stage of a recipe."""
        callback = self.built()
        for stage in ("first", "second"):
            train(toy_trainer([callback], name=stage))

    def test_the_history_keeps_its_figures(self) -> None:
        """Rows keep what the trainer writes, and what is added are texts and numbers, which fit into a table."""
        expected = train(toy_trainer())
        for own, row in zip(expected, train(toy_trainer([self.built()])), strict=True):
            lost = [name for name in own if name not in row]
            require(not lost, f"the history loses {lost}")
            wrong = {name: value for name, value in row.items() if not isinstance(value, (str, int, float))}
            require(not wrong, f"the history gets {wrong}, which are neither text nor numbers")

    def test_state_survives_a_checkpoint(self) -> None:
        """The state is plain data and tensors, and a callback that loads it has the same state."""
        first, second = self.built(), self.built()
        train(toy_trainer([first]), until=1)
        state, loaded = _checkpointed(first.state_dict()), _checkpointed(first.state_dict())
        second.load_state_dict(loaded)
        again = _checkpointed(second.state_dict())
        require(_same(state, again), f"the state {state} became {again}")

    @promised("repeats")
    def test_a_training_that_is_resumed(self) -> None:
        """A training that stops after an epoch and is resumed writes the same history."""
        expected = train(toy_trainer([self.built()]))
        stopped, resumed = self.built(), self.built()
        trainer = toy_trainer([stopped])
        train(trainer, until=1)
        resumed.load_state_dict(deepcopy(stopped.state_dict()))
        trainer.callbacks = [resumed]
        history = train(trainer, done=1)
        require(history == expected, f"resumed after epoch 1, the history is {history[1:]}, not {expected[1:]}")

    @promised("draws", expected=False)
    def test_no_random_numbers_are_drawn(self) -> None:
        """The training draws the same random numbers with and without the callback."""
        before = torch.get_rng_state()
        try:
            train(toy_trainer([self.built()]))
            same = torch.equal(before, torch.get_rng_state())
        finally:
            torch.set_rng_state(before)
        require(same, "PyTorch's global generator is in another state; draw from a torch.Generator of your own")


def _checkpointed(state: dict[str, Any]) -> Any:
    """The state as it comes back from a checkpoint, which is read as data and never runs code."""
    buffer = io.BytesIO()
    torch.save(state, buffer)
    buffer.seek(0)
    return torch.load(buffer, weights_only=True)


def _same(first: Any, second: Any) -> bool:
    if isinstance(first, torch.Tensor):
        return isinstance(second, torch.Tensor) and torch.equal(first, second)
    if isinstance(first, dict):
        return (
            isinstance(second, dict)
            and first.keys() == second.keys()
            and all(_same(value, second[name]) for name, value in first.items())
        )
    if isinstance(first, (list, tuple)):
        return type(first) is type(second) and len(first) == len(second) and all(map(_same, first, second))
    return bool(first == second)
