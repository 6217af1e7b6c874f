"""Estimators: parts of a network that are fitted at once instead of trained by gradient."""

from __future__ import annotations

from abc import abstractmethod
from typing import ClassVar

from jaxtyping import Float, Shaped
from torch import Tensor, nn

from xdistill.interfaces.component import Component, Settings


class Estimator(Component, nn.Module):
    """From a vector to logits, fitted to all training subjects by a stage ``{name: ..., fit: [student.head]}``.

    ``__init__(config, *, inputs, classes)`` gets the vector's length and the number of classes, and registers buffers
    of their final shapes for everything that `fit` will learn: then weights are saved, loaded and moved to devices as
    those of any network, and no gradient reaches them. Where a shape is known only after `fit`, as that of a forest,
    override ``_load_from_state_dict`` so that the buffer takes the shape of what is loaded. It may refuse with a
    `SettingsError`.

    A network builds its estimator as any other part, and calls it once in ``forward``, with one vector per subject::

        self.head = config.estimator.build(inputs=width, classes=schema.task.outputs)
        ...
        return Output(logits=self.head(vector))

    Before it is fitted, `forward` has to work as well, since networks are run once to learn the shapes of what they
    return.

    Attributes:
        inputs: length of the vector.
        classes: number of classes, or of the targets of a regression.
        tasks: names of the tasks that it can be fitted for; a recipe with another task is rejected.
    """

    tasks: ClassVar[tuple[str, ...]] = ("classification",)

    def __init__(self, config: Settings, *, inputs: int, classes: int) -> None:
        super().__init__()
        self.config = config
        self.inputs = inputs
        self.classes = classes

    @abstractmethod
    def fit(
        self, inputs: Float[Tensor, "subjects inputs"], target: Shaped[Tensor, "subjects ..."], *, seed: int
    ) -> None:
        """Learn from all training subjects at once, into buffers.

        Args:
            inputs: float32, on the processor and finite.
            target: class indices, of which every class occurs; for other tasks what `Task.encoded` gives, such as
                standardised numbers ``(subjects, targets)``.
            seed: for whatever is random in it; the same seed has to give the same bits.

        Raises:
            DataError: when these subjects cannot be learned from.
            SettingsError: when it does not work out with these settings.
        """

    @abstractmethod
    def forward(self, inputs: Float[Tensor, "batch inputs"]) -> Float[Tensor, "batch classes"]:
        """Logits, from what was fitted; subjects must not influence each other."""

    def traceable(self) -> nn.Module:
        """A module with the same output whose operations do not depend on values, for `xdistill export`.

        The estimator itself, unless its `forward` branches on what it computes, as that of a forest does.
        """
        return self
