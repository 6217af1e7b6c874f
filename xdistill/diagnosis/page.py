"""The page of a diagnosis: one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

from xdistill.diagnosis.diagnosis import Diagnosis
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

    loader = jinja2.ChoiceLoader([jinja2.PackageLoader("xdistill.diagnosis"), jinja2.PackageLoader("xdistill.report")])
    environment = jinja2.Environment(
        loader=loader, autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    return environment.get_template("diagnosis.html.j2").render(
        diagnosis=diagnosis, lines=lines(diagnosis), advice=diagnosis.advice
    )


def lines(diagnosis: Diagnosis) -> list[tuple[str, str]]:
    """The figures in words, as label and value; the terminal shows the same."""
    found = diagnosis.figures
    calibration, fidelity, power = found.calibration, found.fidelity, found.power
    part = " of the training part" if power.splits == "official" else ""
    shown = [
        ("scored", f"{found.subjects:,} subjects, {found.patients:,} patients, {found.folds} folds{part}"),
        ("teacher, out of fold", f"{found.teacher:.3f}"),
        ("student alone", f"{found.student:.3f}"),
        ("teacher - student", _points(found.lead.estimate, found.lead.low, found.lead.high)),
        ("  corrected resampled t", _interval(found.lead.t_interval)),
        ("teacher's calibration error", f"{calibration.ece:.3f}"),
        (
            "teacher's log loss",
            f"{calibration.log_loss:.3f} (class shares alone: {calibration.prevalence_log_loss:.3f})",
        ),
        ("teacher's temperature", f"{calibration.temperature:.2f} (log loss {calibration.scaled_log_loss:.3f})"),
    ]
    if fidelity is not None:
        shown += [
            ("student that imitates it", f"{fidelity.score:.3f}"),
            ("  predicts the teacher", _fit(fidelity.r2, fidelity.rank)),
            ("  so does the student alone", _fit(fidelity.r2_alone, fidelity.rank_alone)),
            ("imitating - alone", _points(fidelity.gain.estimate, fidelity.gain.low, fidelity.gain.high)),
            ("  corrected resampled t", _interval(fidelity.gain.t_interval)),
            ("share of the lead", "not defined" if fidelity.visible is None else f"{100 * fidelity.visible:.0f} %"),
        ]
    shown.append((f"smallest gain shown, {power.splits}", f"{100 * power.own:.1f} points (power 0.8)"))
    if power.ten is not None:
        shown.append(("smallest gain shown, 10 repeats", f"{100 * power.ten:.1f} points (power 0.8)"))
    return shown


def _points(estimate: float, low: float, high: float) -> str:
    return f"{100 * estimate:+.1f} points ({100 * low:+.1f} to {100 * high:+.1f})"


def _interval(interval: tuple[float, float] | None) -> str:
    return "not defined" if interval is None else f"{100 * interval[0]:+.1f} to {100 * interval[1]:+.1f}"


def _fit(r2: float, rank: float) -> str:
    return f"R² {r2:.2f}, rank correlation {rank:.2f}"
