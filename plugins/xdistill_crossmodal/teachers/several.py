"""Several teachers in one network, each trained, and taught from, by its name."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Literal, cast

import torch
from jaxtyping import Float
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.nn import functional as F

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Choice, Settings, within_field
from xdistill.interfaces.network import Network, Teacher
from xdistill.tasks import Classification
from xdistill.types import Batch, Output, Schema

RESERVED = frozenset({"logits"})


class Several(Teacher):
    r"""Several teachers by name, whose predictions are combined.

    The auxiliary logits ``NAME`` are those of a member; its features are ``NAME.TAP``, and its own auxiliary logits
    ``NAME.AUX``. A stage trains a member by its path, and a loss is given its logits by `output`::

        train: [teacher.members.image]
        objective: [{use: cross_entropy, on: teacher, output: image}]

    A distillation loss with ``output: image`` compares the student with that member; without it, with the combination

    .. math::
        \log \sum_k w_k\, \text{softmax}(z_k) \quad\text{or}\quad \sum_k w_k z_k, \qquad \sum_k w_k = 1

    Learned weights are the softmax of one number per member, zeros at first; a stage trains them with
    ``train: [teacher.combination]``. They are learned on training subjects, on which members are more confident than on
    others, unless the members are cross-fitted.

    Raises:
        SettingsError: for ``combine: probabilities`` and a task without classes.
    """

    name = "several"
    config: Config

    class Config(Settings):
        """The members, and how their predictions are combined."""

        members: Annotated[dict[str, Choice[Teacher]], Field(min_length=2)] = Field(
            description="a network for each member; the names become auxiliary outputs",
            examples=[{name: {"use": "mlp", "inputs": [name]} for name in ("genes", "clinical")}],
        )
        combine: Literal["probabilities", "logits"] = Field(
            default="probabilities", description="mean of the members' class probabilities, or of their logits"
        )
        weights: Literal["equal", "learned"] = Field(
            default="equal", description="of the mean: equal, or trained as `teacher.combination`"
        )

        @field_validator("members")
        @classmethod
        def _usable_names(cls, members: dict[str, Choice[Teacher]]) -> dict[str, Choice[Teacher]]:
            for name in members:
                if not usable(name):
                    raise ValueError(f"a member cannot be named {name!r}; use an identifier such as a modality's name")
            return members

    def __init__(self, config: Config, *, schema: Schema) -> None:
        super().__init__(config, schema=schema)
        if config.combine == "probabilities" and not isinstance(schema.task, Classification):
            raise SettingsError(
                f"the task is {schema.task.describe()}, which has no class probabilities; set `combine: logits`",
                field="combine",
            )
        self.members = nn.ModuleDict({name: _member(name, choice, schema) for name, choice in config.members.items()})
        networks = [cast("Network", network) for network in self.members.values()]
        self.inputs = tuple(dict.fromkeys(modality for network in networks for modality in network.inputs))
        self.combination = Combination(len(networks), learned=config.weights == "learned", of=config.combine)

    def forward(self, batch: Batch) -> Output:
        """The combined logits, and the logits and taps of each member."""
        outputs = {name: self.output_of(name, batch) for name in self.members}
        logits = self.combination([output.logits for output in outputs.values()])
        return Output(logits=logits, **labelled(outputs))

    def output_of(self, name: str, batch: Batch) -> Output:
        """The output of one member, which is given its own modalities."""
        network = cast("Network", self.members[name])
        output: Output = network(batch.restricted_to(network.inputs))
        return output


class Combination(nn.Module):
    """The mean of several members' predictions.

    Args:
        members: how many.
        learned: whether the weights are trained.
        of: what is averaged.
    """

    def __init__(self, members: int, *, learned: bool, of: Literal["probabilities", "logits"]) -> None:
        super().__init__()
        self.of = of
        self.scores: Tensor
        if learned:
            self.scores = nn.Parameter(torch.zeros(members))
        else:
            self.register_buffer("scores", torch.zeros(members), persistent=False)

    def forward(self, logits: Sequence[Float[Tensor, "batch outputs"]]) -> Float[Tensor, "batch outputs"]:
        """The logits of the mean."""
        stacked = torch.stack(list(logits))
        scores = self.scores[:, None, None]
        if self.of == "logits":
            return (scores.softmax(dim=0) * stacked).sum(dim=0)
        return torch.logsumexp(F.log_softmax(stacked, dim=-1) + scores.log_softmax(dim=0), dim=0)


def labelled(outputs: dict[str, Output]) -> dict[str, dict[str, Tensor]]:
    """Features and auxiliary logits of an `Output`, from those of several members by name."""
    features = {f"{name}.{tap}": value for name, output in outputs.items() for tap, value in output.features.items()}
    own = {name: output.logits for name, output in outputs.items()}
    nested = {f"{name}.{inner}": value for name, output in outputs.items() for inner, value in output.aux.items()}
    return {"features": features, "aux": {**own, **nested}}


def usable(name: str) -> bool:
    """Whether a member can have this name: a path and the name of an output."""
    return name.isidentifier() and name not in RESERVED and not hasattr(nn.ModuleDict, name)


def _member(name: str, choice: Choice[Teacher], schema: Schema) -> Teacher:
    with within_field(f"members.{name}"):
        return choice.build(schema=schema)
