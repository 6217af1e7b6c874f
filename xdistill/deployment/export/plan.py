"""What an exported file takes and returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from xdistill.data.file.layout import loaded_dtype
from xdistill.errors import ModelError
from xdistill.models.ensemble import Ensemble
from xdistill.types import ModalitySpec

OUTPUT = "probabilities"


@dataclass(frozen=True)
class InputPlan:
    """One input of the file.

    Attributes:
        name: of the modality.
        spec: of the values that the file takes.
        dtype: of these values: ``float64`` for vectors before their transforms, else ``float32``.
        transformed: the file takes values after the fitted transforms, as these cannot be part of it.
        optional: subjects may lack the modality; the file has an input ``<name>_present`` for it.
    """

    name: str
    spec: ModalitySpec
    dtype: Literal["float32", "float64"]
    transformed: bool
    optional: bool

    @property
    def mask(self) -> str:
        """Name of the input that says which subjects have the modality."""
        return f"{self.name}_present"

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary."""
        return {
            "kind": self.spec.kind,
            "shape": list(self.spec.shape),
            "dtype": self.dtype,
            "unit": self.spec.unit,
            "columns": [
                {"name": column.name, "kind": column.kind, "unit": column.unit, "categories": list(column.categories)}
                for column in self.spec.columns
            ],
            "transformed": self.transformed,
            "present": self.mask if self.optional else None,
        }


def plan_inputs(model: Ensemble) -> tuple[InputPlan, ...]:
    """The inputs of a model's file, in the order of its modalities.

    Raises:
        ModelError: if the model reads no modality, or if its networks were trained on differently transformed values
            and the transform cannot be part of the file.
    """
    if not model.inputs:
        raise ModelError(
            "the student reads no modality and predicts the same for every subject; there is nothing to export"
        )
    plans = tuple(_plan(model, name) for name in model.inputs)
    names = [name for plan in plans for name in ([plan.name, plan.mask] if plan.optional else [plan.name])]
    twice = next((name for name in names if names.count(name) > 1), None)
    if twice is not None:
        raise ModelError(f"the file would have two inputs `{twice}`; rename that modality and train again")
    return plans


def _plan(model: Ensemble, name: str) -> InputPlan:
    optional = name in model.config.optional
    closed = [step for step in model.members[0].transforms.of(name) if step.as_module() is None]
    if not closed:
        spec = model.schema.modalities[name]
        return InputPlan(name, spec, "float64" if loaded_dtype(spec) == "float64" else "float32", False, optional)  # noqa: FBT003
    if len(model.members) > 1:
        raise ModelError(
            f"the transform `{closed[0].name}` of modality `{name}` cannot be part of the file, and each of the "
            f"{len(model.members)} networks has its own fitted values; export one network with `--member`"
        )
    return InputPlan(name, model.members[0].transforms.schema.modalities[name], "float32", True, optional)  # noqa: FBT003
