"""Trackers are told what happens, and never stop a run."""

import pytest

from tiny import tiny, trained
from xdistill.crossval.events import EpochEnded, FoldStarted, TrackerFailed
from xdistill.crossval.tracking import Tracking
from xdistill.interfaces import Choice, Settings, TrackedRun, Tracker


class Diary(Tracker):
    """Remembers everything."""

    name = "diary"
    told = []

    def log(self, values, *, fold, stage, step):
        self.told.append((dict(values), fold, stage, step))

    def finish(self, scores):
        self.told.append(scores)

    def close(self):
        self.told.append("closed")


class Moody(Diary):
    """Fails at its second epoch."""

    name = "moody"
    epochs = 0

    def log(self, values, *, fold, stage, step):
        self.epochs += 1
        if self.epochs == 2:
            raise ConnectionError("no route to [somewhere]")


class Absent(Diary):
    """Cannot be built."""

    name = "absent"

    def __init__(self, config, *, run):
        raise ImportError("nothing here")


@pytest.fixture
def tracked(tmp_path):
    Diary.told.clear()
    return TrackedRun("a/b", "0123456789ab", tmp_path, {"seed": 0}, {"synthetic": "true"})


def epoch(step, fold="r0-f0"):
    return EpochEnded(fold=fold, stage="joint", epoch=step, done=step, losses={"total": 0.5}, lr=0.1, seconds=1.0)


def test_a_tracker_is_told_epochs_scores_and_the_end(tracked):
    tracking = Tracking([Choice(Diary, Settings())], tracked)
    assert list(tracking.start()) == []
    assert list(tracking.log(FoldStarted("r0-f0"))) == []
    assert list(tracking.log(epoch(3))) == []
    assert list(tracking.finish({"student": {"auc_ovo": {"mean": 0.7, "sd": 0.1, "folds": [0.7]}}})) == []
    tracking.close()
    assert Diary.told == [
        ({"total": 0.5, "lr": 0.1}, "r0-f0", "joint", 3),
        {"student/auc_ovo": 0.7},
        "closed",
    ]


def test_one_that_fails_is_told_of_once_and_the_others_go_on(tracked):
    tracking = Tracking([Choice(kind, Settings()) for kind in (Absent, Moody, Diary)], tracked)
    assert list(tracking.start()) == [TrackerFailed("absent", "ImportError: nothing here")]
    failures = [list(tracking.log(epoch(step))) for step in (1, 2, 3)]
    assert failures == [[], [TrackerFailed("moody", "ConnectionError: no route to [somewhere]")], []]
    assert [told[3] for told in Diary.told] == [1, 2, 3]


def test_a_run_with_trackers_is_the_same_run(tmp_path, shared_cache):
    pytest.importorskip("tensorboard")
    events = []
    trackers = [{"use": "tensorboard"}, {"use": "mlflow", "store": "nowhere://at.all"}]
    run = trained(tiny(trackers=trackers), runs=tmp_path, cache=shared_cache, on_event=events.append)
    failed = [event for event in events if isinstance(event, TrackerFailed)]
    assert [event.name for event in failed] == ["mlflow"], failed
    assert curves(run.path / "tensorboard" / "r0-f0")["joint/total"] == [1, 2]
    assert curves(run.path / "tensorboard" / "scores")["scores/student/auc_ovo"] == [0]
    bare = trained(tiny(), runs=tmp_path, cache=shared_cache)
    assert bare.path == run.path


def curves(folder):
    """The steps of each curve."""
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    events = EventAccumulator(str(folder))
    events.Reload()
    return {name: [event.step for event in events.Scalars(name)] for name in events.Tags()["scalars"]}
