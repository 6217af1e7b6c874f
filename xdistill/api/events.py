"""What the functions of the interface do with the events of a run."""

from __future__ import annotations

from collections.abc import Callable, Generator
from contextlib import closing
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from xdistill.crossval.events import Event


def last_of_each(
    events: Generator[Event, None, None], on_event: Callable[[Event], None] | None
) -> dict[type[Event], Any]:
    """Pass the events on; returns the last one of each type."""
    found: dict[type[Event], Any] = {}
    with closing(events):  # if the listener raises, this ends the workers
        for event in events:
            found[type(event)] = event
            if on_event is not None:
                on_event(event)
    return found
