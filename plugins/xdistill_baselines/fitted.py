"""An estimator on the input values, without a network."""

from __future__ import annotations

from math import prod

import torch
from pydantic import Field, field_validator

from xdistill.interfaces.component import Choice, Settings, within_field
from xdistill.interfaces.fitted import Estimator
from xdistill.interfaces.network import Student, Teacher, modality_of
from xdistill.types import Batch, Output, Schema
from xdistill_baselines.branches import FUSED


class Fitted(Teacher, Student):
    """An estimator on the concatenated values of all its modalities.

    Its recipe has one stage, ``fit: [student.estimator]``. A modality that a subject does not have is zeros.

    Taps: ``fused``, the vector.
    """

    name = "fitted"
    config: Config

    class Config(Settings):
        """The modalities, and the estimator."""

        inputs: tuple[str, ...] = Field(description="modalities, of any shape; empty for an estimator without inputs")
        estimator: Choice[Estimator] = Field(description="the estimator that is fitted")

        @field_validator("inputs")
        @classmethod
        def _each_once(cls, inputs: tuple[str, ...]) -> tuple[str, ...]:
            for index, name in enumerate(inputs):
                if name in inputs[:index]:
                    raise ValueError(f"{name!r} is named twice; name each modality once")
            return inputs

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        self.inputs = config.inputs
        length = sum(prod(modality_of(schema, name, field="inputs").shape) for name in self.inputs)
        with within_field("estimator"):
            self.estimator = config.estimator.build(inputs=length, classes=schema.task.outputs)

    def forward(self, batch: Batch) -> Output:
        """Logits and the tap."""
        values = [batch.inputs[name].flatten(1) for name in self.inputs]
        device = next((str(buffer.device) for buffer in self.estimator.buffers()), "cpu")
        vector = torch.cat(values, dim=1) if values else torch.zeros(len(batch), 0, device=device)
        return Output(logits=self.estimator(vector), features={FUSED: vector})
