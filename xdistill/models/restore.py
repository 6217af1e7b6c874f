"""From plain data and weights back to a network and its transforms."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from pydantic import ValidationError
from pydantic_core import PydanticCustomError
from torch import Tensor

from xdistill.data import FittedTransforms
from xdistill.errors import ModelError, SettingsError, XdistillError
from xdistill.interfaces.component import Choice, Component, choose
from xdistill.interfaces.dataset import Dataset
from xdistill.interfaces.fine_tuning import weights_follow
from xdistill.interfaces.network import Network, Student
from xdistill.interfaces.reader import SubjectReader
from xdistill.interfaces.transform import Transform
from xdistill.models.config import StudentConfig
from xdistill.plugin import Catalog
from xdistill.types import Schema


def transforms_of(config: StudentConfig, catalog: Catalog, state: Mapping[str, Any]) -> FittedTransforms:
    """The fitted transforms of the student's modalities.

    Args:
        config: of the student.
        catalog: the registered components.
        state: of all transforms of a fold, or of the student's alone.

    Raises:
        ModelError: if it is not a state of these transforms, or a plugin is missing.
    """
    schema = config.schema_of_inputs
    choices = [chosen(Transform, block, catalog, "transforms") for block in config.transforms]
    try:
        states = [item for item in state["transforms"] if item["modality"] in schema.modalities]
        return FittedTransforms.from_state(choices, schema, {**state, "transforms": states})
    except XdistillError as error:
        raise ModelError(str(error)) from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f"the fitted values of the transforms are not valid: {type(error).__name__}: {error}"
        ) from None


def network_of(config: StudentConfig, catalog: Catalog, schema: Schema, weights: Mapping[str, Tensor]) -> Network:
    """The trained network, on the CPU, in eval mode.

    Args:
        config: of the student.
        catalog: the registered components.
        schema: after the transforms.
        weights: by name.

    Raises:
        ModelError: if the weights are not those of the network, or a plugin is missing.
    """
    choice = chosen(Student, config.student, catalog, "student")
    try:
        with torch.random.fork_rng(devices=[]), weights_follow():
            network: Network = choice.build(schema=schema)
        network.load_state_dict(dict(weights))
    except (SettingsError, RuntimeError, KeyError) as error:
        reason = str(error).strip().splitlines()
        raise ModelError(
            f"the weights are not those of the student `{choice.use}`, as the installed plugins build it: "
            f"{' '.join(line.strip() for line in reason[:3])}; install the versions that the model was trained with"
        ) from error
    return network.eval().requires_grad_(requires_grad=False)


def reader_of(config: StudentConfig, catalog: Catalog) -> SubjectReader | None:
    """The reader of new subjects; None if the data set has none.

    Raises:
        ModelError: if its plugin is missing.
    """
    if config.reader is None:
        return None
    try:
        dataset = catalog.resolve(Dataset, config.reader.use)
    except LookupError as error:
        raise ModelError(f"the model's `reader`: {error}; install the plugin that it was trained with") from None
    assert issubclass(dataset, Dataset)  # noqa: S101 - the catalog has checked it
    return dataset.reader(config.reader.settings, config.schema_of_inputs)


def chosen(kind: type[Component], block: Mapping[str, Any], catalog: Catalog, field: str) -> Choice[Any]:
    """The component that a block of a model's configuration names.

    Raises:
        ModelError: if it is not installed, or has other settings.
    """
    try:
        return choose(kind, block, catalog)
    except PydanticCustomError as error:
        raise ModelError(f"the model's `{field}`: {error}; install the plugin that it was trained with") from None
    except ValidationError as error:
        first = error.errors()[0]
        place = ".".join(map(str, first["loc"]))
        raise ModelError(
            f"the model's `{field}.{place}`: {first['msg']}; install the versions that it was trained with"
        ) from None
