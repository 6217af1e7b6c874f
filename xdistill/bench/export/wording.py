"""How figures and names are written; every format that people read shares it.

Scores are fractions inside and percent on paper; their differences are percentage points.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from xdistill.report.scores import NOTHING, written
from xdistill.stats.bootstrap import Interval
from xdistill.stats.compare import ALPHA
from xdistill.stats.metrics import Summary
from xdistill.tasks import Classification, known_scores

if TYPE_CHECKING:
    from xdistill.bench.standings import Standings

MINUS: Final = "\N{MINUS SIGN}"
PERCENT: Final = 100.0
SMALLEST_P: Final = 0.001


def metric_title(metric: str, standings: Standings) -> str:
    """``Macro OvO AUC`` for ``auc_ovo``, ``AUC`` for two classes, ``MAE (mmol/L)``; others keep their name."""
    return title_for(metric, tuple(standings.cohort.classes), standings.units.get(metric, ""))


def title_for(metric: str, classes: tuple[str, ...], unit: str = "") -> str:
    """The same where only classes and unit are known."""
    known = known_scores()
    title = known[metric].title if metric in known else metric
    title = next((score.title for score in Classification(classes).scores if score.name == metric), title)
    return f"{title} ({one_line(unit)})" if unit else title


@dataclass(frozen=True)
class Style:
    """How the values of one metric are written.

    Attributes:
        percent: in percent with two decimals, and differences in points; else as numbers with three.
        lower: whether lower values are better.
    """

    percent: bool = True
    lower: bool = False

    @property
    def factor(self) -> float:
        """By which values are multiplied."""
        return PERCENT if self.percent else 1.0

    @property
    def sign(self) -> str:
        """After a score in a sentence."""
        return " %" if self.percent else ""

    @property
    def points(self) -> str:
        """After a difference in a sentence."""
        return " points" if self.percent else ""

    @property
    def extreme(self) -> str:
        """What the best value is."""
        return "lowest" if self.lower else "highest"

    def head(self, title: str) -> str:
        """A column of scores."""
        return f"{title}, %" if self.percent else title

    def difference(self, reference: str) -> str:
        """A column of differences."""
        return f"Difference to {reference}, points" if self.percent else f"Difference to {reference}"


def style_of(metric: str) -> Style:
    """How the values of a metric are written; in percent for one that no task has."""
    found = known_scores().get(metric)
    return Style() if found is None else Style(found.percent, not found.higher_is_better)


_FRACTIONS: Final = 3  # decimals of what is not in percent


def one_line(text: str) -> str:
    """Text from data or recipes as one line that moves no cursor and starts no paragraph."""
    return " ".join("".join(letter if letter.isprintable() else " " for letter in text).split())


def score(summary: Summary | None, metric: str = "") -> str:
    """``71.46 ± 1.84``, in percent; as a number for a metric that is not in percent."""
    return written(summary, percent=style_of(metric).percent)


def fraction(summary: Summary | None) -> str:
    """``0.412 ± 0.031``."""
    return written(summary, percent=False)


def percent(value: float, metric: str = "") -> str:
    """``71.46`` for 0.7146; ``0.715`` for a metric that is not in percent."""
    style = style_of(metric)
    return number(style.factor * value, decimals=2 if style.percent else _FRACTIONS)


def points(value: float, metric: str = "") -> str:
    """``+1.48`` for 0.0148; ``+0.015`` for a metric that is not in percent."""
    style = style_of(metric)
    return number(style.factor * value, signed=True, decimals=2 if style.percent else _FRACTIONS)


def number(value: float, *, signed: bool = False, decimals: int = 2) -> str:
    """A number with a real minus sign; ``∞`` where there is no bound."""
    if math.isinf(value):
        return ("+" if signed and value > 0 else "" if value > 0 else MINUS) + "\N{INFINITY}"
    text = f"{value:+.{decimals}f}" if signed else f"{value:.{decimals}f}"
    # What rounds to zero has no sign.
    return text.lstrip("+-") if float(text) == 0 else text.replace("-", MINUS)


def interval(bounds: Interval | tuple[float, float] | None, metric: str = "", *, signed: bool = False) -> str:
    """``67.90 to 74.60``, in percent, or with signs in points; a dash where there is none."""
    if bounds is None:
        return NOTHING
    low, high = (bounds.low, bounds.high) if isinstance(bounds, Interval) else bounds
    shown = points if signed else percent
    return f"{shown(low, metric)} to {shown(high, metric)}"


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
