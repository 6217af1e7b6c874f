"""The page of a run: one self-contained HTML file."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from xdistill.errors import RunError
from xdistill.report.remarks.current import is_current, source_of, stamped
from xdistill.runs import Run
from xdistill.runs.files import write_text

if TYPE_CHECKING:
    import jinja2

    from xdistill.data import Cohort
    from xdistill.report.scores import ScoreRow


def render_report(run: Run, *, cohort: Cohort | None = None, show_subjects: bool = False) -> str:
    """The page as HTML: no script, nothing loaded from anywhere.

    Args:
        run: a finished run.
        cohort: the cohort it was made on, for the slices; without it the page has none.
        show_subjects: whether to show subject ids next to their slices. They are shown nowhere else.

    Raises:
        RunError: when the cohort is not the one of the run.
    """
    if cohort is not None:
        _same_cohort(run, cohort)
    return environment().get_template("report.html.j2").render(_context(run, cohort, show_subjects=show_subjects))


def write_report(run: Run, *, cohort: Cohort | None = None, show_subjects: bool = False) -> Path:
    """Write the page into the run's folder, completely or not at all; see `render_report`.

    A page that was made of the same files by the same software, and was not changed since, is left as it is.

    Returns:
        The file's path.

    Raises:
        RunError: when the cohort is not the one of the run, or the folder cannot be written.
    """
    if cohort is not None:
        _same_cohort(run, cohort)
    source = source_of(run, cohort=cohort, show_subjects=show_subjects)
    if not is_current(run.folder.report, source):
        page = render_report(run, cohort=cohort, show_subjects=show_subjects)
        write_text(run.folder.report, stamped(page, source))
    return run.folder.report


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))


def setting(value: Any) -> str:
    """A value of a recipe in a table."""
    if isinstance(value, float):
        return f"{value:.4g}"
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def _context(run: Run, cohort: Cohort | None, *, show_subjects: bool) -> dict[str, Any]:
    from markupsafe import Markup

    from xdistill.report import charts, controls, details, scores
    from xdistill.report.remarks.external import external_note
    from xdistill.report.remarks.teacher import teacher_note
    from xdistill.report.remarks.unlabelled import unlabelled_note

    roles = run.predictions.roles()
    rows = scores.score_rows(run)
    return {
        "run": run,
        **_record_parts(run),
        "roles": roles,
        "columns": scores.columns(run.task),
        "rows": rows,
        "written": scores.written,
        "headline": _headline(run, rows),
        "metric": scores.primary_words(run),
        "binary": scores.is_binary(run),
        "called": scores.called(run),
        "spread_note": scores.spread_note(run),
        "spread": len(run.predictions.of("student")) >= scores.FEWEST,
        "over_folds": scores.over_folds(run),
        "several_folds": len(run.predictions.of("student")) > 1,
        "repeats": len({fold.repeat for fold in run.predictions.of("student")}),
        "agreement": scores.agreement(run.predictions),
        "missing_note": scores.missing_note(run),
        "one_class_notes": scores.one_class_notes(run),
        "remarks": tuple(filter(None, (external_note(run), teacher_note(run), unlabelled_note(run)))),
        "control": {"title": controls.words(run.control), "what": controls.WHAT[run.control]} if run.control else None,
        "gain": controls.gain_over_controls(run),
        "what": controls.WHAT,
        "pairs": scores.pairs(run),
        # Markup: svg_markup escapes every text that it puts in.
        "folds_chart": Markup(charts.folds_chart(run)),  # noqa: S704
        **_figures_of_task(run),
        "small_panels": len(scores.pairs(run)) > charts.MANY_PAIRS,
        "learning_charts": [Markup(chart) for chart in charts.learning_charts(run)] if run.history else [],  # noqa: S704
        "diagnostic_charts": [Markup(chart) for chart in charts.diagnostic_charts(run)],  # noqa: S704
        "has_validation": any(name.startswith("validation") for row in run.history for name in row.values),
        "cards": charts.subject_cards(run, cohort, show_subjects=show_subjects) if cohort is not None else (),
        "recipe_text": details.recipe_text(run),
        "provenance": details.provenance(run),
        "version": details.version_of(run),
    }


def _figures_of_task(run: Run) -> dict[str, Any]:
    """The charts of classes, or the sections of another task."""
    from markupsafe import Markup

    from xdistill.report import charts
    from xdistill.report.folds import OF_CHANCE
    from xdistill.report.scores import primary_column
    from xdistill.report.tasks import task_sections
    from xdistill.tasks import Classification

    column = primary_column(run)
    common = {
        "task": run.task,
        "unit": "%" if column.percent else column.unit,
        "chance": column.metric in OF_CHANCE,
        "classes": isinstance(run.task, Classification),
        "sections": [
            {**vars(section), "charts": [Markup(chart) for chart in section.charts]}  # noqa: S704 - svg_markup escapes
            for section in task_sections(run)
        ],
    }
    if not isinstance(run.task, Classification):
        return {**common, "roc_charts": [], "confusion_chart": "", "reliability_chart": ""}
    return {
        **common,
        "roc_charts": [Markup(chart) for chart in charts.roc_charts(run)],  # noqa: S704
        "confusion_chart": Markup(charts.confusion_chart(run)),  # noqa: S704
        "reliability_chart": Markup(charts.reliability_chart(run)),  # noqa: S704
    }


def _headline(run: Run, rows: Sequence[ScoreRow]) -> tuple[dict[str, str], ...]:
    """The score that ranks, of each network: its kind, its name, the mean and the interval."""
    from xdistill.report import scores

    column = scores.primary_column(run)
    return tuple(
        {"kind": row.kind, "label": row.label, "score": row.cell(column), "interval": row.interval(column)}
        for row in rows
        if row.kind in {"student", "teacher"}
    )


def _record_parts(run: Run) -> dict[str, Any]:
    """What the template reads of the record, with nothing in the place of optional parts that are not there."""
    from xdistill.report.scores import bounds_of

    optional = {"synthetic": False, "source": ""}
    return {
        "record": {"id": "", "finished": "", "split_hash": "", "warnings": (), **run.record},
        "recipe": {"description": "", **run.record["recipe"]},
        "cohort": {
            **optional,
            "subjects": len(set(run.predictions.pooled("student").subjects)),
            **run.record["cohort"],
            "bounds": bounds_of(run),
        },
        "networks": {"student": None, "teacher": None, **(run.record.get("networks") or {})},
        "privileged": run.record.get("privileged") or (),
        "tuned": run.record.get("tuned"),
    }


def _same_cohort(run: Run, cohort: Cohort) -> None:
    wanted = run.record["cohort"].get("fingerprint")
    if wanted and wanted != cohort.fingerprint:
        raise RunError(
            f"{run.path}: this run was made on another cohort (fingerprint {wanted[:12]}… against "
            f"{cohort.fingerprint[:12]}… of {cohort.path}); pass the cohort of the run, or none"
        )


def environment() -> jinja2.Environment:
    """Jinja that escapes everything and accepts no unknown name, with the templates of the reports."""
    import jinja2

    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("xdistill.report"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["listed"] = listed
    environment.filters["setting"] = setting
    return environment
