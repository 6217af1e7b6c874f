"""A teacher that is not trained: a modality holds its logits."""

from __future__ import annotations

from typing import ClassVar

from pydantic import Field

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.network import Teacher, modality_of
from xdistill.types import Batch, Output, Schema


class GivenLogits(Teacher):
    """Returns a vector modality as logits; log probabilities are logits.

    It has nothing to train, so a recipe needs no stage for it. With the true log probabilities of a generated cohort
    it is an oracle: the most that any teacher can give. Probabilities of a model outside of xdistill are another use.
    """

    name: ClassVar[str] = "given_logits"

    class Config(Settings):
        """The modality."""

        modality: str = Field(description="vector modality with one logit for each output of the task")

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        spec, outputs = modality_of(schema, config.modality, field="modality"), schema.task.outputs
        if (spec.kind, spec.shape) != ("vector", (outputs,)):
            raise SettingsError(
                f"`{config.modality}` must be a vector of {outputs} logits, but is a {spec.kind} of {spec.shape}",
                field="modality",
            )
        self.modality = config.modality
        self.inputs = (config.modality,)

    def forward(self, batch: Batch) -> Output:
        """The modality's values, ``(batch, outputs)``."""
        return Output(logits=batch.inputs[self.modality])
