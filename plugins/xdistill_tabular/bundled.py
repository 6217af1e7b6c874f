"""Tables of patients that scikit-learn ships: the data sets ``breast_cancer`` and ``diabetes``."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, ClassVar

from xdistill.interfaces import Dataset, DatasetFacts, Labels, LabelTable, SubjectRow, TaskSettings
from xdistill.tasks import Classification
from xdistill.types import ColumnSpec, ModalitySpec, Schema

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class _Loaded:
    """Values by column, ``(subjects,)``, classes ``(subjects,)``, and numbers that a task may predict instead."""

    values: Mapping[str, NDArray[np.float64]]
    target: NDArray[np.int64]
    numbers: Mapping[str, NDArray[np.float64]] = field(default_factory=dict)


class BundledTable(Dataset):
    """A table that scikit-learn ships, with its columns divided into modalities. Every row is a patient.

    A recipe's `task` reads the column ``class``, and the numbers that some tables have as well.
    """

    columns: ClassVar[Mapping[str, tuple[str, ...]]]
    classes: ClassVar[tuple[str, str]]

    class Config(TaskSettings):
        """No settings but the recipe's task."""

    config: Config

    def __init__(self, config: Config) -> None:
        self.config = config

    def schema(self) -> Schema:
        """A vector per modality, and two classes or the recipe's task."""
        specs = {name: tuple(map(ColumnSpec, columns)) for name, columns in self.columns.items()}
        vectors = {name: ModalitySpec("vector", (len(one),), one) for name, one in specs.items()}
        return Schema(vectors, task=self._labels.task)

    def index(self) -> Sequence[SubjectRow]:
        """Patients ``patient-001`` and so on."""
        targets = self._labels.targets
        names = [f"patient-{number:03d}" for number in range(1, len(targets) + 1)]
        return [SubjectRow(name, name, target) for name, target in zip(names, targets, strict=True)]

    def load(self, row: int) -> Mapping[str, NDArray[np.generic] | None]:
        """The numbers of one patient."""
        import numpy as np

        values = self._loaded.values
        return {name: np.array([values[column][row] for column in columns]) for name, columns in self.columns.items()}

    @cached_property
    def _labels(self) -> Labels:
        if self.config.task is None:
            return Labels(Classification(self.classes), tuple(map(int, self._loaded.target)))
        columns = {
            "class": [self.classes[target] for target in self._loaded.target],
            **{name: [repr(float(value)) for value in values] for name, values in self._loaded.numbers.items()},
        }
        return self.config.task.build().read(LabelTable(columns, "class", row="patient"))

    @cached_property
    def _loaded(self) -> _Loaded:
        return self.read()

    @abstractmethod
    def read(self) -> _Loaded:
        """The whole table."""


_MEASURES = (
    "radius",
    "texture",
    "perimeter",
    "area",
    "smoothness",
    "compactness",
    "concavity",
    "concave points",
    "symmetry",
    "fractal dimension",
)


class BreastCancer(BundledTable):
    """Breast Cancer Wisconsin (Diagnostic): ten measures of the nuclei of cells in an aspirate, 569 patients.

    Modalities: ``mean`` over the nuclei of an image, ``error`` (its standard error), ``worst`` (the mean of the three
    largest). Classes: benign, malignant.
    """

    name = "breast_cancer"
    columns: ClassVar = {
        "mean": tuple(f"mean {measure}" for measure in _MEASURES),
        "error": tuple(f"{measure} error" for measure in _MEASURES),
        "worst": tuple(f"worst {measure}" for measure in _MEASURES),
    }
    classes: ClassVar = ("benign", "malignant")

    def read(self) -> _Loaded:
        """The whole table; scikit-learn codes malignant as 0."""
        from sklearn.datasets import load_breast_cancer

        found = load_breast_cancer()
        return _Loaded(dict(zip(found.feature_names.tolist(), found.data.T, strict=True)), 1 - found.target)

    def facts(self) -> DatasetFacts:
        """Where the table comes from."""
        return DatasetFacts(
            title="Breast Cancer Wisconsin (Diagnostic), 569 patients",
            source="Wolberg, Mangasarian, Street and Street, UCI Machine Learning Repository, 1995, "
            "doi:10.24432/C5DW2B; CC BY 4.0; as scikit-learn ships it",
        )


class Diabetes(BundledTable):
    """Progression of diabetes within a year, 442 patients (Efron et al., Least angle regression, 2004).

    Modalities: ``examination`` (age, sex, body mass index, blood pressure) and ``serum`` (six measurements). Classes:
    ``slow`` and ``fast``, a progression of up to 140 and of more, which divides the patients in halves. With
    ``task: {use: regression, targets: [progression]}`` the progression itself is predicted, a score from 25 to 346.
    """

    name = "diabetes"
    columns: ClassVar = {"examination": ("age", "sex", "bmi", "bp"), "serum": ("s1", "s2", "s3", "s4", "s5", "s6")}
    classes: ClassVar = ("slow", "fast")
    slow: ClassVar = 140.0

    def read(self) -> _Loaded:
        """The whole table, not scaled."""
        from sklearn.datasets import load_diabetes

        found = load_diabetes(scaled=False)
        return _Loaded(
            dict(zip(found.feature_names, found.data.T, strict=True)),
            (found.target > self.slow).astype("int64"),
            {"progression": found.target},
        )

    def facts(self) -> DatasetFacts:
        """Where the table comes from."""
        return DatasetFacts(
            title="Progression of diabetes, 442 patients",
            source="Efron, Hastie, Johnstone and Tibshirani, Least angle regression, Annals of Statistics 32, 2004; as "
            "scikit-learn ships it",
        )
