"""Progress of a search: a bar on a terminal, one line per trial elsewhere."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xdistill.cli.progress import Bars, Lines, Listen, awaited, bars, say, warnings

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from xdistill.crossval.events import Event
    from xdistill.tuning import events

REFITS = "refits"  # what the training of outer folds is called here


@contextmanager
def tune_listener(*, quiet: bool) -> Iterator[Listen]:
    """A listener for the events of a search."""
    if quiet:
        yield warnings
    elif sys.stderr.isatty():
        with bars() as progress:
            yield TuneBars(progress).listen
    else:
        yield TuneLines().listen


class TuneBars:
    """One bar for the trials of all searches, then the bars of the refit."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.run = Bars(progress)
        self.trials: TaskID | None = None
        self.done: dict[str, int] = {}
        self.best: dict[str, float] = {}
        self.at: dict[str, str] = {}

    def listen(self, event: Event) -> None:
        """Show one event."""
        from xdistill.crossval import events as engine
        from xdistill.tuning import events

        match event:
            case events.SearchStarted():
                self.done = dict(event.searches)
                self.trials = self.progress.add_task("trials", total=len(event.searches) * event.trials, note="")
            case events.TrialStarted():
                self.at[event.search] = f"{event.search} trial {event.number}"
            case events.TrialFoldFinished():
                self.at[event.search] = f"{event.search} trial {event.number}, fold {event.done} of {event.folds}"
            case events.TrialFinished():
                self.done[event.search] = max(event.done, self.done.get(event.search, 0))
                if event.best is not None:
                    self.best[event.search] = event.best
            case engine.RunAwaited():
                self.progress.console.print(awaited(event, does=REFITS), markup=False, style="yellow")
            case _:
                self.run.listen(event)
                return
        self._show()

    def _show(self) -> None:
        if self.trials is None:
            return
        best = f"best {_range(list(self.best.values()))}; " if self.best else ""
        self.progress.update(self.trials, completed=sum(self.done.values()), note=best + ", ".join(self.at.values()))


class TuneLines:
    """A line per trial, then the lines of the refit."""

    def __init__(self) -> None:
        self.run = Lines()
        self.trials = 0

    def listen(self, event: Event) -> None:
        """Show one event."""
        from xdistill.crossval import events as engine
        from xdistill.tuning import events

        match event:
            case events.SearchStarted():
                self.trials = event.trials
                for line in _started(event):
                    say(line)
            case events.TrialFinished():
                say(_finished(event, self.trials))
            case engine.RunAwaited():
                say(awaited(event, does=REFITS))
            case _:
                self.run.listen(event)


def _started(event: events.SearchStarted) -> Iterator[str]:
    yield f"study folder: {event.path}"
    yield f"trials are kept in {event.storage}"
    kind = "flat search on all subjects" if event.flat else f"{len(event.searches)} searches, one for each outer split"
    yield f"{kind}: {event.trials} trials each, of {event.folds} inner folds, {event.workers} worker(s) per search"
    done = sum(event.searches.values())
    if done:
        yield f"resuming: {done} {'trial is' if done == 1 else 'trials are'} finished"


def _finished(event: events.TrialFinished, trials: int) -> str:
    value = f"{event.value:.4f}" if event.value is not None else event.state
    best = f", best {event.best:.4f}" if event.best is not None else ""
    reason = f" ({event.reason})" if event.reason else ""
    return f"{event.search}: {event.done}/{trials}  trial {event.number}: {value}{reason}{best}"


def _range(values: list[float]) -> str:
    low, high = f"{min(values):.4f}", f"{max(values):.4f}"
    return low if low == high else f"{low} to {high}"
