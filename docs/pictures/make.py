"""Make the pictures of the documentation from a finished run.

    python docs/pictures/make.py RUN_FOLDER COHORT_FILE

`report.png` is the run's report in a browser (Chromium). `terminal.svg` is what the command line shows: the bars as
they stood half-way, replayed from the times and losses that the run recorded, and the table at the end.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from heapq import heappop, heappush
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

import xdistill
from xdistill.api import FinishedRun
from xdistill.cli.progress import Bars, bars
from xdistill.cli.table import print_results
from xdistill.crossval.events import EpochEnded, Event, FoldFinished, FoldStarted, RunStarted
from xdistill.report.page import render_report
from xdistill.runs.files import read_json

HERE = Path(__file__).parent
COLUMNS = 136
HALF_WAY = 0.47  # of the run's time
WINDOW = (1000, 1290)
# Without the web font that rich would have the reader's browser fetch.
SVG = re.sub(r"@font-face \{\{.*?\}\}\n", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)

Moment = tuple[float, Event]


def main(arguments: list[str]) -> None:
    """Make both pictures."""
    folder, cohort = map(Path, arguments)
    run = xdistill.load_run(folder, cohort=cohort)
    (HERE / "terminal.svg").write_text(terminal(run), encoding="utf-8")
    screenshot(render_report(run, cohort=run.cohort), HERE / "report.png")


def terminal(run: FinishedRun) -> str:
    """The command, the bars half-way, and the table, as SVG."""
    console = Console(record=True, force_terminal=True, width=COLUMNS, file=io.StringIO(), highlight=False)
    moments = sorted(replay(run), key=lambda moment: moment[0])
    stop = HALF_WAY * moments[-1][0]
    now = 0.0
    progress = bars()
    progress.get_time = lambda: now
    shown = Bars(progress)
    for time, event in moments:
        if time > stop:
            break
        now = time
        shown.listen(event)
    now = stop
    console.print(Text("$ xdistill run mvi_hcc", style="bold"))
    console.print(progress.get_renderable())
    console.print(Text("…", style="dim"))
    print_results(run, console)
    return console.export_svg(title="xdistill", code_format=SVG, unique_id="xdistill")


def replay(run: FinishedRun) -> Iterator[Moment]:
    """The run's events with the second at which they came, from its history and the seconds of its folds."""
    seconds = {path.parent.name: read_json(path)["seconds"] for path in sorted(run.path.glob("folds/*/fold.json"))}
    threads = run.record["machine"]["threads"]
    jobs = min(run.record["machine"]["cores"] // threads, len(seconds))
    epochs = len(run.history) // len(seconds)
    yield 0.0, RunStarted(str(run.path), tuple(seconds), (), epochs, jobs, threads)
    free: list[float] = []
    for fold, length in seconds.items():
        begin = heappop(free) if len(free) == jobs else 0.0
        heappush(free, begin + length)
        yield begin, FoldStarted(fold)
        yield from epochs_of(run, fold, begin)
        yield begin + length, FoldFinished(fold, length)


def epochs_of(run: FinishedRun, fold: str, begin: float) -> Iterator[Moment]:
    """The epochs of one fold."""
    time = begin
    for done, row in enumerate((row for row in run.history if row.fold == fold), start=1):
        losses = {name: value for name, value in row.values.items() if name not in {"seconds", "lr"}}
        time += row.values["seconds"]
        yield time, EpochEnded(fold, row.stage, row.epoch, done, losses, row.values["lr"], row.values["seconds"])


def screenshot(page: str, target: Path) -> None:
    """The top of a page as a PNG file."""
    browser = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
    if browser is None:
        sys.exit("report.png needs Chromium, and there is none")
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "report.html"
        file.write_text(page, encoding="utf-8")
        switches = (
            "--headless",
            "--no-sandbox",
            "--disable-quic",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-sync",
            "--disable-gpu",
            "--hide-scrollbars",
            f"--user-data-dir={folder}/profile",
            f"--window-size={WINDOW[0]},{WINDOW[1]}",
            f"--screenshot={target.resolve()}",
        )
        subprocess.run([browser, *switches, file.as_uri()], check=True, capture_output=True)  # noqa: S603  # the browser found above


if __name__ == "__main__":
    main(sys.argv[1:])
