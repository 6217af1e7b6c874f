"""Distillation of any ``nn.Module`` with any data loader: no recipe, no plugin package."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim import AdamW, Optimizer
from torch.optim.lr_scheduler import LRScheduler

from xdistill.errors import SettingsError
from xdistill.extras import fabric_class
from xdistill.interfaces.callback import Callback
from xdistill.suggest import did_you_mean
from xdistill.training.adapters import WrappedModule, as_batch, wrap
from xdistill.training.model import DistillationModel, set_modes
from xdistill.training.objective import Objective
from xdistill.training.shapes import evaluating
from xdistill.training.terms import Loss, make_terms
from xdistill.training.trainer import Trainer
from xdistill.types import Batch, OutputSpec

Inputs = Sequence[str] | Mapping[str, str]
Taps = Mapping[str, str | Sequence[str]]


def distill(
    student: nn.Module,
    loader: Iterable[Any],
    losses: Sequence[Loss | tuple[Loss, float]],
    *,
    teacher: nn.Module | None = None,
    teacher_losses: Sequence[Loss | tuple[Loss, float]] = (),
    epochs: int = 1,
    student_inputs: Inputs | None = None,
    teacher_inputs: Inputs | None = None,
    taps: Taps | None = None,
    optimizer: Optimizer | Callable[[list[nn.Parameter]], Optimizer] | None = None,
    scheduler: Callable[[Optimizer], LRScheduler] | None = None,
    clip_norm: float | None = None,
    callbacks: Sequence[Callback] = (),
    device: str = "auto",
    precision: Any = "32-true",
    seed: int | None = None,
) -> list[dict[str, Any]]:
    """Train a student with the help of a teacher.

    The student learns from the losses alone: add a task loss such as ``torch.nn.CrossEntropyLoss()`` where it should
    learn from targets as well. The teacher is frozen in eval mode, unless it has losses of its own: then both are
    trained together. Both modules are trained in place and end on the device.

    Args:
        student: any module; see `wrap` for what it may return.
        loader: returns batches; see `as_batch` for what these may be. It is iterated once per epoch, and once before
            training to find out the shapes of the outputs.
        losses: of the student, with weights: distillation losses such as ``KD(temperature=4)`` of `xdistill.losses`;
            losses of ``torch.nn``, called with the student's logits and the target; or any callable, called with the
            `Output` of student and teacher and the `Batch`. The objective is their weighted sum.
        teacher: any module.
        teacher_losses: task losses of the teacher.
        epochs: passes over the loader.
        student_inputs: names of the inputs that the student is called with, in order, or a mapping from the arguments
            of its ``forward`` to them. By default all. It is never passed any other input.
        teacher_inputs: the same for the teacher.
        taps: features by name for losses that compare features, each the dotted path of a submodule that both have, or
            one that begins with ``student.`` or ``teacher.``, or a list of one for each.
        optimizer: an optimiser of the student's parameters, or a callable that makes one of a list of parameters. By
            default `torch.optim.AdamW` with a learning rate of 0.001. Parameters that losses own are trained as well.
        scheduler: makes a learning rate schedule of an optimiser; it is stepped after each training step.
        clip_norm: largest norm of the gradient; None: no clipping.
        callbacks: called by the trainer.
        device: ``auto``, ``cpu``, ``cuda`` or ``mps``.
        precision: of Lightning Fabric, such as ``bf16-mixed``.
        seed: seeds torch before training; None: its state is used as it is.

    Returns:
        One row per epoch: ``epoch``, ``seconds``, ``lr``, ``total``, and the mean of each loss.

    Raises:
        SettingsError: for unknown inputs, taps or losses, and for outputs or batches that cannot be read.
        NonFiniteLossError: if a loss is not finite.

    >>> from torch.utils.data import DataLoader, TensorDataset
    >>> data = TensorDataset(torch.randn(32, 4), torch.randint(2, (32,)))
    >>> rows = distill(nn.Linear(4, 2), DataLoader(data, 8), [nn.CrossEntropyLoss()], epochs=2, device="cpu")
    >>> len(rows)
    2
    """
    if epochs < 1:
        raise SettingsError(f"epochs should be at least 1, got {epochs}", field="epochs")
    if seed is not None:
        torch.manual_seed(seed)
    try:
        fabric = fabric_class()(accelerator=device, devices=1, precision=precision)
    except (RuntimeError, ValueError, TypeError) as error:
        raise SettingsError(f"cannot train on {device!r} with precision {precision!r}: {error}") from error
    first = _first(loader)
    networks = {"student": wrap(student, inputs=_inputs(student_inputs, first, "student"), taps=_taps(taps, "student"))}
    if teacher is not None:
        inputs = _inputs(teacher_inputs, first, "teacher")
        networks["teacher"] = wrap(teacher, inputs=inputs, taps=_taps(taps, "teacher"))
    for network in networks.values():
        network.to(fabric.device)
    train = ["student", "teacher"] if teacher is not None and teacher_losses else ["student"]
    set_modes(networks, train)
    specs = {role: _spec(network, first.to(fabric.device)) for role, network in networks.items()}
    objective = Objective(make_terms(losses, teacher_losses, specs))
    model = DistillationModel(networks, objective, train).to(fabric.device)
    made = _optimizer(optimizer, model)
    trainer = Trainer(
        model,
        made,
        fabric=fabric,
        scheduler=None if scheduler is None else scheduler(made),
        clip_norm=clip_norm,
        callbacks=callbacks,
        name="distill",
    )
    return trainer.fit(lambda _epoch: _batches(loader, fabric.device), epochs)


def _first(loader: Iterable[Any]) -> Batch:
    with torch.random.fork_rng():
        for item in loader:
            return as_batch(item)
    raise SettingsError("the loader returned no batch")


def _batches(loader: Iterable[Any], device: torch.device) -> Iterator[Batch]:
    empty = True
    for item in loader:
        empty = False
        yield as_batch(item).to(device)
    if empty:
        raise SettingsError(
            "the loader returned no batch when it was iterated again; pass a DataLoader or a list, not an iterator"
        )


def _inputs(inputs: Inputs | None, batch: Batch, role: str) -> Inputs:
    """The inputs of a network: those named, which have to be there, or all."""
    if inputs is None:
        return tuple(batch.inputs)
    names = tuple(inputs.values()) if isinstance(inputs, Mapping) else tuple(inputs)
    for name in names:
        if name not in batch.inputs:
            hint = did_you_mean(name, batch.inputs, "inputs")
            raise SettingsError(f"{role}_inputs: the loader returns no input `{name}`{hint}")
    return inputs


def _taps(taps: Taps | None, role: str) -> dict[str, str]:
    """The taps of one network, by name."""
    found: dict[str, str] = {}
    for tap, value in (taps or {}).items():
        for path in [value] if isinstance(value, str) else value:
            owner, _, rest = path.partition(".")
            if owner == role:
                found[tap] = rest
            elif owner not in {"student", "teacher"}:
                found[tap] = path
    return found


def _spec(network: WrappedModule, batch: Batch) -> OutputSpec:
    with torch.random.fork_rng(), evaluating(network):
        return OutputSpec.of(network(batch.restricted_to(network.inputs)))


def _optimizer(
    optimizer: Optimizer | Callable[[list[nn.Parameter]], Optimizer] | None, model: DistillationModel
) -> Optimizer:
    parameters = [parameter for parameter in model.parameters() if parameter.requires_grad]
    if optimizer is None:
        return AdamW(parameters, lr=1e-3)
    if not isinstance(optimizer, Optimizer):
        return optimizer(parameters)
    known = {id(parameter) for group in optimizer.param_groups for parameter in group["params"]}
    own: list[Tensor] = [
        value for value in model.objective.parameters() if value.requires_grad and id(value) not in known
    ]
    if own:
        optimizer.add_param_group({"params": own})
    return optimizer
