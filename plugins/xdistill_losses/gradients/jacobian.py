"""Jacobian matching: how the outputs change with the inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.loss import DistillationLoss
from xdistill.types import Batch, Output, OutputSpec
from xdistill_losses.gradients.derivatives import gradients_of, scored_classes
from xdistill_losses.numerics import full, in_full_precision, unit
from xdistill_losses.taps import check_equal_shapes, pairs_of, rows


def jacobian_distance(
    student: Float[Tensor, "batch ..."], teacher: Float[Tensor, "batch ..."], *, normalise: bool = True
) -> Float[Tensor, " batch"]:
    """The squared distance of two gradients, per subject, after each was divided by its length."""
    ours, theirs = rows(full(student)), rows(full(teacher))
    if normalise:
        ours, theirs = unit(ours, dim=1), unit(theirs, dim=1)
    return (ours - theirs).square().sum(dim=1)


class Jacobian(DistillationLoss):
    r"""The student's output should change with the inputs as the teacher's does.

    .. math::
        J_c = \frac{\partial z_c}{\partial x}, \quad
        L = \frac{1}{B} \sum_i \left\lVert \frac{J_{s,i}}{\lVert J_{s,i} \rVert_2}
        - \frac{J_{t,i}}{\lVert J_{t,i} \rVert_2} \right\rVert_2^2

    After Srinivas and Fleuret, Knowledge transfer with Jacobian matching, ICML 2018.

    From the source: the squared distance of Jacobians, which for small input noise is what distillation with noisy
    inputs adds to distillation (``normalise: false``); division of each Jacobian by its length, as in their term for
    transfer learning; one output per subject in place of the whole Jacobian, which would cost a backward pass for each
    class. Inferred: that the output is the logit of the true class or of the class that the teacher predicts (in
    their transfer learning it is the largest position of an attention map); gradients with respect to features in
    place of inputs (``taps``); the mean over subjects and the sum over ``inputs`` and ``taps``.

    The teacher's Jacobian is a constant: no gradient reaches the teacher. A Jacobian of zeros has no direction and
    stays zero. A subject without a modality counts as zero for it. A step costs about one more backward pass of the
    teacher and two of the student.

    Raises:
        SettingsError: if neither inputs nor taps are named, for taps that a network lacks or that differ in shape, and
            for inputs or taps that the logits of a network do not depend on.
    """

    name = "jacobian"
    needs_grad = True
    config: Config

    class Config(Settings):
        """Which derivatives."""

        inputs: tuple[str, ...] = Field(
            default=(), description="modalities that both networks read; a term for each, summed", examples=[["hbp"]]
        )
        taps: tuple[str, ...] = Field(
            default=(), description="features of equal shape in both networks; a term for each, summed"
        )
        of: Literal["target", "teacher"] = Field(
            default="target", description="differentiate the logit of the true class, or of the teacher's prediction"
        )
        normalise: bool = Field(default=True, description="divide each subject's gradient by its length")

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        if not config.inputs and not config.taps:
            raise SettingsError(
                "nothing to differentiate with respect to: name modalities in `inputs` or features in `taps`",
                field="inputs",
            )
        check_equal_shapes(pairs_of(config.taps, student=student, teacher=teacher))

    def forward(self, student: Output, teacher: Output, batch: Batch) -> Float[Tensor, ""]:
        """The sum of the terms, each a mean over the batch."""
        classes = scored_classes(self.config.of, teacher, batch)
        with in_full_precision(student.logits):
            terms = []
            for field, ours, theirs in self._sources(student, teacher, batch):
                slopes = gradients_of(student, classes, ours, network="student", field=field)
                targets = gradients_of(teacher, classes, theirs, network="teacher", field=field)
                for name, slope in slopes.items():
                    distance = jacobian_distance(slope, targets[name], normalise=self.config.normalise)
                    if field == "inputs" and name in batch.present:
                        distance = distance.where(batch.present[name], 0.0)
                    terms.append(distance.mean())
            return torch.stack(terms).sum()

    def _sources(
        self, student: Output, teacher: Output, batch: Batch
    ) -> list[tuple[str, Mapping[str, Tensor], Mapping[str, Tensor]]]:
        """The field of the settings, and what is differentiated with respect to in either network."""
        found: list[tuple[str, Mapping[str, Tensor], Mapping[str, Tensor]]] = []
        if self.config.inputs:
            inputs = {name: self._input(name, batch) for name in self.config.inputs}
            found.append(("inputs", inputs, inputs))
        if self.config.taps:
            ours, theirs = ({tap: output.features[tap] for tap in self.config.taps} for output in (student, teacher))
            found.append(("taps", ours, theirs))
        return found

    @staticmethod
    def _input(name: str, batch: Batch) -> Tensor:
        if name not in batch.inputs:
            raise SettingsError(
                f"the batch has no modality {name!r}; its modalities are: {', '.join(batch.inputs) or 'none'}",
                field="inputs",
            )
        return batch.inputs[name]
