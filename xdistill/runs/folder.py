"""The folder of a run: its paths and its locks."""

from __future__ import annotations

import fcntl
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from xdistill.errors import BusyRunError, RunError
from xdistill.runs.checksums import CHECKSUMS
from xdistill.runs.files import explained, make_folder

SHARING_PATIENCE = 60.0  # seconds after which a shared folder shows what another machine wrote
EXTERNAL = "external.csv"  # in the folder of a run, and in that of each of its folds
LOCK_PATIENCE = 15.0  # seconds; processes started by a killed worker may need five to end


@dataclass(frozen=True)
class RunFolder:
    """Paths of one run."""

    path: Path

    @property
    def record(self) -> Path:
        """Recipe, hashes, versions and summary."""
        return self.path / "record.json"

    @property
    def splits(self) -> Path:
        """Subject ids by repeat and fold."""
        return self.path / "splits.json"

    @property
    def predictions(self) -> Path:
        """All predictions; exists once the run is finished."""
        return self.path / "predictions.csv"

    @property
    def external(self) -> Path:
        """Predictions for the external test cohort, if the recipe has one; exists once the run is finished."""
        return self.path / EXTERNAL

    @property
    def checksums(self) -> Path:
        """Checksums of the files above and of the folds; exists once the run is finished."""
        return self.path / CHECKSUMS

    @property
    def report(self) -> Path:
        """The HTML report."""
        return self.path / "report.html"

    def fold(self, name: str) -> Path:
        """The folder of a finished fold, such as ``r0-f3``."""
        return self.path / "folds" / name

    def partial(self, name: str) -> Path:
        """The folder of a fold in progress."""
        return self.path / "folds" / f".{name}.partial"

    def finished(self, name: str) -> bool:
        """Whether the fold is finished: its complete folder has been moved into place."""
        return (self.fold(name) / "fold.json").is_file()

    def await_finished(self, name: str, *, patience: float = SHARING_PATIENCE) -> None:
        """Wait until a fold that a worker has finished is visible to this process.

        Raises:
            RunError: when it does not appear, because the worker's machine does not share the folder.
        """
        deadline = time.monotonic() + patience
        while not self.finished(name):
            if not (self.path / "folds").is_dir():
                raise RunError(f"{self.path}: the folder was removed during the run; rerun the command")
            if time.monotonic() > deadline:
                raise RunError(
                    f"a worker finished the fold {name}, but {self.fold(name)} does not exist here: its machine does "
                    f"not share this folder; choose folders that all machines share with --runs and --cache"
                )
            time.sleep(0.2)
            list((self.path / "folds").iterdir())  # makes a network file system refresh the folder

    def held(self, name: str) -> bool:
        """Whether a process holds a lock of this folder at this moment."""
        try:
            with (self.path / f".{name}.lock").open() as file:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # not locked yet, or a folder that `locked` reports as unusable
            return False
        return False

    def at_work(self, folds: Sequence[str]) -> tuple[str, ...]:
        """The folds that a process works on; if there are none yet, those that are not finished."""
        return tuple(filter(self.held, folds)) or tuple(name for name in folds if not self.finished(name))

    @contextmanager
    def locked(self, name: str = "run", *, patience: float = LOCK_PATIENCE) -> Iterator[None]:
        """Hold a lock of this folder; the operating system releases it when the process ends, for whatever reason.

        Args:
            name: of the lock.
            patience: seconds to wait for another process that holds it.

        Raises:
            BusyRunError: if another process holds it.
            RunError: if the folder cannot be written.
        """
        make_folder(self.path / "folds")
        path = self.path / f".{name}.lock"
        with explained(path):
            file = path.open("w")
        with file:
            deadline = time.monotonic() + patience
            while True:
                try:
                    fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                    break
                except BlockingIOError:
                    if time.monotonic() > deadline:
                        raise BusyRunError(
                            f"{self.path}: another process is working on this run; wait for it, or stop it first"
                        ) from None
                    time.sleep(0.1)
            yield


def fold_name(repeat: int, fold: int) -> str:
    """``r0-f3`` for repeat 0, fold 3."""
    return f"r{repeat}-f{fold}"
