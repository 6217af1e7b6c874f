import io

import pytest
from rich.console import Console

from report.toy_run import make_run
from xdistill.cli.table import SYNTHETIC, print_results, results_table, results_text
from xdistill.report.intervals import score_intervals
from xdistill.runs import Run
from xdistill.stats import Summary

BRACKETS = "[bold]yes[/bold]"


def scored(tmp_path, **shape) -> Run:
    run = make_run(tmp_path, **{"subjects": 30, "folds": 3, **shape})
    run.__dict__["metrics"] = {
        "student": {
            "f1_macro": Summary.of([0.60, 0.62, 0.64]),
            "accuracy": Summary.of([0.5, 0.7, 0.9]),
            "auc_ovo": Summary.of([0.71, 0.715, 0.72]),
        },
    }
    return run


def printed(run: Run, *, width: int, terminal: bool) -> str:
    out = io.StringIO()
    print_results(run, Console(file=out, width=width, force_terminal=terminal, color_system=None, highlight=False))
    return out.getvalue()


def test_plain_text_is_aligned_point_under_point(tmp_path):
    run = scored(tmp_path)
    interval = score_intervals(run, "student")["auc_ovo"]
    ends = f"{100 * interval.low:.2f} to {100 * interval.high:.2f}"
    assert results_text(run).splitlines() == [
        "toy/cmdnet",
        "",
        "                                             Macro F1 %    Accuracy %     Macro OvO AUC %  95 % interval",
        f"Student                                      62.00 ± 2.00  70.00 ± 20.00  71.50 ± 0.50     {ends}",
        "Best possible with image                         –             –          81.00",  # noqa: RUF001 - the dash
        "Best possible with image and clinical items      –             –          93.00",  # noqa: RUF001 - the dash
        "Majority class                               15.38         30.00          50.00",  # F1 2 * 3 / 13 / 3
        "",
        "Mean ± standard deviation (ddof 1) over 3 folds, in percent.",
        SYNTHETIC,
    ]


def test_two_classes_have_clinical_scores(tmp_path):
    lines = results_text(make_run(tmp_path, classes=("no", "yes"), teacher=False, folds=2)).splitlines()
    heads = ["AUC %", "95 % interval", "Sensitivity %", "Specificity %", "PPV %", "NPV %"]
    assert [head.strip() for head in lines[2].split("  ") if head.strip()] == heads
    assert "OvO" not in lines[2]
    assert lines[3].startswith("Model on hbp and pre ")
    assert "±" not in "\n".join(lines)
    assert "Mean over 2 folds, which are too few for a standard deviation, in percent." in lines
    assert "The positive class is yes." in lines


def test_a_narrow_terminal_goes_without_predictive_values(tmp_path):
    run = make_run(tmp_path, classes=("no", "yes"))
    wide, narrow = (printed(run, width=width, terminal=True) for width in (140, 84))
    assert "NPV %" in wide
    assert "NPV %" not in narrow
    assert "Sensitivity" in narrow
    assert "──" in narrow


def test_real_patients_are_not_called_synthetic(tmp_path):
    text = results_text(scored(tmp_path, synthetic=False))
    assert SYNTHETIC not in text
    assert "Best possible" not in text


def test_a_terminal_gets_the_ruled_table(tmp_path):
    text = printed(scored(tmp_path), width=100, terminal=True)
    assert "──" in text
    assert "62.00 ± 2.00" in text
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
