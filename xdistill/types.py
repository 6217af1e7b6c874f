"""What flows through xdistill: schemas of cohorts, batches of subjects, outputs of networks.

Nothing here imports torch when it runs, so that commands that only look at data start at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    import torch
    from jaxtyping import Bool, Float, Int
    from torch import Tensor

ModalityKind = Literal["volume", "image", "vector", "sequence", "text"]
ColumnKind = Literal["numeric", "categorical", "indicator"]


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
        columns: one entry a column for vectors, else empty.
        unit: of the values, such as ``z-score``; empty when there is none.
    """

    kind: ModalityKind
    shape: tuple[int, ...]
    columns: tuple[ColumnSpec, ...] = ()
    unit: str = ""


@dataclass(frozen=True)
class Schema:
    """What a cohort holds: its modalities and its classes."""

    modalities: Mapping[str, ModalitySpec]
    classes: tuple[str, ...]

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
            "classes": list(self.classes),
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
            classes=tuple(data["classes"]),
        )


class LateInputs(Mapping[str, "Tensor"]):
    """Values by modality, some of which are made when somebody asks for them.

    Args:
        names: of all modalities, in their order.
        there: values that are made.
        make: makes any of the others.
    """

    def __init__(self, names: Sequence[str], there: Mapping[str, Tensor], make: Callable[[str], Tensor]) -> None:
        self._names = tuple(names)
        self._there = dict(there)
        self._make = make

    def __getitem__(self, name: str) -> Tensor:
        if name not in self._there:
            if name not in self._names:
                raise KeyError(name)
            self._there[name] = self._make(name)
        return self._there[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def only(self, names: Sequence[str]) -> Mapping[str, Tensor]:
        """Some of the modalities; nothing is made for that."""
        unknown = set(names).difference(self._names)
        if unknown:
            raise KeyError(*unknown)
        there = {name: self._there[name] for name in names if name in self._there}
        return LateInputs(names, there, self.__getitem__) if len(there) < len(set(names)) else there

    def each(self, change: Callable[[Tensor], Tensor]) -> LateInputs:
        """All values changed, those that are not made when they are."""
        there = {name: change(value) for name, value in self._there.items()}
        return LateInputs(self._names, there, lambda name: change(self[name]))


def each(inputs: Mapping[str, Tensor], change: Callable[[Tensor], Tensor]) -> Mapping[str, Tensor]:
    """All values of a batch changed."""
    if isinstance(inputs, LateInputs):
        return inputs.each(change)
    return {name: change(value) for name, value in inputs.items()}


@dataclass(frozen=True)
class Batch:
    """Some subjects of a cohort.

    Attributes:
        inputs: for each modality a tensor ``(batch, …)``.
        present: for each modality which subjects have it; absent subjects hold zeros in ``inputs``.
        subjects: the subjects' ids, in order.
        target: class indices; None in what a network is given.
    """

    inputs: Mapping[str, Float[Tensor, "batch ..."]]
    present: Mapping[str, Bool[Tensor, " batch"]]
    subjects: tuple[str, ...]
    target: Int[Tensor, " batch"] | None = None

    def __len__(self) -> int:
        return len(self.subjects)

    def restricted_to(self, modalities: Sequence[str]) -> Batch:
        """What a network is given: the named modalities and nothing else, not even the target.

        Raises:
            KeyError: for a modality that the batch does not have.
        """
        return Batch(
            inputs=self.inputs.only(modalities)
            if isinstance(self.inputs, LateInputs)
            else {name: self.inputs[name] for name in modalities},
            present={name: self.present[name] for name in modalities},
            subjects=self.subjects,
        )

    def take(self, places: Int[Tensor, " some"]) -> Batch:
        """Some of the subjects, by their places in the batch."""
        return Batch(
            inputs=each(self.inputs, lambda value: value[places]),
            present={name: value[places] for name, value in self.present.items()},
            subjects=tuple(self.subjects[place] for place in places.tolist()),
            target=None if self.target is None else self.target[places],
        )

    def to(self, device: torch.device) -> Batch:
        """The same batch on another device."""
        return Batch(
            inputs=each(self.inputs, lambda value: value.to(device, non_blocking=True)),
            present={name: value.to(device, non_blocking=True) for name, value in self.present.items()},
            subjects=self.subjects,
            target=None if self.target is None else self.target.to(device, non_blocking=True),
        )


@dataclass(frozen=True)
class Output:
    """What a network says about a batch.

    Attributes:
        logits: unnormalised class scores.
        features: intermediate features by tap name, each ``(batch, …)``.
        aux: further logits by name (deep supervision).
    """

    logits: Float[Tensor, "batch classes"]
    features: Mapping[str, Float[Tensor, "batch ..."]] = field(default_factory=dict)
    aux: Mapping[str, Float[Tensor, "batch classes"]] = field(default_factory=dict)

    def take(self, places: Int[Tensor, " some"]) -> Output:
        """What is said about some of the subjects, by their places in the batch; gradients flow back to them."""
        return self.each(lambda value: value[places])

    def detached(self) -> Output:
        """The same values, cut off from the graph: no gradient flows back through them."""
        return self.each(lambda value: value.detach())

    def each(self, change: Callable[[Tensor], Tensor]) -> Output:
        """All values changed: the logits first, then features and further logits in their order."""
        return replace(
            self,
            logits=change(self.logits),
            features={name: change(value) for name, value in self.features.items()},
            aux={name: change(value) for name, value in self.aux.items()},
        )


@dataclass(frozen=True)
class OutputSpec:
    """The shapes of an `Output` without the batch dimension.

    Attributes:
        classes: number of classes.
        features: shape of each tap, for example ``{"hbp": (512,)}``.
        aux: names of the auxiliary logits.
    """

    classes: int
    features: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    aux: tuple[str, ...] = ()
