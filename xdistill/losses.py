"""Every installed loss as a module on plain tensors, without a recipe.

A name is that of a component, in any case and with or without underscores: ``KD`` is the distillation loss `kd`,
``ClassKL`` is `class_kl`, ``CrossEntropy`` the task loss `cross_entropy`. Settings are keyword arguments.

>>> import torch
>>> from xdistill.losses import KD, RKD, Focal
>>> student, teacher = torch.zeros(4, 3), torch.eye(4, 3)
>>> KD(temperature=4.0)(student, teacher).shape
torch.Size([])
>>> RKD()(torch.eye(4), 2 * torch.eye(4))  # features; distances between subjects are relative, so they are equal
tensor(0.)
>>> round(Focal(gamma=0.0)(student, torch.tensor([0, 1, 2, 0])).item(), 4)  # three classes of equal probability
1.0986
>>> KD(temprature=4.0)
Traceback (most recent call last):
xdistill.errors.SettingsError: unknown setting `temprature` of KD; did you mean `temperature`? Valid settings: \
`temperature`, `standardise`, `confidence`, `reduction`

``dir(xdistill.losses)`` lists the names. How to choose one, and their formulas: ``docs/losses.md``.
"""

from __future__ import annotations

from collections.abc import Mapping
from difflib import get_close_matches
from functools import cache
from inspect import Parameter, Signature
from typing import Any, ClassVar, TypeAlias

import torch
from pydantic import ValidationError
from torch import Tensor, nn

from xdistill.errors import SettingsError
from xdistill.interfaces.component import Component, Settings
from xdistill.interfaces.loss import DistillationLoss, TaskLoss, TrainingFacts
from xdistill.plugin import Catalog, load_catalog
from xdistill.suggest import did_you_mean
from xdistill.types import Batch, Output, OutputSpec, Schema

Outputs: TypeAlias = Tensor | Mapping[str, Tensor] | Output

FEATURE = "feature"
"""The tap of a feature that is passed as a tensor."""
_LOGITS = "logits"
_KINDS = ("distillation_loss", "task_loss")
_ACRONYM = 3  # letters of a word that is written in capitals, as in KD and ClassKL


class PlainLoss(nn.Module):
    """A component on plain tensors; what the classes of this module have in common.

    The component is built on the first call, from the shapes that it is called with, or by ``build``. Weights of its
    own (an adapter) are drawn then, so call it once before you pass its parameters to an optimizer.

    Attributes:
        component: the class of the loss in the catalog.
        settings: an instance of its ``Config``.
        loss: the component, once it is built.
    """

    component: ClassVar[type[Component]]

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self.settings = self._validated(settings)
        self.loss: nn.Module | None = None

    @property
    def name(self) -> str:
        """The component's name, as recipes call it."""
        return self.component.name

    def extra_repr(self) -> str:
        """The settings."""
        return ", ".join(f"{name}={value!r}" for name, value in self.settings)

    def _validated(self, settings: Mapping[str, Any]) -> Settings:
        config = self.component.Config
        try:
            return config.model_validate(dict(settings), context={"resolver": _catalog()})
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(map(str, first["loc"]))
            raise SettingsError(
                _message(type(self).__name__, first["type"], field, first["msg"], config), field=field
            ) from None

    def _built(self, loss: nn.Module) -> None:
        self.loss = loss.train(self.training)


class PlainDistillationLoss(PlainLoss):
    """A distillation loss on plain tensors.

    Attributes:
        taps: names of the features that it compares; empty for a loss of logits. Without the setting ``taps``, a loss
            that needs it compares ``feature``, or, if the outputs have no such feature, all that both networks have.
        needs_grad: whether it differentiates through the networks; call it with `Output` of one graph then.
    """

    component: ClassVar[type[DistillationLoss]]

    def __init__(self, **settings: Any) -> None:
        field = self.component.Config.model_fields.get("taps")
        self._given = dict(settings)
        self._all_taps = field is not None and field.is_required() and "taps" not in settings
        fewest = max((getattr(limit, "min_length", 1) for limit in field.metadata), default=1) if field else 1
        super().__init__(**settings, **({"taps": (FEATURE,) * fewest} if self._all_taps else {}))

    @property
    def taps(self) -> tuple[str, ...]:
        """Names of the features that it compares."""
        return tuple(getattr(self.settings, "taps", None) or ())

    @property
    def needs_grad(self) -> bool:
        """Whether it differentiates through the networks."""
        return self.component.needs_grad

    def build(self, student: OutputSpec, teacher: OutputSpec) -> DistillationLoss:
        """Build the component for two networks; it is also what later calls use.

        Raises:
            SettingsError: if the loss does not fit the networks.
        """
        if self._all_taps:
            shared = [tap for tap in student.features if tap in teacher.features]
            if FEATURE not in shared and shared:
                self.settings = self._validated({**self._given, "taps": shared})
        loss = self.component(self.settings, student=student, teacher=teacher)
        self._built(loss)
        return loss

    def forward(
        self,
        student: Outputs,
        teacher: Outputs,
        target: Tensor | None = None,
        *,
        inputs: Mapping[str, Tensor] | None = None,
    ) -> Tensor:
        """The loss of a batch, a scalar; the teacher's output is taken as it comes, so detach it yourself.

        Args:
            student: logits ``(batch, classes)``, for a loss with taps a feature ``(batch, …)``; or a mapping of several
                features, which may hold the logits as ``logits``; or an `Output`.
            teacher: likewise.
            target: class indices ``(batch,)``, for losses that use them.
            inputs: of the networks by name, for losses that differentiate with respect to them.

        Raises:
            SettingsError: on the first call, if the loss does not fit the shapes.
        """
        ours, theirs = (_output(value, features=bool(self.taps)) for value in (student, teacher))
        if self.loss is None:
            self.build(OutputSpec.of(ours), OutputSpec.of(theirs))
            self.to(ours.logits.device)
        value: Tensor = self.loss(ours, theirs, _batch(len(ours.logits), target, inputs))  # type: ignore[misc]  # built
        return value


