"""The suite of transforms."""

from __future__ import annotations

import json
from typing import Any, ClassVar

import numpy as np
import torch
from numpy.typing import NDArray

from xdistill.interfaces.transform import Transform
from xdistill.testing.suite import Conformance, promised, require
from xdistill.types import ColumnSpec, ModalitySpec

_TRAINING = 20
_OTHERS = 8
_ROUNDING = 1e-5  # by which operations on tensors may differ
TABLE = ModalitySpec(
    "vector",
    (4,),
    columns=(
        ColumnSpec("age", unit="years"),
        ColumnSpec("marker", unit="ng/mL"),
        ColumnSpec("group", "categorical", categories=("a", "b", "c")),
        ColumnSpec("score"),
    ),
)


class TransformConformance(Conformance):
    """What a transform has to do.

    Attributes:
        spec: of its modality, as the cache holds it: a table of numbers and categories unless another is given.
        missing: some values are missing (NaN), among training subjects and others.
        fills: nothing is missing any more after it.
        counts: values are whole numbers from 0 on, as counts of words are, and none is missing.
    """

    kind = "transform"
    spec: ModalitySpec = TABLE
    missing: ClassVar[bool] = True
    fills: ClassVar[bool] = False
    counts: ClassVar[bool] = False

    def built(self) -> Transform:
        """The transform, not yet fitted."""
        transform: Transform = self.choice().build(spec=self.spec)
        return transform

    def fitted(self) -> Transform:
        """The transform, fitted on the training subjects."""
        transform = self.built()
        transform.fit(self.training())
        return transform

    def training(self, *, seed: int = 0) -> NDArray[np.floating]:
        """Values of training subjects."""
        return self._values(_TRAINING, seed)

    def others(self) -> NDArray[np.floating]:
        """Values of subjects that nothing may be learned from."""
        return self._values(_OTHERS, 100) * (1 if self._categorical.any() else 3)

    def test_output_is_what_is_announced(self) -> None:
        """`apply` gives float32 of the shape that `output` says."""
        transform = self.fitted()
        values: Any = transform.apply(self.others())
        wanted = (_OTHERS, *transform.output().shape)
        require(tuple(values.shape) == wanted, f"{tuple(values.shape)} instead of {wanted}, which `output` announces")
        require(values.dtype == np.float32, f"values are {values.dtype}, not float32")
        columns = transform.output().columns
        require(not columns or len(columns) == wanted[-1], f"{len(columns)} columns for {wanted[-1]} values")

    def test_applying_learns_nothing(self) -> None:
        """Only `fit` learns: test subjects pass through `apply`."""
        transform = self.fitted()
        before = json.dumps(transform.state())
        transform.apply(self.others())
        require(json.dumps(transform.state()) == before, "`apply` changed what was learned")

    def test_subjects_do_not_influence_each_other(self) -> None:
        """A subject's values do not depend on who else is transformed with it."""
        transform = self.fitted()
        together, alone = transform.apply(self.others()), transform.apply(self.others()[:1])
        require(_same(together[:1], alone), "the first subject's values differ when it is transformed alone")

    def test_folds_are_fitted_apart(self) -> None:
        """What one transform learns reaches no other: each fold has its own training subjects."""
        first = self.fitted()
        before = first.apply(self.others())
        self.built().fit(self.training(seed=7) * (1 if self._categorical.any() else 5))
        require(_same(before, first.apply(self.others())), "fitting another transform changed this one")

    def test_fitting_again_forgets(self) -> None:
        """Fitted on other subjects, nothing is left of the first."""
        again = self.built()
        again.fit(self.training(seed=7))
        again.fit(self.training())
        require(json.dumps(again.state()) == json.dumps(self.fitted().state()), "the first fit left something behind")

    def test_state_survives_a_round_trip(self) -> None:
        """The state is JSON, and a transform that restores it gives the same bits."""
        first, second = self.fitted(), self.built()
        second.restore(json.loads(json.dumps(first.state(), allow_nan=False)))
        require(_same(first.apply(self.others()), second.apply(self.others())), "restored, it gives other values")
        require(first.output() == second.output(), "restored, it announces another output")

    def test_values_are_left_alone(self) -> None:
        """The arrays that come in stay as they are."""
        transform, training, others = self.built(), self.training(), self.others()
        transform.fit(training)
        transform.apply(others)
        require(_same(training, self.training()), "`fit` changed the training values")
        require(_same(others, self.others()), "`apply` changed the values it was given")

    def test_its_module_gives_the_same(self) -> None:
        """`as_module`, where there is one, is `apply` as operations on tensors: an exported file computes it."""
        transform = self.fitted()
        module = transform.as_module()
        if module is None:
            return
        values = self.others()
        wanted = transform.apply(values)
        with torch.no_grad():
            found = module.eval()(torch.from_numpy(values.copy())).float().numpy()
        require(found.shape == wanted.shape, f"the module gives {found.shape}, and `apply` {wanted.shape}")
        same = np.allclose(found, wanted, rtol=_ROUNDING, atol=_ROUNDING, equal_nan=True)
        require(same, f"the module differs from `apply` by up to {float(np.nanmax(np.abs(found - wanted))):.2g}")

    @promised("fills")
    def test_nothing_is_missing_afterwards(self) -> None:
        """Every value is a finite number."""
        require(bool(np.isfinite(self.fitted().apply(self.others())).all()), "some values are not finite")

    @property
    def _categorical(self) -> NDArray[np.bool_]:
        return np.array([column.kind == "categorical" for column in self.spec.columns], dtype=bool)

    def _values(self, subjects: int, seed: int) -> NDArray[np.floating]:
        generator = np.random.default_rng(seed)
        if self.counts:
            return generator.poisson(1.0, (subjects, *self.spec.shape)).astype(np.float64)
        values = generator.standard_normal((subjects, *self.spec.shape))
        for place, column in enumerate(self.spec.columns):
            if column.kind != "numeric":
                values[:, place] = generator.integers(len(column.categories) or 2, size=subjects)
        if self.missing and self.spec.kind == "vector":
            values[1::4, 0] = np.nan
        return values


def _same(first: NDArray[Any], second: NDArray[Any]) -> bool:
    return first.shape == second.shape and np.array_equal(first, second, equal_nan=True)
