"""How figures and names are written; every format that people read shares it.

Scores are fractions inside and percent on paper; their differences are percentage points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING, Final

from xdistill.report.scores import NOTHING, written
from xdistill.stats.bootstrap import Interval
from xdistill.stats.compare import ALPHA
from xdistill.stats.metrics import Summary
from xdistill.tasks import Classification

if TYPE_CHECKING:
    from xdistill.bench.standings import Standings

MINUS: Final = "\N{MINUS SIGN}"
PERCENT: Final = 100.0
SMALLEST_P: Final = 0.001


def metric_title(metric: str, standings: Standings) -> str:
    """``Macro OvO AUC`` for ``auc_ovo``, and ``AUC`` for two classes; a metric that has no title keeps its name."""
    return title_for(metric, tuple(standings.cohort.classes))


def title_for(metric: str, classes: tuple[str, ...]) -> str:
    """The same where only the classes are known."""
    return next((score.title for score in Classification(classes).scores if score.name == metric), metric)


def one_line(text: str) -> str:
    """Text from data or recipes as one line that moves no cursor and starts no paragraph."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def score(summary: Summary | None) -> str:
    """``71.46 ± 1.84``, in percent."""
    return written(summary)


def fraction(summary: Summary | None) -> str:
    """``0.412 ± 0.031``."""
    return written(summary, percent=False)


def percent(value: float) -> str:
    """``71.46`` for 0.7146."""
    return number(PERCENT * value)


def points(value: float) -> str:
    """``+1.48`` for 0.0148."""
    return number(PERCENT * value, signed=True)


def number(value: float, *, signed: bool = False) -> str:
    """A number with two decimals and a real minus sign; ``∞`` where there is no bound."""
    if math.isinf(value):
        return ("+" if signed and value > 0 else "" if value > 0 else MINUS) + "\N{INFINITY}"
    text = f"{value:+.2f}" if signed else f"{value:.2f}"
    # What rounds to zero has no sign.
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", MINUS)


def interval(bounds: Interval | tuple[float, float] | None, *, signed: bool = False) -> str:
    """``67.90 to 74.60``, in percent, or with signs in points; a dash where there is none."""
    if bounds is None:
        return NOTHING
    low, high = (bounds.low, bounds.high) if isinstance(bounds, Interval) else bounds
    return f"{number(PERCENT * low, signed=signed)} to {number(PERCENT * high, signed=signed)}"


def share(value: Interval | None) -> str:
    """``63 % (12 to 110)``: of the gap that is closed."""
    if value is None:
        return NOTHING
    estimate, low, high = (_whole(PERCENT * part) for part in (value.estimate, value.low, value.high))
    return f"{estimate} % ({low} to {high})"


def p_value(value: float | None) -> str:
    """``0.012`` or ``<0.001``."""
    if value is None:
        return NOTHING
    if value < SMALLEST_P:
        return f"<{SMALLEST_P}"
    # What is below the threshold must not read as if it were not.
    return f"<{ALPHA:g}" if value < ALPHA <= round(value, 3) else f"{value:.3f}"


def count(value: int) -> str:
    """``8,421``, ``1.27 M``: parameters of a network."""
    million = 1_000_000
    return f"{value:,}" if value < million else f"{value / million:.2f} M"


def seconds(value: float) -> str:
    """``12.3 s``, ``4 min 7 s``."""
    from xdistill.report.details import duration

    return duration(value)


def level(bounds: Interval) -> str:
    """``95 %``."""
    return f"{PERCENT * bounds.level:g} %"


def listed(names: Iterable[str]) -> str:
    """``a, b and c``."""
    from xdistill.report.page import listed as joined

    return joined(list(names))


def _whole(value: float) -> str:
    if math.isinf(value):
        return number(value)
    text = f"{value:.0f}"
    return "0" if text == "-0" else text.replace("-", MINUS)
