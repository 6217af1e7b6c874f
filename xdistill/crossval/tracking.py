"""Passes events to trackers. An error of a tracker is reported once, and the run continues without it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from xdistill.crossval.events import EpochEnded, Event, TrackerFailed
from xdistill.errors import XdistillError
from xdistill.interfaces.component import Choice
from xdistill.interfaces.tracker import TrackedRun, Tracker


class Tracking:
    """The trackers of one run.

    Args:
        choices: the recipe's trackers.
        run: facts of the run.
    """

    def __init__(self, choices: Sequence[Choice[Tracker]], run: TrackedRun) -> None:
        self._waiting = tuple(choices)
        self._run = run
        self._trackers: list[Tracker] = []

    def start(self) -> Iterator[Event]:
        """Build the trackers."""
        for choice in self._waiting:
            try:
                self._trackers.append(choice.build(run=self._run))
            except Exception as error:  # noqa: BLE001 - a tracker never stops a run
                yield _failed(choice.use, error)

    def log(self, event: Event) -> Iterator[Event]:
        """Pass an event to all trackers that have not failed."""
        if not isinstance(event, EpochEnded):
            return
        values = {**event.losses, "lr": event.lr}
        yield from self._each(lambda tracker: tracker.log(values, fold=event.fold, stage=event.stage, step=event.done))

    def finish(self, summary: Mapping[str, Mapping[str, Mapping[str, Any]]]) -> Iterator[Event]:
        """Pass on the scores of a finished run, as in `Run.summary`."""
        scores = {
            f"{role}/{metric}": float(value["mean"])
            for role, metrics in summary.items()
            for metric, value in metrics.items()
        }
        yield from self._each(lambda tracker: tracker.finish(scores))

    def close(self) -> None:
        """Close all trackers; errors are ignored, because the run is over."""
        for tracker in self._trackers:
            try:
                tracker.close()
            except Exception:  # noqa: BLE001, S112 - see above
                continue
        self._trackers = []

    def _each(self, call: Callable[[Tracker], None]) -> Iterator[Event]:
        for tracker in tuple(self._trackers):
            try:
                call(tracker)
            except Exception as error:  # noqa: BLE001 - a tracker never stops a run
                self._trackers.remove(tracker)
                yield _failed(tracker.name, error)


def _failed(name: str, error: Exception) -> TrackerFailed:
    return TrackerFailed(name, str(error) if isinstance(error, XdistillError) else f"{type(error).__name__}: {error}")
