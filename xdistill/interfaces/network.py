"""Networks: the teacher and the student."""

from __future__ import annotations

from abc import abstractmethod
from difflib import get_close_matches

from torch import nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Component, Settings
from xdistill.types import Batch, ModalitySpec, Output, Schema


class Network(Component, nn.Module):
    """From a batch to logits and features.

    ``__init__(config, *, schema)`` gets the cohort's schema after the transforms, and sets `inputs`.
    The batch that `forward` is called with holds the modalities in `inputs` and nothing else: no other modality,
    no target.

    State that a network keeps from step to step belongs in its buffers, which are saved and restored with its weights.

    Attributes:
        inputs: the modalities it reads.
    """

    inputs: tuple[str, ...]

    def __init__(self, config: Settings, *, schema: Schema) -> None:
        super().__init__()
        self.config = config
        self.schema = schema

    @abstractmethod
    def forward(self, batch: Batch) -> Output:
        """Logits ``(batch, classes)`` and the features that losses may tap, by name."""


class Teacher(Network):
    """A network that may see every modality. It is frozen in eval mode whenever it is not trained."""


class Student(Network):
    """A network that will be used with its own modalities alone, and is trained with nothing else."""


def modality_of(schema: Schema, name: str, *, field: str) -> ModalitySpec:
    """The spec of a modality; networks call it when they are built.

    Args:
        schema: of the cohort.
        name: of the modality.
        field: of the settings that names it, for the message.

    Raises:
        SettingsError: if the cohort does not have it, with the most similar name or all names.
    """
    if name not in schema.modalities:
        near = get_close_matches(name, schema.modalities, n=1)
        hint = f"did you mean {near[0]!r}?" if near else f"its modalities are: {', '.join(schema.modalities)}"
        raise SettingsError(f"the cohort has no modality {name!r}; {hint}", field=field)
    return schema.modalities[name]
