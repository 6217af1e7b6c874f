"""The threshold at which a class is called: a number, or a rule on the out-of-fold predictions of training."""

from __future__ import annotations

from xdistill.deployment.evaluate.scores import Called
from xdistill.errors import UserError
from xdistill.models import StudentModel
from xdistill.models.calibration import Threshold

HOW = "a probability such as 0.3, `youden`, `sensitivity:0.95` or `costs:5:1` (of a missed positive, a false alarm)"
PLAIN = 0.5
_WORDS = {"youden": "largest Youden index", "sensitivity": "sensitivity of at least", "costs": "lowest cost at"}


def called(model: StudentModel, positive: int, text: str | None) -> Called:
    """The threshold of a class.

    Args:
        model: with its calibration.
        positive: index of the class.
        text: see `HOW`; None: Youden's rule, or 0.5 if the model is not calibrated.

    Raises:
        UserError: for text that is not a threshold, or a rule without a calibration.
    """
    if text is None:
        text = "youden" if model.calibration is not None else str(PLAIN)
    rule, *parameters = text.split(":")
    numbers = [_number(parameter, text) for parameter in parameters]
    if rule not in _WORDS:
        value = _number(text, text)
        if not 0 < value < 1:
            raise UserError(f"a threshold must be above 0 and below 1, got {value:g}; pass {HOW}")
        return Called(positive, value, "as requested")
    if len(numbers) != {"youden": 0, "sensitivity": 1, "costs": 2}[rule]:
        raise UserError(f"`{text}` is not a threshold; pass {HOW}")
    if model.calibration is None:
        raise UserError(
            f"the rule `{rule}` needs out-of-fold predictions of training, and the model is not calibrated; pass a "
            f"probability such as 0.3"
        )
    return _described(_chosen(model, positive, rule, numbers), positive)


def _chosen(model: StudentModel, positive: int, rule: str, numbers: list[float]) -> Threshold:
    assert model.calibration is not None  # noqa: S101 - the caller has checked it
    curve = model.calibration.curve(model.classes[positive])
    if rule == "youden":
        return curve.youden()
    return curve.at_sensitivity(numbers[0]) if rule == "sensitivity" else curve.by_costs(numbers[0], numbers[1])


def _described(threshold: Threshold, positive: int) -> Called:
    parameters = " : ".join(f"{value:g}" for value in threshold.parameters)
    words = f"{_WORDS[threshold.rule]} {parameters}".strip()
    return Called(positive, threshold.value, f"{words}, chosen on out-of-fold predictions of training subjects")


def _number(text: str, whole: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise UserError(f"`{whole}` is not a threshold; pass {HOW}") from None
