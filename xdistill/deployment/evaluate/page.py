"""The page of an evaluation: one self-contained HTML file in the look of a run's report."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from xdistill.deployment.evaluate.result import Evaluation
from xdistill.deployment.evaluate.tasks import sections
from xdistill.deployment.evaluate.text import difference, figure, grid_rows, metric_titles, percent, shown
from xdistill.tasks import Score

MOST_SHIFTS = 20  # rows of the drift table
LARGE = 0.5  # standardised difference that is named above the table
RATES = {
    "sensitivity": "Sensitivity",
    "specificity": "Specificity",
    "positive_predictive_value": "Positive predictive value",
    "negative_predictive_value": "Negative predictive value",
}


def render_evaluation(evaluation: Evaluation) -> str:
    """The page as HTML: no script, nothing loaded from anywhere, no id of a subject."""
    from xdistill.report.page import environment

    return environment().get_template("evaluation.html.j2").render(_context(evaluation))


def _context(evaluation: Evaluation) -> dict[str, Any]:
    from markupsafe import Markup

    from xdistill.deployment.evaluate import charts

    def drawn(markup: str) -> Markup:
        return Markup(markup)  # noqa: S704 - svg_markup escapes every text that it puts in

    task = evaluation.task
    titles = metric_titles(task)
    primary = {score.name: score for score in task.scores}[task.primary]
    called = [one for one in evaluation.one_class if one.operating is not None]
    return {
        "evaluation": evaluation,
        "model": evaluation.model,
        "titles": titles,
        "shown": lambda name, found: shown(titles, name, found),
        "points": lambda name, found: difference(titles, name, found),
        "percent": percent,
        "figure": figure,
        "rates": RATES,
        "called": called,
        "binary": len(evaluation.classes) == 2,  # noqa: PLR2004 - the binary case
        "roc_charts": [
            drawn(chart)
            for place, one in enumerate(evaluation.one_class)
            if (chart := charts.roc_chart(evaluation, one, place))
        ],
        "reliability_charts": [
            drawn(charts.reliability_chart(one, place)) for place, one in enumerate(evaluation.one_class)
        ],
        "benefit_charts": [drawn(charts.benefit_chart(one, place)) for place, one in enumerate(called)],
        "confusion_chart": drawn(charts.confusion_chart(evaluation.confusion, evaluation.classes, "confusion"))
        if evaluation.confusion
        else "",
        "sections": [replace(one, charts=tuple(map(drawn, one.charts))) for one in sections(evaluation)],
        "primary": primary,
        "primary_words": _with_article(primary),
        "primary_unit": "\N{NO-BREAK SPACE}%" if primary.percent else f"\N{NO-BREAK SPACE}{primary.unit}".rstrip(),
        "few": [name for name in task.few if name in evaluation.metrics],
        "operating_charts": [
            drawn(charts.confusion_chart(one.operating.confusion, ("rest", one.name), f"operating{place}"))
            for place, one in enumerate(called)
            if one.operating is not None
        ],
        "groups_charts": [drawn(chart) for name in task.few[:2] if (chart := charts.groups_chart(evaluation, name))],
        "shifts": () if evaluation.drift is None else evaluation.drift.shifts[:MOST_SHIFTS],
        "large": ()
        if evaluation.drift is None
        else [shift for shift in evaluation.drift.shifts if abs(shift.difference or 0) >= LARGE],
        "large_limit": LARGE,
        "grid_rows": grid_rows,
    }


def _with_article(score: Score) -> str:
    words = score.words or score.title
    return f"{'an' if words[:1] in 'aAeio' else 'a'} {words}"
