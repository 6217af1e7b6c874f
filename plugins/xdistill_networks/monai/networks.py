"""Finds a network of MONAI by its name, and builds it for an image."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from torch import nn

from xdistill import extras
from xdistill.errors import SettingsError, UserError
from xdistill.types import ModalitySpec

_CHANNELS = ("in_channels", "n_input_channels", "num_channels")
_OUTPUTS = ("out_channels", "num_classes", "classes")
_DOWNLOADS = ("pretrained", "progress", "pretrained_url")


def available() -> dict[str, Callable[..., nn.Module]]:
    """Networks that read one image, by name.

    Raises:
        UserError: if MONAI is not installed.
    """
    nets = extras.require("monai.networks.nets", extra="monai", purpose="the encoder `monai`")
    found: dict[str, Callable[..., nn.Module]] = {}
    for name in dir(nets):
        made = getattr(nets, name)
        is_network = inspect.isclass(made) and issubclass(made, nn.Module)
        if name.startswith("_") or not (is_network or (name.startswith("resnet") and inspect.isfunction(made))):
            continue
        if {*_CHANNELS, "in_shape"} & arguments_of(made).keys():
            found[name] = made
    return found


def find(name: str) -> Callable[..., nn.Module]:
    """The network of this name.

    Raises:
        SettingsError: with the most similar name.
        UserError: if MONAI is not installed.
    """
    known = available()
    if name in known:
        return known[name]
    folded = {other.lower(): other for other in reversed(known)}
    near = get_close_matches(name.lower(), folded, n=1)
    hint = f"did you mean {folded[near[0]]!r}?" if near else "MONAI's documentation lists them (monai.networks.nets)"
    raise SettingsError(f"MONAI has no network {name!r} that reads an image; {hint}", field="network")


def build(name: str, spec: ModalitySpec, outputs: int, settings: Mapping[str, Any]) -> nn.Module:
    """The network for an image of this shape, with random weights.

    Args:
        name: of the network.
        spec: of the modality.
        outputs: the length of its output, or the number of its channels.
        settings: further arguments, by name.

    Raises:
        SettingsError: for an unknown name, and for arguments that the network rejects.
    """
    network = find(name)
    for forbidden in _DOWNLOADS:
        if settings.get(forbidden):
            raise SettingsError("weights are read from a file; set `weights`", field=f"settings.{forbidden}")
    taken = arguments_of(network)
    for given in settings:
        if given not in taken:
            near = get_close_matches(given, taken, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"it takes {', '.join(taken)}"
            raise SettingsError(f"{name} takes no {given!r}; {hint}", field="settings")
    try:
        return network(**{**_filled(taken, spec, outputs), **settings})
    except (SettingsError, UserError):
        raise
    except Exception as error:
        reason = str(error).strip().splitlines() or [type(error).__name__]
        if missing := re.search(r"No module named '([\w.]+)'", str(error)):
            raise SettingsError(
                f"MONAI's {name} needs {missing[1].partition('.')[0]}, which is not installed; install it, or use "
                f"another network",
                field="network",
            ) from error
        needed = [key for key, item in taken.items() if item.default is inspect.Parameter.empty]
        raise SettingsError(
            f"MONAI cannot build {name} for a {spec.kind} of {'x'.join(map(str, spec.shape))}: {reason[0]}; it needs "
            f"{', '.join(needed)}, of which the input and the outputs are set already",
            field="settings",
        ) from error


def arguments_of(network: Callable[..., nn.Module]) -> dict[str, inspect.Parameter]:
    """The arguments by name, with those that ``**kwargs`` passes on to the base class."""
    found: dict[str, inspect.Parameter] = {}
    sources: list[Any] = [network]
    if inspect.isclass(network):
        sources = [
            vars(base)["__init__"]
            for base in network.__mro__
            if base.__module__.startswith("monai.") and "__init__" in vars(base)
        ]
    else:
        nets = extras.require("monai.networks.nets", extra="monai", purpose="the encoder `monai`")
        sources.append(nets.ResNet.__init__)
    for source in sources:
        parameters = inspect.signature(source).parameters
        for name, item in parameters.items():
            if name not in {"self", "args", "kwargs", "model_kwargs"} and item.kind is not item.VAR_KEYWORD:
                found.setdefault(name, item)
        if not any(item.kind is item.VAR_KEYWORD for item in parameters.values()):
            break
    return found


def _filled(taken: Mapping[str, Any], spec: ModalitySpec, outputs: int) -> dict[str, Any]:
    """Arguments that follow from the modality."""
    channels, *space = spec.shape
    values: dict[str, Any] = {
        "spatial_dims": len(space),
        "in_shape": spec.shape,
        "img_size": tuple(space),
        "out_shape": (outputs,),
        "classification": True,
        "post_activation": "none",
        **dict.fromkeys(_CHANNELS, channels),
        **dict.fromkeys(_OUTPUTS, outputs),
    }
    return {name: value for name, value in values.items() if name in taken}
