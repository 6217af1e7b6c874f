"""Shows the progress of a run: bars on a terminal, lines elsewhere."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from xdistill.untrusted.text import printable

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

    from xdistill.crossval.events import Event

Listen = Callable[["Event"], None]


@contextmanager
def listener(*, quiet: bool) -> Iterator[Listen]:
    """A listener for the events of a run."""
    if quiet:
        yield warnings
    elif sys.stderr.isatty():
        with bars() as progress:
            yield Bars(progress).listen
    else:
        yield Lines().listen


def bars() -> Progress:
    """Where bars are drawn."""
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn, TimeRemainingColumn
    from rich.table import Column

    from xdistill.cli.console import stderr

    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(bar_width=24),
        TextColumn("{task.completed:.0f}/{task.total:.0f}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn(
            "{task.fields[note]}",
            markup=False,
            style="dim",
            table_column=Column(ratio=1, no_wrap=True, overflow="ellipsis"),  # the notes give way, not the times
        ),
        console=stderr(),
        expand=True,
    )


class Bars:
    """One bar for the cohort, one for the whole run, one for each running fold."""

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self.cohort: TaskID | None = None
        self.run: TaskID | None = None
        self.folds: dict[str, TaskID] = {}
        self.done: dict[str, int] = {}
        self.epochs = 0

    def listen(self, event: Event) -> None:
        """Show one event."""
        from xdistill.crossval import events

        match event:
            case events.CohortProgress():
                if self.cohort is None:
                    self.cohort = self.progress.add_task("cohort", total=event.total, note="building the cache")
                self.progress.update(self.cohort, completed=event.done)
            case events.RunStarted():
                self._start(event)
            case events.FoldStarted():
                self._fold(event.fold, event.done)
            case events.EpochEnded():
                self._epoch(event)
            case events.FoldFinished():
                self._end(event.fold)
            case _ if isinstance(event, _remarkable()):
                self.progress.console.print(_remark(event), markup=False, style="yellow")
            case _:
                pass

    def _start(self, event: events.RunStarted) -> None:
        self.epochs = event.epochs
        self.done = dict.fromkeys(event.finished, event.epochs)
        self.run = self.progress.add_task(
            "folds",
            total=len(event.folds) * event.epochs,
            note=f"{event.jobs} at a time, {event.threads} thread(s) each",
        )
        self._total()
        if event.finished:
            self.progress.console.print(_going_on(event), markup=False, style="dim")

    def _fold(self, name: str, done: int) -> None:
        if name not in self.folds:
            self.folds[name] = self.progress.add_task(f"  {name}", total=self.epochs, note="")
        self._advance(name, done, "")

    def _epoch(self, event: events.EpochEnded) -> None:
        self._advance(event.fold, event.done, _losses(event))

    def _advance(self, name: str, done: int, note: str) -> None:
        self.done[name] = done
        self.progress.update(self.folds[name], completed=done, note=note)
        self._total()

    def _end(self, name: str) -> None:
        self.done[name] = self.epochs
        self.progress.remove_task(self.folds.pop(name))
        self._total()

    def _total(self) -> None:
        if self.run is not None:
            self.progress.update(self.run, completed=sum(self.done.values()))


class Lines:
    """One line per fold, and occasional lines within long ones."""

    PERIOD = 15.0  # seconds between two lines of one fold

    def __init__(self) -> None:
        self.last: dict[str, float] = {}
        self.epochs = 0

    def listen(self, event: Event) -> None:
        """Show one event."""
        from xdistill.crossval import events

        match event:
            case events.CohortProgress():
                if event.done == event.total:
                    say(f"cohort: {event.total} subjects cached")
            case events.RunStarted():
                self.epochs = event.epochs
                say(f"run folder: {event.path}")
                say(f"{len(event.folds)} folds, {event.jobs} at a time, {event.threads} thread(s) each")
                if event.finished:
                    say(_going_on(event))
            case events.FoldStarted():
                self.last[event.fold] = time.monotonic()
                say(f"{event.fold}: " + (f"resumes after epoch {event.done}" if event.done else "starts"))
            case events.EpochEnded():
                if time.monotonic() - self.last.get(event.fold, 0.0) > self.PERIOD:
                    self.last[event.fold] = time.monotonic()
                    say(f"{event.fold}: epoch {event.done}/{self.epochs}  {_losses(event)}")
            case events.FoldFinished():
                say(f"{event.fold}: finished in {event.seconds:.0f} s")
            case _ if isinstance(event, _remarkable()):
                say(_remark(event))
            case _:
                pass


def warnings(event: Event) -> None:
    """Only warnings."""
    from xdistill.crossval import events

    if isinstance(event, (events.TrackerFailed, events.FoldDamaged, events.ResultsDamaged)):
        say(_remark(event))


def say(text: str) -> None:
    """A line on standard error."""
    sys.stderr.write(printable(text) + "\n")
    sys.stderr.flush()


def awaited(event: events.RunAwaited, *, does: str = "trains") -> str:
    """What is waited for: what another process does."""
    at = f"{does} {', '.join(event.folds)}" if event.folds else "has all folds and writes the record"
    return f"waiting for another process, which {at}"


def _losses(event: events.EpochEnded) -> str:
    from xdistill.runs import DIAGNOSTIC

    shown = {name: value for name, value in event.losses.items() if not name.startswith(DIAGNOSTIC)}
    return "  ".join(f"{name} {value:.3f}" for name, value in shown.items())


def _going_on(event: events.RunStarted) -> str:
    return f"resuming: {len(event.finished)} of {len(event.folds)} folds are finished"


def _remarkable() -> tuple[type[Event], ...]:
    """Events that are one line of text."""
    from xdistill.crossval import events

    return (
        events.RunAwaited,
        events.FoldDamaged,
        events.ResultsDamaged,
        events.FoldRestarted,
        events.TrackerFailed,
        events.TeacherCacheFailed,
        events.CohortRemark,
    )


def _remark(event: Event) -> str:  # noqa: PLR0911 -- one return for each event
    from xdistill.crossval import events

    match event:
        case events.RunAwaited():
            return awaited(event)
        case events.FoldDamaged():
            return f"warning: {event.fold} is damaged and is trained again: {event.reason}"
        case events.ResultsDamaged():
            return f"warning: the results are damaged and are computed again from the folds: {event.reason}"
        case events.FoldRestarted():
            return f"{event.fold}: its worker {event.reason}; it is resumed in another worker after the other folds"
        case events.TeacherCacheFailed():
            return f"warning: {event.fold}: {event.reason}"
        case events.TrackerFailed():
            return f"warning: the tracker {event.name!r} failed, and the run continues without it: {event.reason}"
        case events.CohortRemark():
            return f"warning: {event.text}"
    raise TypeError(type(event).__name__)


if TYPE_CHECKING:
    from xdistill.crossval import events
