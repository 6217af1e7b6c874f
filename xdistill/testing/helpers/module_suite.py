"""Checks that encoders, fusions and networks share: they map subjects to tensors, each subject independently."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.testing.helpers.tensors import (
    copied,
    require_close,
    require_equal,
    require_finite,
    require_trained,
    seeded,
)
from xdistill.testing.suite import Conformance, require

SUBJECTS = 5
_HALF = 0.25  # of the largest value: what bfloat16 may move a result by


class ModuleConformance(Conformance):
    """What every part of a network has to do.

    Attributes:
        untrained: parameters that no gradient reaches by design, by the beginning of their names.
    """

    untrained: ClassVar[Sequence[str]] = ()

    @abstractmethod
    def built(self, *, seed: int = 0) -> nn.Module:
        """The component; its weights follow from the seed."""

    @abstractmethod
    def sample(self, *, seed: int = 0) -> Any:
        """`SUBJECTS` made-up subjects."""

    @abstractmethod
    def take(self, sample: Any, rows: list[int]) -> Any:
        """Some of the subjects, in this order."""

    @abstractmethod
    def tensors(self, sample: Any) -> Mapping[str, Tensor]:
        """The values that the component reads, by name."""

    @abstractmethod
    def call(self, module: nn.Module, sample: Any) -> dict[str, Tensor]:
        """What the component makes of subjects, each tensor ``(batch, ...)`` with a name."""

    def halved(self, sample: Any) -> Any:
        """The subjects as they come under bfloat16 autocast; the loader's values stay in float32."""
        return sample

    def evaluated(self, module: nn.Module, sample: Any) -> dict[str, Tensor]:
        """The result in eval mode, without gradients."""
        module.eval()
        with torch.no_grad():
            return self.call(module, sample)

    def test_every_batch_size(self) -> None:
        """What a subject gives does not depend on how many subjects there are."""
        module, sample = self.built(), self.sample()
        alone = self.evaluated(module, self.take(sample, [0]))
        for size in (2, 7):
            copies = self.evaluated(module, self.take(sample, [0] * size))
            for name, value in copies.items():
                require(len(value) == size, f"{name} has {len(value)} rows for {size} subjects")
            first = {name: value[:1] for name, value in copies.items()}
            require_close(alone, first, f"a subject in a batch of {size} and alone")

    def test_subjects_do_not_influence_each_other(self) -> None:
        """In eval mode a subject's result does not depend on who else is in the batch."""
        module, sample, others = self.built(), self.sample(), self.sample(seed=1)
        mixed = self.joined(self.take(sample, [0]), self.take(others, list(range(1, SUBJECTS))))
        first, second = self.evaluated(module, sample), self.evaluated(module, mixed)
        require_close(_head(first), _head(second), "the first subject with other subjects")

    @abstractmethod
    def joined(self, first: Any, second: Any) -> Any:
        """The subjects of both."""

    def test_a_permuted_batch_gives_permuted_output(self) -> None:
        """In eval mode a subject's result does not depend on its place."""
        module, sample = self.built(), self.sample()
        order = [3, 1, 4, 0, 2]
        straight = self.evaluated(module, sample)
        permuted = self.evaluated(module, self.take(sample, order))
        require_close({name: value[order] for name, value in straight.items()}, permuted, "in another order")

    def test_eval_mode_repeats_itself(self) -> None:
        """In eval mode nothing is drawn and nothing is learned."""
        module, sample = self.built(), self.sample()
        before = copied(module.state_dict())
        first, second = self.evaluated(module, sample), self.evaluated(module, sample)
        require_equal(first, second, "a second call in eval mode")
        require_equal(before, copied(module.state_dict()), "the state after calls in eval mode")

    def test_training_on_one_subject(self) -> None:
        """In training a batch of one works, or is refused in words that say which setting helps."""
        module = self.built().train()
        try:
            with seeded():
                result = self.call(module, self.take(self.sample(), [0]))
        except SettingsError:
            return
        require_finite(result, "training on one subject")

    def test_gradient_reaches_every_parameter(self) -> None:
        """Whatever is trainable is trained."""
        module = self.built().train()
        with seeded():
            result = self.call(module, self.sample())
        require_finite(result, "in train mode")
        with seeded():  # weights of their own, since the plain sum of a normalised vector has no gradient
            terms = [(value * torch.randn(value.shape)).sum() for value in result.values() if value.requires_grad]
        if terms:  # a component without parameters has none
            torch.autograd.backward(torch.stack(terms).sum())
        require_trained(module, untrained=self.untrained)

    def test_state_survives_a_round_trip(self) -> None:
        """A component that loads another's state gives the same bits: nothing that matters is outside of it."""
        first, second, sample = self.built(seed=1), self.built(seed=2), self.sample()
        with seeded(), torch.no_grad():
            self.call(first.train(), sample)  # running statistics are part of the state
        second.load_state_dict(copied(first.state_dict()))
        require_equal(self.evaluated(first, sample), self.evaluated(second, sample), "after a state-dict round trip")

    def test_bfloat16_autocast(self) -> None:
        """In bfloat16 the result is that in float32 up to rounding."""
        module, sample = self.built(), self.sample()
        exact = self.evaluated(module, sample)
        with torch.autocast("cpu", dtype=torch.bfloat16):
            rounded = {name: value.float() for name, value in self.evaluated(module, self.halved(sample)).items()}
        require_finite(rounded, "under bfloat16 autocast")
        require_close(exact, rounded, "under bfloat16 autocast", tolerance=_HALF)

    def test_inputs_are_left_alone(self) -> None:
        """Other networks read the same batch after this one."""
        module, sample = self.built().train(), self.sample()
        before = copied(self.tensors(sample))
        with seeded():
            self.call(module, sample)
        require_equal(before, copied(self.tensors(sample)), "the inputs after a call")


def _head(result: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {name: value[:1] for name, value in result.items()}
