"""What follows from the figures of a diagnosis, in words."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Literal

from xdistill.diagnosis.figures import Figures

Verdict = Literal["promising", "possible", "small", "unclear", "nothing", "undecided"]

VERDICTS: Mapping[Verdict, str] = {
    "promising": "a gain is likely; the student that learns from labels and teacher is better than the student alone",
    "possible": "a gain is possible; the student may gain nothing from the teacher, or enough for this test to show",
    "small": "no gain is expected; the teacher is better, but the student gains less from it than this test can show",
    "unclear": "no gain is expected; the teacher may be no better than the student",
    "nothing": "no gain is expected; the teacher is no better than the student",
    "undecided": "too few epochs to say; after a quarter of them the teacher may not be trained",
}
"""Each verdict as a sentence."""

MANY = 100  # times the patients of the cohort: no advice to look for more
LITTLE = 0.25  # of the teacher's lead
OVERCONFIDENT = 1.25  # temperature
UNDERCONFIDENT = 0.8


def verdict_of(found: Figures, *, quick: bool = False) -> Verdict:
    """The verdict, by the bootstrap intervals.

    The gain of the student that learns from labels and teacher counts most: a gain is excluded if the upper end of its
    interval is less than the recipe's own test can show. Then, or without such a student, the teacher's lead decides. A
    quick diagnosis never says that the teacher is no better: with so few epochs it may be untrained.
    """
    lead, gain = found.lead, None if found.room is None else found.room.gain
    better = lead.low > 0
    if gain is not None and gain.low > 0:
        return "promising"
    if quick and not better:
        return "undecided"
    if gain is not None and gain.high >= found.power.own:
        return "possible"
    if lead.estimate <= 0:
        return "nothing"
    if not better:
        return "unclear"
    return "possible" if gain is None else "small"


def advice_of(found: Figures, verdict: Verdict, *, cross_fitted: bool, quick: bool) -> tuple[str, ...]:
    """The verdict and what to do, one sentence each."""
    return tuple(_advice(found, verdict, cross_fitted=cross_fitted, quick=quick))


def _advice(found: Figures, verdict: Verdict, *, cross_fitted: bool, quick: bool) -> Iterator[str]:
    yield f"{VERDICTS[verdict]}."
    if verdict in {"promising", "possible"} and found.lead.low <= 0:
        yield (
            "The teacher itself may be no better than the student, so that a gain may be that of soft targets; compare "
            "it with null controls (`xdistill run --with-controls`)."
        )
    if verdict in {"unclear", "nothing"}:
        yield "Give the teacher more informative privileged data or a better network before you distil."
    if verdict == "small" and found.room is not None and found.room.gain.high < LITTLE * found.lead.estimate:
        yield (
            "Plain distillation passes on little of the lead: distil features or relations, or give the student more "
            "modalities."
        )
    yield from _on_calibration(found, verdict, cross_fitted=cross_fitted)
    if verdict != "nothing":
        yield from _on_power(found, verdict)
    if quick:
        yield "This was a quick diagnosis, with a quarter of the epochs; run it without --quick before you rely on it."


def _on_calibration(found: Figures, verdict: Verdict, *, cross_fitted: bool) -> Iterator[str]:
    calibration = found.calibration
    if calibration is None:
        return
    remedy = "raise the temperature of the distillation loss"
    if not cross_fitted:
        remedy += ", or use `cross_fit` if the teacher has a stage of its own"
    temperature = calibration.temperature
    if temperature is not None and temperature > OVERCONFIDENT:
        yield f"The teacher is overconfident (temperature {temperature:.2f}): {remedy}."
    elif temperature is not None and temperature < UNDERCONFIDENT:
        yield (
            f"The teacher is underconfident (temperature {temperature:.2f}): lower the temperature of the distillation "
            f"loss, or train the teacher longer."
        )
    if calibration.log_loss >= calibration.prevalence_log_loss:
        loss = "validation" if temperature is None else "log"
        misled = "" if verdict == "promising" else ", so as targets they may mislead the student"
        yield (
            f"The teacher's predictions are no better than a constant prediction ({loss} loss "
            f"{calibration.log_loss:.3f} against {calibration.prevalence_log_loss:.3f}){misled}."
        )


def _on_power(found: Figures, verdict: Verdict) -> Iterator[str]:
    power, expected = found.power, (found.lead if found.room is None else found.room.gain).estimate
    most = expected if expected > 0 else found.lead.estimate
    if (most >= power.own and verdict not in {"unclear", "undecided"}) or found.amount(power.own) == found.amount(0):
        return
    nothing = found.percent and power.own >= 1  # more than the metric has room for
    text = f"Your test set cannot show {'any gain' if nothing else f'a gain of less than {found.amount(power.own)}'}"
    if power.ten is None:
        yield f"{text}: use more test patients."
    elif power.splits.startswith("10x"):
        yield f"{text}, with {power.splits} folds: use more patients."
    else:
        folds = power.splits.partition("x")[2]
        yield f"{text} with {power.splits} folds: use 10x{folds} folds ({found.amount(power.ten)}) or more patients."
    if power.patients is not None and power.tested < power.patients <= MANY * power.tested:
        who = "test patients" if power.ten is None else "patients"
        yield f"To show a gain of {found.amount(expected)}, about {power.patients:,} {who} are needed."
