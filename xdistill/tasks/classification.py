"""Classification: each subject is in one of two or more classes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar, Final

from xdistill.tasks.score import Score
from xdistill.tasks.task import Target, Task

if TYPE_CHECKING:
    import numpy as np
    from jaxtyping import Float, Int
    from numpy.typing import NDArray
    from torch import Tensor

TOLERANCE: Final = 1e-3  # by which the probabilities of a subject may miss a sum of one
SMALLEST: Final = 1e-12  # probability in the validation loss, so that it is finite

_AUC: Final = Score("auc_ovo", "AUC")  # with two classes, their only pair
_MACRO_AUC: Final = Score("auc_ovo", "Macro OvO AUC", words="macro one-versus-one AUC")
OF_TWO_CLASSES: Final = (
    Score("sensitivity", "Sensitivity"),
    Score("specificity", "Specificity"),
    Score("ppv", "PPV", words="positive predictive value"),
    Score("npv", "NPV", words="negative predictive value"),
)
_ANY: Final = (
    Score("f1_macro", "Macro F1"),
    Score("f1_weighted", "Weighted F1"),
    Score("accuracy", "Accuracy"),
    Score("balanced_accuracy", "Balanced accuracy"),
    Score("brier", "Brier score", higher_is_better=False, percent=False),
    Score("ece", "ECE", higher_is_better=False, percent=False),
)
SCORES: Final = (_MACRO_AUC, *OF_TWO_CLASSES, *_ANY)  # of any number of classes


@dataclass(frozen=True)
class Classification(Task):
    """Binary and multi-class classification; predictions are class probabilities.

    Attributes:
        classes: their names; a target is an index into them.
    """

    classes: tuple[str, ...]

    kind: ClassVar[str] = "classification"
    target_dtype: ClassVar[str] = "int64"
    group: ClassVar[str] = "class"
    groups: ClassVar[str] = "classes"
    probabilistic: ClassVar[bool] = True
    explains: ClassVar[str] = "class"
    attributed: ClassVar[str] = "the class's logit"

    @property
    def binary(self) -> bool:
        """Whether there are two classes; the second is then the positive one."""
        return len(self.classes) == 2  # noqa: PLR2004 - binary

    @property
    def scores(self) -> tuple[Score, ...]:
        """The standard metrics; those of `OF_TWO_CLASSES` only for two classes."""
        return (_AUC, *OF_TWO_CLASSES, *_ANY) if self.binary else (_MACRO_AUC, *_ANY)

    @property
    def primary(self) -> str:
        """The AUC: of the positive class, or of all pairs of classes."""
        return _AUC.name

    @property
    def table(self) -> tuple[str, ...]:
        """Names of the metrics that result tables show, in their order."""
        if self.binary:
            return (self.primary, *(score.name for score in OF_TWO_CLASSES), "accuracy", "brier", "ece")
        return ("f1_macro", "accuracy", self.primary, "balanced_accuracy", "brier", "ece")

    @property
    def few(self) -> tuple[str, ...]:
        """Of any number of classes."""
        return (self.primary, "accuracy", "balanced_accuracy", "brier")

    @property
    def blind(self) -> str:
        """Every subject gets the class shares, so the largest class is named."""
        return "Majority class"

    @property
    def default_loss(self) -> str:
        """Cross entropy."""
        return "cross_entropy"

    @property
    def imitation(self) -> Mapping[str, Any]:
        """Divergence from the teacher's probabilities."""
        return {"use": "kd", "temperature": 1.0}

    @property
    def names(self) -> tuple[str, ...]:
        """The classes."""
        return self.classes

    @property
    def outputs(self) -> int:
        """One logit per class."""
        return len(self.classes)

    @property
    def columns(self) -> tuple[str, ...]:
        """``p_<class>``, one column per class."""
        return tuple(f"p_{name}" for name in self.classes)

    @classmethod
    def from_columns(cls, columns: Sequence[str]) -> Classification:
        """The classification whose predictions have these columns.

        Raises:
            ValueError: if there are not two or more different columns ``p_<class>``.
        """
        task = cls(tuple(name.removeprefix("p_") for name in columns))
        if task.columns != tuple(columns) or task.problem():
            raise ValueError("a column p_<class> is required for each of two or more classes")
        return task

    def describe(self) -> str:
        """The classes and how many there are."""
        return f"classification into {len(self.classes)} classes ({', '.join(self.classes)})"

    def problem(self) -> str:
        """There are at least two classes, and none occurs twice."""
        if len(self.classes) < 2:  # noqa: PLR2004 - with one class there is nothing to predict
            return f"the cohort has the classes {list(self.classes)}; at least two are needed"
        twice = sorted({name for name in self.classes if self.classes.count(name) > 1})
        return f"the class {twice[0]!r} occurs twice" if twice else ""

    def to_json(self) -> dict[str, Any]:
        """Kind and class names."""
        return {"kind": self.kind, "classes": list(self.classes)}

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> Classification:
        """The task that `to_json` wrote."""
        return cls(tuple(data["classes"]))

    def entries(self) -> dict[str, Any]:
        """The class names alone: files held these before there were other tasks, and keep their bytes."""
        return {"classes": list(self.classes)}

    def summary(self, targets: NDArray[Any]) -> dict[str, Any]:
        """Number of subjects of each class."""
        return {"class_counts": self.counts(targets)}

    def target_problem(self, target: Target) -> str:
        """A target is an index into the classes."""
        return (
            ""
            if target in range(len(self.classes))
            else f"target {target} is not an index into the classes {list(self.classes)}"
        )

    def target_text(self, target: Any) -> str:
        """The name of the class."""
        return self.classes[int(target)]

    def parse_target(self, text: str) -> int:
        """The index of the class.

        Raises:
            ValueError: if there is no such class.
        """
        if text not in self.classes:
            raise ValueError(f"the target {text!r} is not one of the classes {', '.join(self.classes)}")
        return self.classes.index(text)

    def sample_targets(self, subjects: int) -> Int[Tensor, " subjects"]:
        """The classes in turn."""
        import torch

        return torch.arange(subjects) % len(self.classes)

    def strata(self, targets: NDArray[Any]) -> NDArray[np.int64]:
        """The classes."""
        return self.as_targets(targets)

    def counts(self, targets: NDArray[Any]) -> dict[str, int]:
        """Number of subjects of each class, in the order of the classes."""
        import numpy as np

        counts = np.bincount(self.as_targets(targets), minlength=len(self.classes))
        return dict(zip(self.classes, counts.tolist(), strict=True))

    def predict(self, logits: Float[Tensor, "subjects outputs"]) -> Float[Tensor, "subjects columns"]:
        """Class probabilities: the softmax of the logits."""
        return logits.softmax(dim=1)

    def predicted(self, probabilities: NDArray[np.float64]) -> NDArray[np.int64]:
        """The predicted class ``(subjects,)`` of probabilities ``(subjects, classes)``: the most probable one."""
        classes: NDArray[np.int64] = probabilities.argmax(axis=1)
        return classes

    def prediction_problem(self, values: Sequence[float]) -> str:
        """Probabilities are finite, not negative, and sum to one."""
        if not all(map(math.isfinite, values)):
            return "a probability is not finite"
        if min(values) < 0:
            return f"a probability is negative: {min(values):g}"
        if abs(sum(values) - 1) > TOLERANCE:
            return f"the probabilities must sum to 1, but sum to {sum(values):g}"
        return ""

    def constant_prediction(self, targets: NDArray[Any]) -> NDArray[np.float64]:
        """The shares of the classes."""
        import numpy as np

        return np.array(list(self.counts(targets).values())) / len(targets)

    def outcomes(self, targets: NDArray[Any]) -> NDArray[np.bool_]:
        """Of which class each subject is."""
        import numpy as np

        of_class: NDArray[np.bool_] = self.as_targets(targets)[:, None] == np.arange(len(self.classes))
        return of_class

    def in_words(self, prediction: NDArray[np.float64]) -> str:
        """The predicted class."""
        return self.classes[self.chosen(prediction)]

    def explained(self, logits: Float[Tensor, "subjects outputs"]) -> Float[Tensor, "subjects classes"]:
        """The logits of the classes."""
        return logits

    def chosen(self, prediction: NDArray[np.float64]) -> int:
        """The predicted class."""
        return int(self.predicted(prediction[None])[0])

    def logits_of(self, predictions: NDArray[np.float64]) -> NDArray[np.float64]:
        """Their logarithms."""
        import numpy as np

        return np.log(np.maximum(predictions, SMALLEST))

    def validation_loss(self, predictions: NDArray[np.float64], targets: NDArray[Any]) -> float:
        """Mean negative log-probability of the target class, in nats; probabilities are at least 1e-12."""
        import numpy as np

        chosen = predictions[np.arange(len(targets)), self.as_targets(targets)]
        return float(-np.log(np.maximum(chosen, SMALLEST)).mean())
