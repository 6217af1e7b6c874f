import io

import pytest
from rich.console import Console

from report.toy_run import make_run
from xdistill.cli.table import SYNTHETIC, print_results, results_table, results_text
from xdistill.runs import Run
from xdistill.stats import Summary

BRACKETS = "[bold]yes[/bold]"


def scored(tmp_path, **shape) -> Run:
    run = make_run(tmp_path, subjects=30, folds=2, **shape)
    run.__dict__["metrics"] = {
        "student": {
            "f1_macro": Summary.of([0.60, 0.64]),
            "accuracy": Summary.of([0.5, 0.9]),
            "auc_ovo": Summary.of([0.71, 0.72]),
        },
    }
    return run


def printed(run: Run, *, width: int, terminal: bool) -> str:
    out = io.StringIO()
    print_results(run, Console(file=out, width=width, force_terminal=terminal, color_system=None, highlight=False))
    return out.getvalue()


def test_plain_text_is_aligned_point_under_point(tmp_path):
    assert results_text(scored(tmp_path, teacher=False)).splitlines() == [
        "toy/cmdnet",
        "",
        "                                             Macro F1 %    Accuracy %     Macro OvO AUC %",
        "Student                                      62.00 ± 2.83  70.00 ± 28.28  71.50 ± 0.71",
        "Best possible with image                         –             –          81.00",  # noqa: RUF001 - the dash
        "Best possible with image and clinical items      –             –          93.00",  # noqa: RUF001 - the dash
        "Majority class                               16.67 ± 0.00  33.33 ±  0.00  50.00 ± 0.00",
        "",
        "Mean ± standard deviation (ddof 1) over 2 folds, in percent.",
        SYNTHETIC,
    ]


def test_real_patients_are_not_called_synthetic(tmp_path):
    text = results_text(scored(tmp_path, synthetic=False))
    assert SYNTHETIC not in text
    assert "Best possible" not in text


def test_a_terminal_gets_the_ruled_table(tmp_path):
    text = printed(scored(tmp_path), width=100, terminal=True)
    assert "──" in text
    assert "62.00 ± 2.83" in text
    assert SYNTHETIC in text


@pytest.mark.parametrize(("width", "terminal"), [(30, True), (100, False), (30, False)])
def test_figures_are_never_cut(tmp_path, width, terminal):
    run = scored(tmp_path)
    text = printed(run, width=width, terminal=terminal)
    assert "──" not in text
    assert text.rstrip("\n") == results_text(run)


def test_printed_on_standard_output_unless_told_otherwise(tmp_path, capsys):
    run = scored(tmp_path)
    print_results(run)
    captured = capsys.readouterr()
    assert captured.out == results_text(run) + "\n"
    assert captured.err == ""


def test_text_from_data_is_no_markup_and_moves_no_cursor(tmp_path):
    run = scored(tmp_path, name=f"{BRACKETS}\x1b[2J")
    run.record["cohort"]["bounds"] = {f"{BRACKETS}\r\nimage": 0.8}
    for text in (printed(run, width=120, terminal=True), printed(run, width=120, terminal=False)):
        assert text.startswith(f"{BRACKETS} [2J")
        assert f"Best possible with {BRACKETS} image" in text
        assert "\x1b[2J" not in text
        assert "\r" not in text
    assert results_table(run).row_count == 3
