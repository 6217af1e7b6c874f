"""The suite of trackers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xdistill.interfaces.tracker import TrackedRun, Tracker
from xdistill.testing.suite import Conformance, require

_VALUES = {"total": 1.5, "focal:student": 1.0, "lr": 1e-3}


class TrackerConformance(Conformance):
    """What a tracker has to do. Give it `settings` that keep it off the network; it is built for a run in a folder.

    Override `settings_in` where settings depend on that folder.
    """

    kind = "tracker"

    def settings_in(self, folder: Path) -> Mapping[str, Any]:
        """The settings of a tracker that may write into this folder."""
        del folder
        return self.settings

    def test_a_run_from_start_to_end(self) -> None:
        """Epochs of folds that take turns, scores, and the end."""
        with self._tracker() as tracker:
            for step in (1, 2):
                for fold in ("r0-f0", "r0-f1"):
                    tracker.log(dict(_VALUES), fold=fold, stage="joint", step=step)
            tracker.finish({"student/auc_ovo": 0.7})

    def test_a_run_that_breaks(self) -> None:
        """Closing without an end, before and after the first epoch."""
        with self._tracker():
            pass
        with self._tracker() as tracker:
            tracker.log(dict(_VALUES), fold="r0-f0", stage="joint", step=1)

    def test_a_run_that_goes_on(self) -> None:
        """A tracker accepts a run that it has seen before."""
        with TemporaryDirectory() as folder:
            for step in (1, 2):
                tracker = self._built(Path(folder))
                tracker.log(dict(_VALUES), fold="r0-f0", stage="joint", step=step)
                tracker.close()

    def test_what_it_is_told_is_left_alone(self) -> None:
        """Other trackers get the same values."""
        values, scores = dict(_VALUES), {"student/auc_ovo": 0.7}
        with self._tracker() as tracker:
            tracker.log(values, fold="r0-f0", stage="joint", step=1)
            tracker.finish(scores)
        require(values == _VALUES, f"the values became {values}")
        require(scores == {"student/auc_ovo": 0.7}, f"the scores became {scores}")

    @contextmanager
    def _tracker(self) -> Iterator[Tracker]:
        with TemporaryDirectory() as folder:
            tracker = self._built(Path(folder))
            try:
                yield tracker
            finally:
                tracker.close()

    def _built(self, folder: Path) -> Tracker:
        run = TrackedRun(
            name="conformance/tracker",
            identity="0123456789ab",
            folder=folder,
            recipe={"name": "conformance/tracker", "stages": [{"name": "joint", "epochs": 2}], "seed": 0},
            facts={"cohort": "a cohort", "synthetic": "true"},
        )
        factory: Any = self.component
        settings = self.checked(self.settings_in(folder))
        tracker: Tracker = factory(settings, run=run)
        return tracker
