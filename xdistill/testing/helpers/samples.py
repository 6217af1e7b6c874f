"""Made-up subjects: what the suites feed to components."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

import torch

from xdistill.types import Batch, ColumnSpec, ModalitySpec, Output, Schema

if TYPE_CHECKING:
    from jaxtyping import Float
    from torch import Tensor

CLASSES = ("none", "some", "many")
COLUMNS = (
    ColumnSpec("age", unit="years"),
    ColumnSpec("marker", unit="ng/mL"),
    ColumnSpec("group=a", source="group"),
    ColumnSpec("group=b", source="group"),
    ColumnSpec("marker is missing", "indicator", source="marker"),
)
SCHEMA = Schema(
    modalities={
        "scan": ModalitySpec("volume", (1, 8, 16, 16)),
        "second_scan": ModalitySpec("volume", (1, 8, 16, 16)),
        "picture": ModalitySpec("image", (1, 16, 16)),
        "table": ModalitySpec("vector", (len(COLUMNS),), columns=COLUMNS),
    },
    classes=CLASSES,
)
"""A cohort as networks see it: after the transforms."""

FEATURE_SHAPES: Mapping[str, tuple[int, ...]] = {"vector": (6,), "map": (4, 5, 3), "volume": (4, 3, 2, 5)}
"""Shapes of a subject's features: a vector, and maps over two and over three axes of space."""


def sample_values(spec: ModalitySpec, subjects: int, generator: torch.Generator) -> Float[Tensor, "batch ..."]:
    """Values of a modality, standard normal; indices in categorical columns, zeros and ones in indicators."""
    values = torch.randn((subjects, *spec.shape), generator=generator)
    for place, column in enumerate(spec.columns):
        if column.kind != "numeric":
            options = len(column.categories) or 2
            values[:, place] = torch.randint(options, (subjects,), generator=generator).float()
    return values


def sample_batch(schema: Schema = SCHEMA, *, subjects: int = 6, seed: int = 0) -> Batch:
    """Subjects with all modalities and a target; every class occurs where there are enough of them."""
    generator = torch.Generator().manual_seed(seed)
    return Batch(
        inputs={name: sample_values(spec, subjects, generator) for name, spec in schema.modalities.items()},
        present={name: torch.ones(subjects, dtype=torch.bool) for name in schema.modalities},
        subjects=tuple(f"subject-{place}" for place in range(subjects)),
        target=schema.task.sample_targets(subjects),
    )


def take(batch: Batch, rows: list[int]) -> Batch:
    """Some subjects of a batch, in this order; one that is taken again gets another id."""
    return Batch(
        inputs={name: value[rows] for name, value in batch.inputs.items()},
        present={name: value[rows] for name, value in batch.present.items()},
        subjects=tuple(
            batch.subjects[row] + (f"-{place}" if row in rows[:place] else "") for place, row in enumerate(rows)
        ),
        target=None if batch.target is None else batch.target[rows],
    )


def sample_output(
    taps: Mapping[str, tuple[int, ...]], *, subjects: int = 6, classes: int = len(CLASSES), seed: int = 0
) -> Output:
    """What a network might return: standard normal logits, and features of these shapes by tap."""
    generator = torch.Generator().manual_seed(seed)
    return Output(
        logits=torch.randn((subjects, classes), generator=generator),
        features={tap: torch.randn((subjects, *shape), generator=generator) for tap, shape in taps.items()},
    )


def tensors_of(output: Output) -> dict[str, Tensor]:
    """All tensors of an output by name."""
    return {
        "logits": output.logits,
        **{f"features[{tap}]": value for tap, value in output.features.items()},
        **{f"aux[{name}]": value for name, value in output.aux.items()},
    }


def output_map(output: Output, change: Mapping[str, Tensor]) -> Output:
    """The output with all its tensors replaced, by the names of `tensors_of`."""
    return Output(
        logits=change["logits"],
        features={tap: change[f"features[{tap}]"] for tap in output.features},
        aux={name: change[f"aux[{name}]"] for name in output.aux},
    )
