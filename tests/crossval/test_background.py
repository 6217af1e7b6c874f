import threading
import time

import pytest

from waiting import LONG
from xdistill.crossval import background
from xdistill.crossval.background import with_progress


def drain(generator):
    seen = []
    while True:
        try:
            seen.append(next(generator))
        except StopIteration as end:
            return seen, end.value


def test_progress_and_result():
    def work(report):
        report(1, 2)
        report(2, 2)
        return "done"

    assert drain(with_progress(work, lambda done, total: (done, total))) == ([(1, 2), (2, 2)], "done")


def test_errors_reach_whoever_waits():
    def work(report):
        report(1, 2)
        raise OSError("no disk")

    generator = with_progress(work, lambda done, total: (done, total))
    next(generator)
    with pytest.raises(OSError, match="no disk"):
        next(generator)


def test_what_is_abandoned_can_clean_up(monkeypatch):
    monkeypatch.setattr(background, "PATIENCE", LONG)
    cleaned = threading.Event()

    def work(report):
        try:
            for step in range(10_000):
                report(step, 10_000)
                time.sleep(0.001)
        finally:
            cleaned.set()

    generator = with_progress(work, lambda done, total: (done, total))
    next(generator)
    generator.close()
    assert cleaned.is_set()
