"""The choice of a teacher's columns by how much of them is in the student's modality too."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from jaxtyping import Float
from pydantic import Field
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces import Callback, Settings
from xdistill.types import Batch
from xdistill_crossmodal.focusing.teacher import FocusedTeacher

Choose = Literal["general", "specific", "random"]


class ModalityFocus(Callback):
    r"""Chooses the columns of a `focused` teacher that hold what the student's modality holds too.

    .. math::
        s_c = \frac{1}{R} \sum_r \text{MSE}\big(z_t(\pi_{r,c}(x^a)), z_s(x^b)\big)

    with π a permutation of column c over the training subjects. Algorithm 1 of Xue et al., The modality focusing
    hypothesis, ICLR 2023: (1) a stage trains teacher and student together, each with its cross entropy and with
    `logit_distance`; (2) at its end each column is permuted: if the teacher then departs from the student, the column
    is one by which they agreed. (3) The columns of the largest s are kept, both networks return to their initial
    weights, and the next stages train the teacher on these columns and distil it. ``choose: random`` is the ablation
    of the paper's mode (a), ``specific`` keeps the least salient columns.

    Inferred: the paper keeps as many columns as are shared, which is known for generated data alone; ``keep`` is a
    setting. Permutations run over all training subjects, and the logits of both networks are those in eval mode.

    Raises:
        SettingsError: if the stage does not train a `focused` teacher and a student.
    """

    name = "modality_focus"
    config: Config

    class Config(Settings):
        """When, and how many columns are kept."""

        stage: str = Field(default="together", description="the stage at whose end the columns are chosen")
        keep: Annotated[float, Field(gt=0, le=1)] = Field(default=0.5, description="share of the columns to keep")
        choose: Choose = Field(default="general", description="which columns: the most salient, the least, or any")
        repeats: Annotated[int, Field(ge=1, le=10_000)] = Field(default=10, description="permutations of each column")
        seed: Annotated[int, Field(ge=0)] = Field(default=0, description="of the permutations")

    def on_train_begin(self, trainer: Any) -> None:
        """Keep the initial weights."""
        self._batches: list[Batch] = []
        self._initial: dict[str, dict[str, Tensor]] = getattr(self, "_initial", {})
        if trainer.name != self.config.stage:
            return
        networks = trainer.model.networks
        if "student" not in networks or not isinstance(networks["teacher"], FocusedTeacher):
            raise SettingsError(
                f"modality_focus compares a student with a teacher {{use: focused}} at the end of the stage "
                f"{self.config.stage!r}; train both there"
            )
        if trainer.epoch == 0:
            self._initial = {role: _copied(network) for role, network in networks.items()}

    def on_batch_begin(self, trainer: Any, batch: Batch) -> None:
        """Keep the subjects of the last epoch."""
        if self._is_due(trainer):
            self._batches.append(batch)

    def on_epoch_end(self, trainer: Any, logs: dict[str, Any]) -> None:
        """Choose the columns after the last epoch, before its checkpoint is written."""
        if not self._is_due(trainer):
            return
        teacher, student = (trainer.model.networks[role] for role in ("teacher", "student"))
        repeats, draws = self.config.repeats, torch.Generator().manual_seed(self.config.seed)
        mask = self._chosen(salience(teacher, student, self._batches, repeats=repeats, generator=draws), draws)
        for role, network in trainer.model.networks.items():
            network.load_state_dict(self._initial[role])
        teacher.mask.copy_(mask)
        self._batches = []
        logs["columns"] = int(mask.sum())

    def state_dict(self) -> dict[str, Any]:
        """The initial weights."""
        return {"initial": getattr(self, "_initial", {})}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Restore them."""
        self._initial = {role: dict(weights) for role, weights in state["initial"].items()}

    def _is_due(self, trainer: Any) -> bool:
        return bool(trainer.name == self.config.stage and trainer.epoch == trainer.total_epochs)

    def _chosen(self, scores: Float[Tensor, " columns"], draws: torch.Generator) -> Float[Tensor, " columns"]:
        count = max(1, round(self.config.keep * len(scores)))
        if self.config.choose == "random":
            order = torch.randperm(len(scores), generator=draws)
        else:
            order = scores.argsort(descending=self.config.choose == "general", stable=True)
        mask = torch.zeros_like(scores)
        mask[order[:count].to(mask.device)] = 1
        return mask


def salience(
    teacher: FocusedTeacher,
    student: nn.Module,
    batches: Sequence[Batch],
    *,
    repeats: int,
    generator: torch.Generator,
) -> Float[Tensor, " columns"]:
    """The mean squared difference of both networks' logits after each column is permuted, by column."""
    modes = [(network, network.training) for network in (teacher, student)]
    for network, _ in modes:
        network.eval()
    batch = _joined(batches)
    name = teacher.config.modality
    values = batch.inputs[name]
    distances = torch.zeros(values.shape[1], device=values.device)
    with torch.no_grad():
        ours = student(batch.restricted_to(student.inputs)).logits  # type: ignore[arg-type]  # a network's modalities
        shown = batch.restricted_to(teacher.inputs)
        for column in range(values.shape[1]):
            for _ in range(repeats):
                order = torch.randperm(len(values), generator=generator).to(values.device)
                changed = values.clone()
                changed[:, column] = values[order, column]
                theirs = teacher(replace(shown, inputs={**shown.inputs, name: changed})).logits
                distances[column] += (theirs - ours).float().square().mean() / repeats
    for network, training in modes:
        network.train(training)
    return distances


def _joined(batches: Sequence[Batch]) -> Batch:
    first = batches[0]
    return Batch(
        inputs={name: torch.cat([batch.inputs[name] for batch in batches]) for name in first.inputs},
        present={name: torch.cat([batch.present[name] for batch in batches]) for name in first.present},
        subjects=tuple(subject for batch in batches for subject in batch.subjects),
    )


def _copied(network: nn.Module) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in network.state_dict().items()}
