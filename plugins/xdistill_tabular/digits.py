"""The data set ``digits``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, SerializerFunctionWrapHandler, model_serializer

from xdistill.interfaces import Dataset, DatasetFacts, Settings, SubjectRow
from xdistill.types import ColumnSpec, ModalitySpec, Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_SIDE = 8  # pixels
_BRIGHTEST = 16.0
_ALL = 1797
Side = Literal["left", "right", "top", "bottom"]


class Digits(Dataset):
    """Handwritten digits of 8 x 8 pixels, the test part of UCI's optical recognition set; they are in scikit-learn.

    Modalities: ``whole``, all 64 pixels, and ``half``, the 32 of one half; pixels from 0 to 1, row by row. Subjects
    are pictures, ``digit-0001`` and so on; who wrote which is not known, so that the same hand can be in training and
    test.
    """

    name = "digits"

    class Config(Settings):
        """Which half, and how many digits."""

        half: Side = Field(default="left", description="the half that the modality `half` shows")
        subjects: int = Field(
            default=_ALL, ge=100, le=_ALL, description="take only the first so many, in scikit-learn's order"
        )

        split: bool = Field(
            default=False,
            description="keep the column `split`, by which scikit-learn's user guide trains on the first half of the "
            "digits and tests on the second",
        )

        @model_serializer(mode="wrap")
        def _dump(self, handler: SerializerFunctionWrapHandler) -> dict[str, Any]:
            """Leave out what is newer than existing cohorts where it is not set, so that these keep their keys."""
            plain: dict[str, Any] = handler(self)
            return {name: value for name, value in plain.items() if name != "split" or value}

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config

    def schema(self) -> Schema:
        """Two vectors and ten classes."""
        return Schema(
            modalities={"whole": _vector(_pixels(None)), "half": _vector(_pixels(self.config.half))},
            classes=tuple(str(digit) for digit in range(10)),
        )

    def index(self) -> Sequence[SubjectRow]:
        """Each picture is a patient of its own."""
        targets = self._loaded[1][: self.config.subjects]
        names = [f"digit-{number:04d}" for number in range(1, len(targets) + 1)]
        return [SubjectRow(name, name, int(target)) for name, target in zip(names, targets, strict=True)]

    def kept_columns(self) -> Mapping[str, Sequence[str]]:
        """The split, if the settings ask for it."""
        count = self.config.subjects
        first = count // 2
        return {"split": ("train",) * first + ("test",) * (count - first)} if self.config.split else {}

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The pixels of one digit."""
        picture = self._loaded[0][row]
        return {"whole": picture.reshape(-1), "half": picture[_part(self.config.half)].reshape(-1)}

    def facts(self) -> DatasetFacts:
        """Where the digits come from."""
        return DatasetFacts(
            title=f"{self.config.subjects} handwritten digits, whole and {self.config.half} half",
            source="Optical Recognition of Handwritten Digits, E. Alpaydin and C. Kaynak, UCI Machine Learning "
            "Repository, 1998, doi:10.24432/C50P49; CC BY 4.0; as scikit-learn ships it",
        )

    @cached_property
    def _loaded(self) -> tuple[NDArray[np.float64], NDArray[np.int64]]:
        import numpy as np
        from sklearn.datasets import load_digits

        found = load_digits()
        return np.asarray(found.images, dtype=np.float64) / _BRIGHTEST, np.asarray(found.target, dtype=np.int64)


def _part(half: Side | None) -> tuple[slice, slice]:
    """Rows and columns of a half; None stands for the whole."""
    everything, first, second = slice(0, _SIDE), slice(0, _SIDE // 2), slice(_SIDE // 2, _SIDE)
    return {
        None: (everything, everything),
        "left": (everything, first),
        "right": (everything, second),
        "top": (first, everything),
        "bottom": (second, everything),
    }[half]


def _pixels(half: Side | None) -> tuple[ColumnSpec, ...]:
    rows, columns = _part(half)
    return tuple(
        ColumnSpec(f"row {row + 1}, column {column + 1}")
        for row in range(_SIDE)[rows]
        for column in range(_SIDE)[columns]
    )


def _vector(columns: tuple[ColumnSpec, ...]) -> ModalitySpec:
    return ModalitySpec("vector", (len(columns),), columns)
