"""Checkpoints of a fold in progress: written whole, and loaded as data that cannot run code.

A file ends with the SHA-256 of what is before it, because torch reads the values of its archives without a check.
"""

from __future__ import annotations

import pickle
import time
from hashlib import sha256
from pathlib import Path
from typing import Any, BinaryIO, Final

import torch

from xdistill.errors import RunError
from xdistill.runs.files import explained, make_folder, written_whole
from xdistill.untrusted import open_regular

SHARE = 0.02  # of the training time that checkpoints may take
_END: Final = b"xdistill"  # of the file, behind the digest
_BLOCK: Final = 2**20


class DamagedCheckpointError(RunError):
    """A checkpoint that cannot be resumed from; the fold starts again."""


class Checkpointer:
    """Writes checkpoints of one fold, at most so often that they take a small share of its time.

    Args:
        path: the file.
        identity: what the checkpoint belongs to; another one's is not resumed from.

    Attributes:
        refused: why a checkpoint that exists was not loaded; empty if there was none or it was.
    """

    def __init__(self, path: Path, identity: str) -> None:
        self.path = path
        self.identity = identity
        self.refused = ""
        self._cost = 0.0
        self._last = time.monotonic()

    def load(self) -> dict[str, Any] | None:
        """The last checkpoint; None when there is none, or none that is whole and belongs here."""
        self.refused = ""
        if not self.path.exists():
            return None
        with explained(self.path):
            try:
                _check_digest(self.path)
                state: Any = torch.load(self.path, map_location="cpu", weights_only=True)
            except (RuntimeError, EOFError, KeyError, ValueError, pickle.UnpicklingError, RunError) as error:
                self.refused = str(error).partition("\n")[0] or type(error).__name__
                return None
        if not isinstance(state, dict) or state.get("identity") != self.identity:
            self.refused = f"{self.path}: the checkpoint is not one of this run"
            return None
        return state

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
                with temporary.open("rb+") as file:
                    digest = _digest(file, temporary.stat().st_size)
                    file.seek(0, 2)
                    file.write(digest + _END)
            except RuntimeError as error:
                raise _disk_error(error) from error
        self._last = time.monotonic()
        self._cost = self._last - begin

    def discard(self) -> None:
        """Remove the file."""
        with explained(self.path):
            self.path.unlink(missing_ok=True)


def _check_digest(path: Path) -> None:
    """Compare a checkpoint with the digest at its end.

    Raises:
        DamagedCheckpointError: if they differ.
    """
    size = path.stat().st_size - sha256().digest_size - len(_END)
    with open_regular(path, error=RunError) as file:
        digest = _digest(file, size) if size > 0 else b""
        if file.read() != digest + _END:
            raise DamagedCheckpointError(f"{path}: the checkpoint is damaged (its SHA-256 differs)")


def _digest(file: BinaryIO | Any, size: int) -> bytes:
    """SHA-256 of the first bytes of a file, which is left behind them."""
    hashed = sha256()
    while size > 0 and (block := file.read(min(_BLOCK, size))):
        hashed.update(block)
        size -= len(block)
    return hashed.digest()


def _disk_error(error: RuntimeError) -> BaseException:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, OSError):
            return cause
        cause = cause.__context__
    return OSError(str(error))
