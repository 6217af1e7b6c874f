"""Checkpoints of a fold in progress: written whole, and loaded as data that cannot run code."""

from __future__ import annotations

import pickle
import time
from pathlib import Path
from typing import Any

import torch

from xdistill.runs.files import explained, make_folder, written_whole

SHARE = 0.02  # of the training time that checkpoints may take


class Checkpointer:
    """Writes checkpoints of one fold, at most so often that they take a small share of its time.

    Args:
        path: the file.
        identity: what the checkpoint belongs to; another one's is not taken up.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.identity = identity
        self._cost = 0.0
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint; None when there is none, or none that is whole and belongs here."""
        if not self.path.exists():
            return None
        with explained(self.path):
            try:
                state: Any = torch.load(self.path, map_location="cpu", weights_only=True)
            except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError):
                return None
        return state if isinstance(state, dict) and state.get("identity") == self.identity else None

    def due(self) -> bool:
        """Whether enough time has passed since the last one."""
        return time.monotonic() - self._last >= self._cost / SHARE

    def save(self, state: dict[str, Any]) -> None:
        """Write a checkpoint in place of the last.

        Raises:
            RunError: when the disk is full or the folder cannot be written.
        """
        begin = time.monotonic()
        make_folder(self.path.parent)
        with written_whole(self.path) as temporary:
            try:
                with temporary.open("wb") as file:  # a file of ours, since torch's own hides why it fails
                    torch.save({**state, "identity": self.identity}, file)
            except RuntimeError as error:
                raise _disk_error(error) from error
        self._last = time.monotonic()
        self._cost = self._last - begin


def _disk_error(error: RuntimeError) -> BaseException:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause
        cause = cause.__context__
    return OSError(str(error))
