"""What flows through xdistill: schemas of cohorts, batches of subjects, outputs of networks.

Nothing here imports torch when it runs, so that commands that only look at data start at once.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal
from warnings import warn

from xdistill.errors import SettingsError
from xdistill.tasks import Classification, Task, as_task, read_task

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Float, Int, Shaped
    from torch import Tensor

ModalityKind = Literal["volume", "image", "vector", "sequence", "text"]
ColumnKind = Literal["numeric", "categorical", "indicator"]

MIN_SUBJECTS = 2  # that batch statistics, and relations between subjects, need


@dataclass(frozen=True)
class ColumnSpec:
    """One column of a vector modality.

    Attributes:
        name: the column's name as the user knows it.
        kind: ``numeric``; ``categorical`` (stored as an index into ``categories``); or ``indicator``
            (0 or 1, made by a transform).
        unit: such as ``ng/mL``; empty when there is none.
        categories: names of the categories, in the order of their indices.
        source: for columns that a transform made, the column they came from.
    """

    name: str
    kind: ColumnKind = "numeric"
    unit: str = ""
    categories: tuple[str, ...] = ()
    source: str = ""


@dataclass(frozen=True)
class ModalitySpec:
    """One modality of a cohort.

    Attributes:
        kind: what it is, for example ``volume`` (3-D image) or ``vector`` (a row of a table).
        shape: of one subject, channels first: ``(1, depth, height, width)`` for a volume, ``(columns,)``
            for a vector.
        columns: one entry per column for vectors, else empty.
        unit: of the values, such as ``z-score``; empty when there is none.
    """

    kind: ModalityKind
    shape: tuple[int, ...]
    columns: tuple[ColumnSpec, ...] = ()
    unit: str = ""


@dataclass(frozen=True, init=False)
class Schema:
    """What a cohort holds: its modalities and the task of its targets.

    Args:
        modalities: by name.
        classes: class names; short for ``task=Classification(classes)``.
        task: what is predicted, unless ``classes`` are given.
    """

    modalities: Mapping[str, ModalitySpec]
    task: Task

    def __init__(
        self, modalities: Mapping[str, ModalitySpec], classes: Sequence[str] | None = None, *, task: Task | None = None
    ) -> None:
        given = task if classes is None else as_task(classes)
        if given is None:
            raise TypeError("a schema needs `classes` or a `task`")
        object.__setattr__(self, "modalities", modalities)
        object.__setattr__(self, "task", given)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names of a classification.

        Raises:
            SettingsError: for another task.
        """
        if not isinstance(self.task, Classification):
            raise SettingsError(
                f"the task is {self.task.describe()}, which has no classes; use a component that does not need classes"
            )
        return self.task.classes

    def restricted_to(self, modalities: Sequence[str]) -> Schema:
        """The same schema with only the named modalities.

        Raises:
            KeyError: for a modality that the schema does not have.
        """
        return replace(self, modalities={name: self.modalities[name] for name in modalities})

    def with_modality(self, name: str, spec: ModalitySpec) -> Schema:
        """The same schema with one modality added or replaced."""
        return replace(self, modalities={**self.modalities, name: spec})

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary; `Schema.from_json` reads it back."""
        return {
            **self.task.entries(),
            "modalities": {
                name: {
                    "kind": spec.kind,
                    "shape": list(spec.shape),
                    "unit": spec.unit,
                    "columns": [
                        {
                            "name": column.name,
                            "kind": column.kind,
                            "unit": column.unit,
                            "categories": list(column.categories),
                            "source": column.source,
                        }
                        for column in spec.columns
                    ],
                }
                for name, spec in self.modalities.items()
            },
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Schema:
        """The schema that `to_json` wrote."""
        return cls(
            modalities={
                name: ModalitySpec(
                    kind=spec["kind"],
                    shape=tuple(spec["shape"]),
                    unit=spec["unit"],
                    columns=tuple(
                        ColumnSpec(**{**column, "categories": tuple(column["categories"])})
                        for column in spec["columns"]
                    ),
                )
                for name, spec in data["modalities"].items()
            },
            task=read_task(data),
        )


@dataclass(frozen=True)
class Batch:
    """Some subjects of a cohort.

    Attributes:
        inputs: for each modality a tensor ``(batch, …)``.
        present: for each modality which subjects have it; absent subjects hold zeros in ``inputs``.
        subjects: the subjects' ids, in order.
        target: as the task has them, for classification class indices; None in what a network is given.
        labelled: which subjects have a label; None: all. The target of the others is -1, and no task loss sees it.
    """

    inputs: Mapping[str, Float[Tensor, "batch ..."]]
    present: Mapping[str, Bool[Tensor, " batch"]]
    subjects: tuple[str, ...]
    target: Shaped[Tensor, "batch ..."] | None = None
    labelled: Bool[Tensor, " batch"] | None = None

    def __len__(self) -> int:
        return len(self.subjects)

    def restricted_to(self, modalities: Sequence[str]) -> Batch:
        """What a network is given: the named modalities and nothing else, not even the target.

        Raises:
            KeyError: for a modality that the batch does not have.
        """
        return Batch(
            inputs={name: self.inputs[name] for name in modalities},
            present={name: self.present[name] for name in modalities},
            subjects=self.subjects,
        )

    def take(self, indices: Int[Tensor, " some"]) -> Batch:
        """Some of the subjects, by their indices in the batch."""
        return Batch(
            inputs={name: value[indices] for name, value in self.inputs.items()},
            present={name: value[indices] for name, value in self.present.items()},
            subjects=tuple(self.subjects[index] for index in indices.tolist()),
            target=None if self.target is None else self.target[indices],
            labelled=None if self.labelled is None else self.labelled[indices],
        )

    def with_gradients(self) -> Batch:
        """The same values as leaves of a graph: floating-point inputs require gradients."""
        inputs = {
            name: value.detach().requires_grad_() if value.is_floating_point() else value
            for name, value in self.inputs.items()
        }
        return replace(self, inputs=inputs)

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(
            inputs={name: value.to(device, non_blocking=True) for name, value in self.inputs.items()},
            present={name: value.to(device, non_blocking=True) for name, value in self.present.items()},
            subjects=self.subjects,
            target=None if self.target is None else self.target.to(device, non_blocking=True),
            labelled=None if self.labelled is None else self.labelled.to(device, non_blocking=True),
        )


@dataclass(frozen=True)
class Output:
    """What a network returns for a batch.

    Attributes:
        logits: what the task makes predictions of, for classification unnormalised class scores.
        features: intermediate features by tap name, each ``(batch, …)``.
        aux: further logits by name (deep supervision).
    """

    logits: Float[Tensor, "batch outputs"]
    features: Mapping[str, Float[Tensor, "batch ..."]] = field(default_factory=dict)
    aux: Mapping[str, Float[Tensor, "batch outputs"]] = field(default_factory=dict)

    def take(self, indices: Int[Tensor, " some"]) -> Output:
        """The output for some of the subjects, by their indices in the batch; gradients flow back to them."""
        return self.each(lambda value: value[indices])

    def detached(self) -> Output:
        """The same values, detached from the graph."""
        return self.each(lambda value: value.detach())

    def each(self, change: Callable[[Tensor], Tensor]) -> Output:
        """The output with every tensor changed: the logits first, then features and auxiliary logits in their order."""
        return replace(
            self,
            logits=change(self.logits),
            features={name: change(value) for name, value in self.features.items()},
            aux={name: change(value) for name, value in self.aux.items()},
        )


@dataclass(frozen=True, init=False)
class OutputSpec:
    """The shapes of an `Output` without the batch dimension.

    Attributes:
        outputs: number of logits per subject; for classification, the number of classes.
        features: shape of each tap, for example ``{"hbp": (512,)}``.
        aux: names of the auxiliary logits.
    """

    outputs: int
    features: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    aux: tuple[str, ...] = ()

    def __init__(
        self,
        outputs: int | None = None,
        features: Mapping[str, tuple[int, ...]] | None = None,
        aux: tuple[str, ...] = (),
        *,
        classes: int | None = None,
    ) -> None:
        if classes is not None:
            warn("`OutputSpec(classes=…)` is deprecated; use `outputs`", DeprecationWarning, stacklevel=2)
        given = outputs if classes is None else classes
        if given is None:
            raise TypeError("an output spec needs `outputs`")
        object.__setattr__(self, "outputs", given)
        object.__setattr__(self, "features", {} if features is None else features)
        object.__setattr__(self, "aux", aux)

    @classmethod
    def of(cls, output: Output) -> OutputSpec:
        """The shapes of an output."""
        features = {name: tuple(value.shape[1:]) for name, value in output.features.items()}
        return cls(output.logits.shape[1], features, tuple(output.aux))

    @property
    def classes(self) -> int:
        """Deprecated: `outputs`."""
        warn("`OutputSpec.classes` is deprecated; use `outputs`", DeprecationWarning, stacklevel=2)
        return self.outputs
