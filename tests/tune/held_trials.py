"""A search that stops in the middle of its third trial; importable, so that workers find it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from waiting import until
from xdistill.crossval.events import Event
from xdistill.tuning.events import TrialFinished
from xdistill.tuning.search import worker


def run_two_trials(payload: Mapping[str, Any]) -> Iterator[Event]:
    """`worker.run_trials`; once a third trial has begun, it is up to a test to end this process."""
    finished = 0
    for event in worker.run_trials(payload):
        yield event
        finished += isinstance(event, TrialFinished)
        if finished == 2 and not isinstance(event, TrialFinished):
            until(lambda: False, "that the test ends this search", 480.0)
