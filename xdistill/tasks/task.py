"""What a task has to define. The rest of the core asks the task and does not know classes.

numpy and torch are imported where they are needed.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Final

from xdistill.tasks.score import Score

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Shaped
    from numpy.typing import NDArray
    from torch import Tensor

Target = int | float | tuple[int | float, ...]
"""The target of one subject: a class index, a number, or several numbers."""

LARGEST: Final = 3.4028234663852886e38
"""The largest number of float32, in which networks compute."""


class Task(ABC):
    """What is predicted for each subject.

    A task is a frozen dataclass of plain values: tasks are compared, pickled and written as JSON.

    Attributes:
        kind: name of the task in files; unique.
        target_dtype: numpy name of the dtype of targets, in memory and in cohort files.
        group: what messages call a group of `counts`, such as ``class``.
        groups: the plural of it.
        probabilistic: whether predictions are the probabilities of `names`.
        explains: what pages call one of `explainable`, such as ``class``.
        attributed: what `explained` returns, in words.
    """

    kind: ClassVar[str]
    target_dtype: ClassVar[str]
    group: ClassVar[str] = "group"
    groups: ClassVar[str] = "groups"
    probabilistic: ClassVar[bool] = False
    explains: ClassVar[str] = "prediction"
    attributed: ClassVar[str] = "the prediction"

    # Metrics; a task may have class attributes in place of these properties

    @property
    def scores(self) -> tuple[Score, ...]:
        """The standard metrics, in the order of a run's summary."""
        return ()

    @property
    def primary(self) -> str:
        """Name of the metric that ranks methods."""
        return ""

    @property
    def table(self) -> tuple[str, ...]:
        """Names of the metrics that result tables show, in their order."""
        return ()

    @property
    def few(self) -> tuple[str, ...]:
        """Names of those metrics that subgroups show, the primary one first."""
        return tuple(dict.fromkeys([self.primary, *self.table]))[:4]

    @property
    def each(self) -> tuple[Score, ...]:
        """Metrics that a run's summary also has of each of `names` alone, as ``<metric>:<name>``, one column each."""
        return ()

    @property
    def blind(self) -> str:
        """Name of the row of `constant_prediction` in tables."""
        return "The same for every subject"

    @property
    def metrics(self) -> Mapping[str, Callable[[NDArray[Any], NDArray[np.float64], Sequence[str]], float]]:
        """Functions of those `scores` that `xdistill.stats.METRICS` does not have, by name.

        They are called with targets ``(subjects, *target_shape)``, predictions ``(subjects, columns)`` and `names`.
        """
        return {}

    @property
    def default_loss(self) -> str:
        """The task loss that recipes get for ``use: auto``; empty if there is none."""
        return ""

    @property
    def imitation(self) -> Mapping[str, Any]:
        """Block of the distillation loss of a student that learns the teacher's predictions; empty if there is none."""
        return {}

    @property
    def relative(self) -> bool:
        """Whether predictions only put subjects in an order, as the risks of Cox's model do."""
        return False

    # Names and sizes

    @property
    @abstractmethod
    def names(self) -> tuple[str, ...]:
        """Names of what is predicted: the classes, or the target variables. Metrics get them as third argument."""

    @property
    @abstractmethod
    def outputs(self) -> int:
        """Number of outputs of the network's head: the width of `Output.logits`."""

    @property
    def target_shape(self) -> tuple[int, ...]:
        """Shape of one subject's target; empty for a single number."""
        return ()

    @property
    @abstractmethod
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of ``predictions.csv`` that hold the predictions."""

    def unit_of(self, place: int) -> str:
        """The unit of the prediction in one of `columns`; empty where it has none."""
        del place
        return ""

    @abstractmethod
    def describe(self) -> str:
        """One phrase for people, such as ``classification into 2 classes (a, b)``."""

    @abstractmethod
    def problem(self) -> str:
        """Why cohorts cannot have this task, such as a class that occurs twice; empty if they can."""

    # Files

    @abstractmethod
    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dictionary with the key ``kind``; `from_json` reads it back."""

    @classmethod
    @abstractmethod
    def from_json(cls, data: Mapping[str, Any]) -> Task:
        """The task that `to_json` wrote."""

    def entries(self) -> dict[str, Any]:
        """What schemas and records hold of the task; `xdistill.tasks.read_task` reads it back."""
        return {"task": self.to_json()}

    def summary(self, targets: NDArray[Any]) -> dict[str, Any]:
        """What records hold of the targets of a cohort; JSON-ready."""
        counts = self.counts(targets)
        return {"counts": counts} if counts else {}

    # Targets

    @abstractmethod
    def target_problem(self, target: Target) -> str:
        """What is wrong with the target of one subject; empty if nothing is."""

    @abstractmethod
    def target_text(self, target: Any) -> str:
        """The target of one subject as files and messages show it; `parse_target` reads it back exactly."""

    @abstractmethod
    def parse_target(self, text: str) -> Target:
        """The target that `target_text` wrote.

        Raises:
            ValueError: saying what is wrong with the text.
        """

    def as_targets(self, targets: Sequence[Target] | NDArray[Any]) -> NDArray[Any]:
        """The targets of some subjects as an array ``(subjects, *target_shape)`` of `target_dtype`."""
        import numpy as np

        return np.asarray(targets, dtype=self.target_dtype).reshape(len(targets), *self.target_shape)

    @abstractmethod
    def sample_targets(self, subjects: int) -> Shaped[Tensor, "subjects ..."]:
        """Valid targets of made-up subjects, for dry runs and conformance suites; always the same."""

    # Training

    def fitted(self, targets: NDArray[Any]) -> Task:
        """This task with what it learns from the training subjects' targets, such as their mean; by default itself.

        Networks are built for the fitted task of their fold, and `encoded` and `predict` of that task are called.

        Args:
            targets: of labelled training subjects alone, ``(subjects, *target_shape)``.
        """
        del targets
        return self

    def state(self) -> dict[str, Any]:
        """What `fitted` has learned, JSON-ready; empty if that is nothing."""
        return {}

    def restored(self, state: Mapping[str, Any]) -> Task:
        """The fitted task from the task and what `state` returned.

        Raises:
            ValueError: for a state of another task.
        """
        if state:
            raise ValueError(f"{self.describe()} has no fitted values")
        return self

    def encoded(self, targets: NDArray[Any]) -> NDArray[Any]:
        """Targets as ``Batch.target`` has them, on the scale of the logits; by default as they are."""
        return targets

    # Splits

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64] | None:
        """The stratum of each subject ``(subjects,)``; None if splits of this task are not stratified."""
        del targets
        return None

    def counts(self, targets: NDArray[Any]) -> dict[str, int]:
        """Number of subjects in each group that every part of a split needs; empty if there are no such groups.

        For classification, the subjects of each class.
        """
        del targets
        return {}

    def absent(self, targets: NDArray[Any]) -> tuple[str, ...]:
        """Names of the groups of `counts` that have no subject."""
        return tuple(name for name, count in self.counts(targets).items() if not count)

    # Predictions

    @abstractmethod
    def predict(self, logits: Float[Tensor, "subjects outputs"]) -> Float[Tensor, "subjects columns"]:
        """Predictions as ``predictions.csv`` holds them, from a network's logits."""

    @abstractmethod
    def prediction_problem(self, values: Sequence[float]) -> str:
        """What is wrong with the prediction for one subject, ``(columns,)``; empty if nothing is."""

    @abstractmethod
    def constant_prediction(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """The best prediction ``(columns,)`` for all subjects that uses the training targets alone."""

    def outcomes(self, targets: NDArray[Any]) -> NDArray[np.bool_] | None:
        """Of which of `names` each subject is ``(subjects, names)``; None for tasks that are not `probabilistic`."""
        del targets
        return None

    def in_words(self, prediction: NDArray[np.float64]) -> str:
        """The prediction ``(columns,)`` of one subject, such as ``risk 0.52``."""
        named = enumerate(zip(self.explainable, prediction.tolist(), strict=False))
        return "; ".join(f"{name} {value:.4g} {self.unit_of(at)}".strip() for at, (name, value) in named)

    @property
    def explainable(self) -> tuple[str, ...]:
        """What an explanation can be about, one for each of the first `columns`."""
        return self.names

    def explained(self, logits: Float[Tensor, "subjects outputs"]) -> Float[Tensor, "subjects explainable"]:
        """What attributions are of: a number for each of `explainable` that grows with it."""
        return self.predict(logits)[:, : len(self.explainable)]

    def chosen(self, prediction: NDArray[np.float64]) -> int:
        """Which of `explainable` is explained unless a user chooses, by the prediction ``(columns,)`` of a subject."""
        del prediction
        return 0

    def logits_of(self, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Logits ``(subjects, outputs)`` that give these predictions ``(subjects, columns)``; for null controls.

        Raises:
            NotImplementedError: if the task has none.
        """
        raise NotImplementedError

    @abstractmethod
    def validation_loss(self, predictions: NDArray[np.float64], targets: NDArray[Any]) -> float:
        """What the best epoch is chosen by: lower is better.

        Args:
            predictions: ``(subjects, columns)``.
            targets: ``(subjects, *target_shape)``.
        """
