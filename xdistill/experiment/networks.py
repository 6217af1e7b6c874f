"""Building networks, and finding out what they return."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from math import prod
from typing import Any

import torch
from torch import nn

from xdistill.errors import OutOfMemoryError, PluginError, SettingsError
from xdistill.interfaces.component import Choice
from xdistill.interfaces.network import Network
from xdistill.training.memory import memory_explained
from xdistill.training.seeds import derive
from xdistill.types import Batch, Output, OutputSpec, Schema

SMALL = 100_000  # numbers a subject


def build_networks(choices: Mapping[str, Choice[Any]], schema: Schema, *, seed: int) -> dict[str, Network]:
    """The networks of a fold, by role; each role's weights depend on the seed and the role alone."""
    networks: dict[str, Network] = {}
    for role, choice in choices.items():
        torch.manual_seed(derive(seed, "weights", role))
        networks[role] = choice.build(schema=schema)
    return networks


def sketch(choice: Choice[Any], schema: Schema) -> tuple[Network, OutputSpec]:
    """A network and the shapes of its output; a network of large inputs gets no memory for its weights.

    Small inputs are really computed with: loading what torch needs for shapes alone takes a second longer.

    Raises:
        SettingsError: when the network refuses its settings.
        PluginError: when it cannot be built or run for any other reason.
    """
    if sum(prod(spec.shape) for spec in schema.modalities.values()) < SMALL:
        return _sketch_for_real(choice, schema)
    try:
        with torch.device("meta"):
            network: Network = choice.build(schema=schema)
        return network, output_spec(network, schema, device="meta")
    except SettingsError:
        raise
    except Exception:  # noqa: BLE001 - not every operation works without data: then do it for real
        return _sketch_for_real(choice, schema)


class Sketches:
    """Sketches that are made once, for many recipes that have most of their networks in common."""

    def __init__(self) -> None:
        self._known: list[tuple[Choice[Any], Schema, tuple[Network, OutputSpec]]] = []

    def __call__(self, choice: Choice[Any], schema: Schema) -> tuple[Network, OutputSpec]:
        """See `sketch`; what is refused is not kept."""
        for known, of, made in self._known:  # settings may hold mappings, which have no hash
            if known == choice and of == schema:
                return made
        made = sketch(choice, schema)
        self._known.append((choice, schema, made))
        return made


def _sketch_for_real(choice: Choice[Any], schema: Schema) -> tuple[Network, OutputSpec]:
    try:
        with memory_explained():
            network: Network = choice.build(schema=schema)
            return network, output_spec(network, schema, device="cpu")
    except (SettingsError, OutOfMemoryError):
        raise
    except Exception as error:
        raise PluginError(f"the network {choice.use!r} cannot be built: {type(error).__name__}: {error}") from error


@contextmanager
def evaluating(network: nn.Module) -> Iterator[None]:
    """Eval mode and no gradients; afterwards every part is in the mode in which it was."""
    modes = [(module, module.training) for module in network.modules()]
    network.eval()
    try:
        with torch.no_grad():
            yield
    finally:
        for module, mode in modes:
            module.training = mode


def output_spec(network: Network, schema: Schema, *, device: str) -> OutputSpec:
    """The shapes of what a network returns, found by running it on zeros; its mode is left as it was.

    Raises:
        PluginError: when it does not return an `Output` with one logit a class.
    """
    with evaluating(network):
        output: Any = network(zeros(schema.restricted_to(network.inputs), size=2, device=device))
    if not isinstance(output, Output):
        raise PluginError(f"the network {network.name!r} has to return an Output, and returned {type(output).__name__}")
    if tuple(output.logits.shape) != (2, len(schema.classes)):
        raise PluginError(
            f"the network {network.name!r} returned logits of shape {tuple(output.logits.shape)} for 2 subjects and "
            f"{len(schema.classes)} classes"
        )
    return OutputSpec(
        classes=len(schema.classes),
        features={name: tuple(value.shape[1:]) for name, value in output.features.items()},
        aux=tuple(output.aux),
    )


def zeros(schema: Schema, *, size: int, device: str) -> Batch:
    """A batch of zeros."""
    return Batch(
        inputs={
            name: torch.zeros((size, *spec.shape), dtype=torch.float32, device=device)
            for name, spec in schema.modalities.items()
        },
        present={name: torch.ones(size, dtype=torch.bool, device=device) for name in schema.modalities},
        subjects=tuple(f"zero{index}" for index in range(size)),
    )
