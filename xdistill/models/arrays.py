"""From arrays, tensors and data frames to a cohort that a model predicts for."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from xdistill.arrays.modalities import Modalities, common_length
from xdistill.arrays.reading import by_name, listed, read_values
from xdistill.data import ArrayCohort
from xdistill.errors import UserError

if TYPE_CHECKING:
    from xdistill.models.ensemble import Ensemble


def cohort_of(model: Ensemble, X: Any) -> ArrayCohort:  # noqa: N803 - scikit-learn's name
    """The subjects of ``X``, without targets.

    Args:
        model: that predicts for them.
        X: a mapping from modality to values, or a `Modalities`, whose privileged modalities are dropped.

    Raises:
        UserError: if a modality is missing, unknown or privileged, or not as in training.
    """
    given = X.unprivileged() if isinstance(X, Modalities) else by_name(X)
    check_names(model, given)
    schema = model.schema
    given = {name: given[name] for name in schema.modalities}
    if not common_length(given):
        raise UserError("`X` has no subjects")
    values = {name: read_values(name, schema.modalities[name], value) for name, value in given.items()}
    return ArrayCohort(schema, values, None)


def check_names(model: Ensemble, given: Mapping[str, Any], what: str = "`X`") -> None:
    """Check that exactly the student's modalities are given.

    Raises:
        UserError: naming the modality that is missing, unknown or privileged.
    """
    inputs = model.inputs
    for name in given:
        if name in model.config.privileged:
            hint = f", or pass `Modalities(..., privileged=[{name!r}])`" if what == "`X`" else ""
            raise UserError(
                f"{what} has the privileged modality `{name}`, which the student never uses; leave it out{hint}"
            )
        if name not in inputs:
            raise UserError(f"{what} has the unknown modality `{name}`; the student reads {listed(inputs)}")
    for name in inputs:
        if name not in given:
            raise UserError(f"{what} has no modality `{name}`; the student reads {listed(inputs)}")
