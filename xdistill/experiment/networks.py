"""Building networks and losses, and finding out what shapes networks return before anything is trained."""

from __future__ import annotations

from collections.abc import Mapping
from math import prod
from typing import Any

import torch
from torch import nn

from xdistill.errors import OutOfMemoryError, PluginError, SettingsError
from xdistill.experiment.stages.plans import TermPlan
from xdistill.interfaces.component import Choice
from xdistill.interfaces.loss import TrainingFacts
from xdistill.interfaces.network import Network
from xdistill.training.memory import memory_explained
from xdistill.training.objective import Term, spec_part
from xdistill.training.seeds import derive
from xdistill.training.shapes import output_spec
from xdistill.types import OutputSpec, Schema

SMALL = 100_000  # numbers per subject


def build_networks(choices: Mapping[str, Choice[Any]], schema: Schema, *, seed: int) -> dict[str, Network]:
    """The networks of a fold, by role; each role's weights depend on the seed and the role alone."""
    networks: dict[str, Network] = {}
    for role, choice in choices.items():
        torch.manual_seed(derive(seed, "weights", role))
        networks[role] = choice.build(schema=schema)
    return networks


def probe(choice: Choice[Any], schema: Schema) -> tuple[Network, OutputSpec]:
    """A network and the shapes of its output, without memory for its weights if its inputs are large.

    Small inputs are computed on the CPU, because loading torch's meta device takes a second longer.

    Raises:
        SettingsError: if the network rejects its settings.
        PluginError: if it cannot be built or called for any other reason.
    """
    if sum(prod(spec.shape) for spec in schema.modalities.values()) < SMALL:
        return _probe_on_cpu(choice, schema)
    try:
        with torch.device("meta"):
            network: Network = choice.build(schema=schema)
        return network, output_spec(network, schema, device="meta")
    except SettingsError:
        raise
    except Exception:  # noqa: BLE001 - not every operation works without data: then do it for real
        return _probe_on_cpu(choice, schema)


class CachedProbes:
    """`probe` with a memory, for many recipes that have most of their networks in common."""

    def __init__(self) -> None:
        self._known: list[tuple[Choice[Any], Schema, tuple[Network, OutputSpec]]] = []

    def __call__(self, choice: Choice[Any], schema: Schema) -> tuple[Network, OutputSpec]:
        """See `probe`; errors are not remembered."""
        for known, of, made in self._known:  # settings may hold mappings, which have no hash
            if known == choice and of == schema:
                return made
        made = probe(choice, schema)
        self._known.append((choice, schema, made))
        return made


def _probe_on_cpu(choice: Choice[Any], schema: Schema) -> tuple[Network, OutputSpec]:
    try:
        with memory_explained():
            network: Network = choice.build(schema=schema)
            return network, output_spec(network, schema, device="cpu")
    except (SettingsError, OutOfMemoryError):
        raise
    except Exception as error:
        raise PluginError(f"the network {choice.use!r} cannot be built: {type(error).__name__}: {error}") from error


def build_term(plan: TermPlan, specs: Mapping[str, OutputSpec], training: TrainingFacts) -> Term:
    """The term with its loss built for these networks.

    Raises:
        SettingsError: if the loss rejects its settings or the networks' shapes.
    """
    if plan.on:
        loss: nn.Module = plan.choice.build(output=spec_part(specs[plan.on], plan.output), training=training)
    else:
        learner, guide = specs["student"], spec_part(specs["teacher"], plan.output)
        if plan.teaches == "teacher":
            learner, guide = guide, learner
        loss = plan.choice.build(student=learner, teacher=guide)
    return Term(
        loss,
        label=plan.label,
        on=plan.on,
        weight=plan.weight,
        output=plan.output,
        detach_teacher=plan.detach_teacher,
        teaches=plan.teaches,
    )
