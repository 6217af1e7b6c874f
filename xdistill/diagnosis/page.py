"""The page of a diagnosis: one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from xdistill.diagnosis.diagnosis import Diagnosis
from xdistill.diagnosis.figures import ONE_PART, Advantage, Figures
from xdistill.runs.files import make_folder, write_json, write_text

PAGE, DATA = "diagnosis.html", "diagnosis.json"


def write_diagnosis(diagnosis: Diagnosis, folder: Path) -> Path:
    """Write the page and the figures into a folder, which is made if it is not there.

    Returns:
        The page's path.

    Raises:
        RunError: if the folder cannot be written.
    """
    page = render_diagnosis(diagnosis)
    make_folder(folder)
    write_json(folder / DATA, diagnosis.to_json())
    write_text(folder / PAGE, page)
    return folder / PAGE


def render_diagnosis(diagnosis: Diagnosis) -> str:
    """The page as HTML: no script, nothing loaded from anywhere; all text is escaped."""
    import jinja2
    from markupsafe import Markup

    from xdistill.diagnosis.chart import diagnosis_chart

    loader = jinja2.ChoiceLoader([jinja2.PackageLoader("xdistill.diagnosis"), jinja2.PackageLoader("xdistill.report")])
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("diagnosis.html.j2").render(
        diagnosis=diagnosis,
        lines=lines(diagnosis),
        advice=diagnosis.advice,
        chart=Markup(diagnosis_chart(diagnosis.figures)),  # noqa: S704 - svg_markup escapes every text
    )


def lines(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """The figures in words, as label and value; the terminal shows the same."""
    found = diagnosis.figures
    fidelity, room, power = found.fidelity, found.room, found.power
    part = " of the training part" if power.splits == ONE_PART else ""
    shown = [
        ("scored", f"{found.subjects:,} subjects, {found.patients:,} patients, {found.folds} folds{part}"),
        ("teacher, out of fold", _score(found, found.teacher)),
        ("student alone", _score(found, found.student)),
        (_minus(found, "teacher", "student"), _lead(found, found.lead)),
        ("  corrected resampled t", _interval(found, found.lead)),
        *_calibration(found),
    ]
    if fidelity is not None:
        shown += [
            ("student that imitates it", _score(found, fidelity.score)),
            ("  predicts the teacher", _fit(fidelity.r2, fidelity.rank)),
            ("  so does the student alone", _fit(fidelity.r2_alone, fidelity.rank_alone)),
            (_minus(found, "imitating", "alone"), _lead(found, fidelity.gain)),
            ("  corrected resampled t", _interval(found, fidelity.gain)),
            ("share of the lead", "not defined" if fidelity.visible is None else f"{100 * fidelity.visible:.0f} %"),
        ]
    if room is not None:
        shown += [
            ("student of labels and teacher", _score(found, room.score)),
            (_minus(found, "with teacher", "alone"), _lead(found, room.gain)),
            ("  corrected resampled t", _interval(found, room.gain)),
        ]
    shown.append((f"smallest gain shown, {power.splits}", f"{found.amount(power.own)} (power 0.8)"))
    if power.ten is not None:
        shown.append(("smallest gain shown, 10 repeats", f"{found.amount(power.ten)} (power 0.8)"))
    return shown


def _calibration(found: Figures) -> list[tuple[str, str]]:
    calibration = found.calibration
    if calibration is None:
        return [("teacher's calibration", "not measured: its predictions only order the subjects")]
    loss = "validation loss" if calibration.temperature is None else "log loss"
    shown = [
        (
            f"teacher's {loss}",
            f"{calibration.log_loss:.3f} (constant prediction: {calibration.prevalence_log_loss:.3f})",
        )
    ]
    if calibration.ece is not None:
        shown.insert(0, ("teacher's calibration error", f"{calibration.ece:.3f}"))
    if calibration.temperature is None:
        return [*shown, ("teacher's temperature", "not measured: its predictions are not class probabilities")]
    temperature = f"{calibration.temperature:.2f} (log loss {calibration.scaled_log_loss:.3f})"
    return [*shown, ("teacher's temperature", temperature)]


def _score(found: Figures, value: float) -> str:
    return f"{value:.3f} {found.unit}".rstrip()


def _minus(found: Figures, better: str, other: str) -> str:
    """What is above zero if the first one is better."""
    return f"{better} - {other}" if found.higher_is_better else f"{other} - {better}"


def _lead(found: Figures, lead: Advantage) -> str:
    return f"{found.amount(lead.estimate, '+')} ({found.span(lead.low, lead.high)})"


def _interval(found: Figures, lead: Advantage) -> str:
    return "not defined" if lead.t_interval is None else found.span(*lead.t_interval)


def _fit(r2: float | None, rank: float) -> str:
    return f"{'' if r2 is None else f'R² {r2:.2f}, '}rank correlation {rank:.2f}"
