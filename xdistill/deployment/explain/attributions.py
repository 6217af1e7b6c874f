"""The attributions of a model: those of its members, averaged."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal, get_args

import numpy as np
import torch
from torch import nn

from xdistill.data import ArrayCohort
from xdistill.deployment.explain.columns import Columns, merged
from xdistill.deployment.explain.layers import Site, find_sites
from xdistill.deployment.explain.methods import Attributions, grad_cam, integrated_gradients, occlusion
from xdistill.deployment.explain.scoring import Subject, check_differentiable, is_image
from xdistill.errors import UserError
from xdistill.models.ensemble import IN_MEMORY, Ensemble, Member
from xdistill.suggest import did_you_mean
from xdistill.training.source import Source

if TYPE_CHECKING:
    from xdistill.distributed.device import Device

Method = Literal["gradcam", "ig", "occlusion"]
METHODS: tuple[Method, ...] = get_args(Method)

_WINDOWS = 4  # that fit along each axis, without overlap


@dataclass(frozen=True)
class Options:
    """How explanations are computed.

    Attributes:
        method: ``ig`` (integrated gradients), ``gradcam`` or ``occlusion``.
        target: one of `Task.explainable`, such as a class; None: that of `Task.chosen`, such as the predicted class.
        layers: for Grad-CAM, names or patterns of layers; empty: chosen automatically.
        window: for occlusion, voxels along each axis, ``(depth, height, width)``; None: a quarter of each axis.
        steps: for integrated gradients, points on the line from the baseline.
        batch_size: perturbed copies of a subject that are computed at the same time.
        check: run the sanity checks for the first subjects; see `xdistill.deployment.explain.checks`.
    """

    method: Method = "ig"
    target: str | None = None
    layers: Sequence[str] = ()
    window: Sequence[int] | None = None
    steps: int = 32
    batch_size: int = 32
    check: bool = False

    def validate(self, model: Ensemble) -> None:
        """Check the options against a model.

        Raises:
            UserError: for an unknown method or class, and for options out of range.
        """
        if self.method not in METHODS:
            raise UserError(f"unknown method {self.method!r}{did_you_mean(self.method, METHODS)}")
        task = model.schema.task
        if self.target is not None and self.target not in task.explainable:
            raise UserError(
                f"the model has no {task.explains} {self.target!r}{did_you_mean(self.target, task.explainable)}"
            )
        if self.layers and self.method != "gradcam":
            raise UserError("layers are chosen for Grad-CAM alone; leave out `--layer`, or use `--method gradcam`")
        if self.window is not None and self.method != "occlusion":
            raise UserError("a window is for occlusion alone; leave out `--window`, or use `--method occlusion`")
        if self.window is not None and min(self.window, default=0) < 1:
            raise UserError("a window needs one whole number of voxels, at least 1, for each axis of the image")
        if self.batch_size < 1 or self.steps < 1:
            raise UserError("the batch size and the number of steps must be at least 1")


@dataclass(frozen=True)
class MemberInput:
    """One subject as one member is given it.

    Attributes:
        member: the trained network.
        subject: its input.
        columns: of the vectors.
        sites: for Grad-CAM, the layer of each image.
    """

    member: Member
    subject: Subject
    columns: Mapping[str, Columns]
    sites: Mapping[str, Site]

    def with_network(self, network: nn.Module) -> MemberInput:
        """The same input to another network of the same architecture."""
        own = self.subject.scoring
        scoring = type(own)(network, own.batch, own.task)  # type: ignore[arg-type]
        return replace(self, subject=replace(self.subject, scoring=scoring))


@dataclass(frozen=True)
class Attributed:
    """The attributions of one subject.

    Attributes:
        values: by modality, the mean over the members.
        names: by vector modality, the columns.
        layers: by image, the layers of Grad-CAM.
    """

    values: Attributions
    names: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    layers: Mapping[str, str] = field(default_factory=dict)


def member_inputs(
    model: Ensemble, cohort: ArrayCohort, fabric: Device, target: int, options: Options
) -> list[MemberInput]:
    """A cohort of one subject as every member is given it.

    Raises:
        UserError: for a network that the method cannot explain.
    """
    found = []
    for member in model.members:
        network = member.network
        source = Source(cohort, member.transforms, model.inputs, memory_mb=IN_MEMORY)
        batch = source.batch(np.array([0]), network.inputs, target=False).to(fabric.device)
        subject = Subject.of(network, batch, member.transforms.schema, target)
        after = member.transforms.schema.modalities
        before = model.schema.modalities
        columns = {name: Columns.of(before[name], after[name]) for name in network.inputs if not is_image(after[name])}
        found.append(MemberInput(member, subject, columns, _sites(subject, options)))
    return found


def attribute(inputs: Sequence[MemberInput], options: Options) -> Attributed:
    """The mean attributions over members.

    Raises:
        UserError: for a window that does not fit the images.
    """
    each = [_of_member(one, options) for one in inputs]
    values: Attributions = {}
    names = {}
    for name in each[0]:
        if name in inputs[0].columns:
            pairs = [(one.columns[name], found[name]) for one, found in zip(inputs, each, strict=True)]
            names[name], values[name] = merged(pairs)
        else:
            values[name] = np.mean([found[name] for found in each], axis=0)
    layers = {name: ", ".join(dict.fromkeys(one.sites[name].describe() for one in inputs)) for name in inputs[0].sites}
    return Attributed(values, names, layers)


def window_of(shape: Sequence[int], window: Sequence[int] | None, name: str) -> tuple[int, ...]:
    """Voxels of the occlusion window along each axis of an image.

    Raises:
        UserError: for a window of other axes than the image.
    """
    if window is None:
        return tuple(max(1, round(length / _WINDOWS)) for length in shape)
    if len(window) != len(shape):
        raise UserError(
            f"the window {','.join(map(str, window))} has {len(window)} numbers, and modality `{name}` has "
            f"{len(shape)} axes"
        )
    return tuple(min(length, wanted) for length, wanted in zip(shape, window, strict=True))


def _sites(subject: Subject, options: Options) -> Mapping[str, Site]:
    if options.method == "occlusion":
        return {}
    check_differentiable(subject, options.method)
    if options.method == "ig":
        return {}
    if not subject.images:
        raise UserError(
            "Grad-CAM explains images, and the student reads none; use `--method ig` or `--method occlusion` for the "
            "attributions of columns"
        )
    return find_sites(subject, options.layers)


def _of_member(one: MemberInput, options: Options) -> Attributions:
    subject = one.subject
    # The backward pass of a recurrent layer in eval mode does not exist in cuDNN.
    with torch.backends.cudnn.flags(enabled=False) if _recurrent(subject.scoring) else nullcontext():
        if options.method == "gradcam":
            return grad_cam(subject, one.sites)
        if options.method == "ig":
            return integrated_gradients(subject, one.columns, steps=options.steps, batch_size=options.batch_size)
        windows = {name: window_of(subject.values[name].shape[2:], options.window, name) for name in subject.images}
        return occlusion(subject, one.columns, windows=windows, batch_size=options.batch_size)


def _recurrent(network: nn.Module) -> bool:
    return any(isinstance(module, nn.RNNBase) for module in network.modules())
