"""TensorBoard: one curve per fold, written to the run's folder."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import Field

from xdistill.errors import UserError
from xdistill.interfaces.component import Settings
from xdistill.interfaces.tracker import TrackedRun, Tracker

if TYPE_CHECKING:
    from torch.utils.tensorboard import SummaryWriter


class TensorBoard(Tracker):
    """Writes event files for TensorBoard (https://www.tensorflow.org/tensorboard), one folder per fold.

    View them with ``tensorboard --logdir runs``. Losses are under ``stage/term``, the scores of the finished run under
    ``scores/``.
    """

    name = "tensorboard"
    config: Config

    class Config(Settings):
        """Where to write."""

        folder: str = Field(
            default="", description="folder of the event files; empty: `tensorboard` in the run's own folder"
        )

    def __init__(self, config: Config, *, run: TrackedRun) -> None:
        super().__init__(config, run=run)
        try:
            from torch.utils.tensorboard import SummaryWriter
        except ImportError as error:
            raise UserError(
                "this tracker needs TensorBoard, which is not installed; run `pip install 'xdistill[trackers]'`"
            ) from error
        self._writer = SummaryWriter
        place = Path(config.folder) / run.name / run.identity if config.folder else run.folder / "tensorboard"
        self._place = place
        self._writers: dict[str, SummaryWriter] = {}

    def log(self, values: Mapping[str, float], *, fold: str, stage: str, step: int) -> None:
        """A point on each curve of the fold."""
        writer = self._of(fold)
        for name, value in values.items():
            writer.add_scalar(f"{stage}/{name}", value, step)
        writer.flush()

    def finish(self, scores: Mapping[str, float]) -> None:
        """The scores."""
        writer = self._of("scores")
        for name, value in scores.items():
            writer.add_scalar(f"scores/{name}", value, 0)

    def close(self) -> None:
        """Flush and close the files."""
        for writer in self._writers.values():
            writer.close()
        self._writers = {}

    def _of(self, folder: str) -> SummaryWriter:
        if folder not in self._writers:
            self._writers[folder] = self._writer(str(self._place / folder))
        return self._writers[folder]
