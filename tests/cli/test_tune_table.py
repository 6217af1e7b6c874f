"""The table at the end of a search, and the lines and bars while it goes on."""

import io

import pytest
from rich.console import Console

from xdistill.cli.progress import Lines, bars
from xdistill.cli.tune.progress import TuneBars, TuneLines
from xdistill.cli.tune.table import caption, print_study
from xdistill.crossval.events import RunAwaited
from xdistill.tuning.events import SearchFinished, SearchStarted, TrialFinished, TrialFoldFinished, TrialStarted

RECORD = {
    "kind": "nested",
    "recipe": "mine/[bold]",
    "metric": "auc_ovo",
    "optimistic": False,
    "inner": 0.75,
    "outer": {"mean": 0.7, "low": 0.65, "high": 0.74, "level": 0.95},
    "optimism": 0.05,
    "searches": {
        "r0-f0": {
            "trial": 3,
            "inner": 0.75,
            "outer": 0.7,
            "trials": {"complete": 4, "pruned": 1, "failed": 1},
            "settings": {"optimizer.lr": 0.00123456, "student.fusion": {"use": "concat"}, "name": "[red]"},
        }
    },
}
STARTED = SearchStarted("tune/mine/1", "tune/mine/1/study.journal", {"all": 1}, 4, 3, 2, flat=True)
EVENTS = (
    STARTED,
    TrialStarted("all", 1),
    TrialFoldFinished("all", 1, 2, 3),
    TrialFinished("all", 1, "complete", 0.7, 0.7, 2),
    TrialFinished("all", 2, "failed", None, 0.7, 3, "memory ran out"),
    TrialFinished("all", 3, "pruned", None, 0.7, 4),
    SearchFinished("all", 0.7),
)


def printed(record):
    stream = io.StringIO()
    print_study(record, Console(file=stream, width=160))
    return stream.getvalue()


def test_the_table_says_what_was_chosen_and_what_it_is_worth():
    text = printed(RECORD)
    assert "nested search of mine/[bold], auc_ovo" in text
    (row,) = [line.split(maxsplit=4) for line in text.splitlines() if line.startswith("r0-f0")]
    assert row[:4] == ["r0-f0", "6", "0.7500", "0.7000"]
    assert row[4].rstrip() == 'optimizer.lr=0.001235, student.fusion={"use": "concat"}, name=[red]'
    assert "outer 0.7000 (95 % interval 0.6500 to 0.7400)" in caption(RECORD)
    assert "optimism +0.0500" in caption(RECORD)


def test_a_flat_search_is_called_optimistic():
    search = {**RECORD["searches"]["r0-f0"], "outer": None}
    text = printed({**RECORD, "kind": "flat", "optimistic": True, "searches": {"all": search}})
    assert "flat search of" in text
    assert "Optimistic: one flat search on all subjects" in " ".join(text.split())


def test_a_line_a_trial(capsys):
    lines = TuneLines()
    for event in EVENTS:
        lines.listen(event)
    assert capsys.readouterr().err.splitlines() == [
        "study folder: tune/mine/1",
        "trials are kept in tune/mine/1/study.journal",
        "flat search on all subjects: 4 trials each, of 3 inner folds, 2 worker(s) per search",
        "resuming: 1 trial is finished",
        "all: 2/4  trial 1: 0.7000, best 0.7000",
        "all: 3/4  trial 2: failed (memory ran out), best 0.7000",
        "all: 4/4  trial 3: pruned, best 0.7000",
    ]


def test_a_bar_counts_the_trials_of_all_searches():
    with bars() as progress:
        shown = TuneBars(progress)
        for event in EVENTS:
            shown.listen(event)
        (task,) = progress.tasks
    assert (task.total, task.completed) == (4, 4)
    assert task.fields["note"].startswith("best 0.7000; all trial 1")


@pytest.mark.parametrize(
    ("folds", "lines"),
    [
        (("r0-f1", "r0-f2"), ["waiting for another process, which refits r0-f1, r0-f2"]),
        ((), ["waiting for another process, which has all folds and writes the record"]),
    ],
)
def test_what_is_waited_for_is_said_in_words(capsys, folds, lines):
    event = RunAwaited("runs/mine", folds)
    TuneLines().listen(event)
    assert capsys.readouterr().err.splitlines() == lines
    with bars() as progress:
        TuneBars(progress).listen(event)
    assert capsys.readouterr().err.split("\n")[0] == lines[0]
    Lines().listen(event)
    assert capsys.readouterr().err.splitlines() == [lines[0].replace("refits", "trains")]