class PlainTaskLoss(PlainLoss):
    """A task loss on plain tensors."""

    component: ClassVar[type[TaskLoss]]

    def build(self, output: OutputSpec, training: TrainingFacts | None = None) -> TaskLoss:
        """Build the component for a network; it is also what later calls use.

        Args:
            output: shapes of the network's output.
            training: the training subjects, for settings that depend on them; None: nothing is known about them.

        Raises:
            SettingsError: if the loss does not fit the network, or needs to know the training subjects.
        """
        names = tuple(map(str, range(output.outputs)))
        facts = training or TrainingFacts(Schema({}, names), class_counts=(0,) * output.outputs)
        loss = self.component(self.settings, output=output, training=facts)
        self._built(loss)
        return loss

    def forward(self, output: Outputs, target: Tensor, *, inputs: Mapping[str, Tensor] | None = None) -> Tensor:
        """The loss of a batch, a scalar.

        Args:
            output: logits ``(batch, classes)``, a mapping of features and ``logits``, or an `Output`.
            target: class indices ``(batch,)``.
            inputs: of the network by name, for losses that use them.
        """
        scored = _output(output, features=False)
        if self.loss is None:
            self.build(OutputSpec.of(scored))
            self.to(scored.logits.device)
        value: Tensor = self.loss(scored, _batch(len(scored.logits), target, inputs))  # type: ignore[misc]  # built
        return value


def __getattr__(name: str) -> type[PlainLoss]:
    if name.startswith("_"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    known = _known()
    if _key(name) in known:
        return _class_of(*known[_key(name)])
    losses = sorted(_written(other) for _, other in known.values())
    near = get_close_matches(name, losses, n=1)
    hint = f" did you mean `{near[0]}`?" if near else ""
    raise AttributeError(f"module {__name__!r} has no loss `{name}`;{hint} Losses: {', '.join(losses)}")


def __dir__() -> list[str]:
    return sorted(
        {"PlainLoss", "PlainDistillationLoss", "PlainTaskLoss", *(_written(name) for _, name in _known().values())}
    )


@cache
def _catalog() -> Catalog:
    return load_catalog()


def _known() -> dict[str, tuple[str, str]]:
    """Kind and name of every loss by its key; a distillation loss comes before a task loss of the same name."""
    return {_key(name): (kind, name) for kind in reversed(_KINDS) for name in _catalog().names(kind)}


@cache
def _class_of(kind: str, name: str) -> type[PlainLoss]:
    component = _catalog().entry(kind, name).component
    base = PlainDistillationLoss if kind == _KINDS[0] else PlainTaskLoss
    parameters = [
        Parameter(field, Parameter.KEYWORD_ONLY, default=Parameter.empty if info.is_required() else info.default)
        for field, info in component.Config.model_fields.items()
    ]
    return type(
        _written(name),
        (base,),
        {
            "component": component,
            "__doc__": component.__doc__,
            "__module__": __name__,
            "__signature__": Signature(parameters),
        },
    )


def _key(name: str) -> str:
    return name.replace("_", "").lower()


def _written(name: str) -> str:
    """The class name of a component.

    >>> _written("class_kl"), _written("cross_entropy"), _written("kd")
    ('ClassKL', 'CrossEntropy', 'KD')
    """
    words = name.split("_")
    return "".join(word.upper() if len(word) <= _ACRONYM else word.capitalize() for word in words)


def _message(loss: str, kind: str, field: str, reason: str, config: type[Settings]) -> str:
    if kind != "extra_forbidden":
        return f"invalid setting `{field}` of {loss}: {reason[:1].lower()}{reason[1:]}"
    return f"unknown setting `{field}` of {loss}{did_you_mean(field, config.model_fields, 'settings')}"


def _output(value: Outputs, *, features: bool) -> Output:
    if isinstance(value, Output):
        return value
    if isinstance(value, Tensor):
        if not features:
            return Output(value)
        value = {FEATURE: value}
    taps = {name: tensor for name, tensor in value.items() if name != _LOGITS}
    if _LOGITS in value:
        return Output(value[_LOGITS], taps)
    if not taps:
        raise SettingsError("the mapping of features is empty; pass at least one tensor")
    first = next(iter(taps.values()))
    return Output(first.new_zeros(len(first), 1), taps)


def _batch(size: int, target: Tensor | None, inputs: Mapping[str, Tensor] | None) -> Batch:
    present = {name: torch.ones(size, dtype=torch.bool, device=value.device) for name, value in (inputs or {}).items()}
    return Batch(dict(inputs or {}), present, tuple(map(str, range(size))), target)
