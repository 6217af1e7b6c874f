"""The page of a study."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.report.page import listed, setting
from xdistill.report.picture import svg_markup
from xdistill.runs.files import write_text
from xdistill.tuning.report.figures import history_figure, importances_figure, parallel_figure
from xdistill.tuning.report.trials import FEWEST, SearchRows, mean_importances
from xdistill.tuning.search.space import Space
from xdistill.tuning.wording import AGREED, OPTIMISTIC

if TYPE_CHECKING:
    from matplotlib.figure import Figure

REPORT = "report.html"


def write_study_report(folder: Path, record: Mapping[str, Any], searches: Sequence[SearchRows], space: Space) -> Path:
    """Write the page into the study's folder, completely or not at all; see `render_study`."""
    path = folder / REPORT
    write_text(path, render_study(record, searches, space, tuned=(folder / "tuned.yaml").read_text(encoding="utf-8")))
    return path


def render_study(record: Mapping[str, Any], searches: Sequence[SearchRows], space: Space, *, tuned: str = "") -> str:
    """The page as HTML: no script, nothing loaded from anywhere.

    Args:
        record: what ``study.json`` holds.
        searches: their trials.
        space: what was searched.
        tuned: the text of the tuned recipe.
    """
    import jinja2

    loader = jinja2.ChoiceLoader(
        [jinja2.PackageLoader("xdistill.tuning.report"), jinja2.PackageLoader("xdistill.report")]
    )
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["listed"] = listed
    environment.filters["setting"] = setting
    return environment.get_template("study.html.j2").render(
        record=record,
        tune=record["tune"],
        charts=_charts(record, searches, space),
        importances=mean_importances(searches),
        fewest=FEWEST,
        given_up=sum(trial.value is None for search in searches for trial in search.trials),
        optimistic=OPTIMISTIC,
        agreed=AGREED,
        tuned=tuned,
    )


def _charts(record: Mapping[str, Any], searches: Sequence[SearchRows], space: Space) -> dict[str, Any]:
    metric, maximise = record["metric"], record["maximise"]
    best = ", ".join(f"{name} {search['inner']:.4f}" for name, search in record["searches"].items())
    figures: dict[str, tuple[Figure | None, str]] = {
        "history": (
            history_figure(searches, metric, maximise=maximise),
            f"Inner {metric} of every trial, and the best so far. Best: {best}.",
        ),
        "importances": (importances_figure(searches), "Importances of the fields; the figures are in the table below."),
        "parallel": (
            parallel_figure(searches, space, metric, maximise=maximise),
            f"Parallel coordinates: each line is a trial through {', '.join(space)} to its {metric}.",
        ),
    }
    return {name: _markup(figure, name, alt) for name, (figure, alt) in figures.items()}


def _markup(figure: Figure | None, prefix: str, alt: str) -> Any:
    from markupsafe import Markup

    # Markup: svg_markup escapes every text that it puts in.
    return None if figure is None else Markup(svg_markup(figure, prefix=prefix, alt=alt))  # noqa: S704
