"""The teacher's hazards of discrete time as soft labels."""

from __future__ import annotations

from typing import Annotated, ClassVar

from jaxtyping import Float
from pydantic import Field
from torch import Tensor

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Settings
from xdistill.types import Batch, OutputSpec
from xdistill_losses.base import LogitLoss
from xdistill_losses.chains import chain_log_probabilities, softened_divergence

Logits = Float[Tensor, "batch bins"]


class HazardKL(LogitLoss):
    r"""The divergence between the distributions of the time of the event.

    .. math::
        L = \frac{T^2}{B} \sum_i \sum_k p_{ik} \log \frac{p_{ik}}{q_{ik}}, \quad
        p_{ik} = h_{ik} \prod_{j < k} (1 - h_{ij}), \quad h = \sigma(z / T)

    over the bins and the time after the last, with p of the teacher and q of the student, from logits ``(batch, bins)``
    of the hazards. By the chain rule it is the sum over bins of the divergences of the hazards, each weighted by the
    probability that the teacher gives to reaching the bin. Soft labels after Hinton, Vinyals and Dean, 2015, with the
    likelihood of Gensheimer and Narasimhan, 2019. Every subject teaches in all bins, also after its censoring.

    Raises:
        SettingsError: for networks with a single logit, which is a log hazard of Cox's model.
    """

    name = "hazard_kl"
    tasks: ClassVar[tuple[str, ...]] = ("survival",)
    config: Config

    class Config(Settings):
        """The temperature."""

        temperature: Annotated[float, Field(gt=0)] = Field(
            default=2.0, description="T, by which the logits of the hazards are divided"
        )

    def __init__(self, config: Config, *, student: OutputSpec, teacher: OutputSpec) -> None:
        super().__init__(config, student=student, teacher=teacher)
        if student.outputs == 1:
            raise SettingsError(
                "the hazards of Cox's model have no bins to compare; use `risk_ranking`, or set `method: discrete` of "
                "the task"
            )

    def compare(self, student: Logits, teacher: Logits, batch: Batch) -> Float[Tensor, ""]:
        """The loss of the logits."""
        del batch
        heat = self.config.temperature
        ours, theirs = (chain_log_probabilities(-logits / heat) for logits in (student, teacher))
        return heat**2 * softened_divergence(ours, theirs)
