"""What many tests share."""

from __future__ import annotations

import compileall
import gc
import os
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

DONT_WRITE = sys.dont_write_bytecode
ROOT = Path(__file__).parents[1]
LONGEST = ("docs", "exporting", "crossval", "cli", "bench", "serve", "tune", "models", "plugin", "plugins", "tasks")
sys.path.insert(0, str(ROOT / "tests"))
os.environ.setdefault("OMP_NUM_THREADS", "1")
# What an example takes on a busy machine says nothing of the program.
settings.register_profile("unhurried", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("unhurried")


def pytest_configure(config):
    """Before anything is collected.

    The processes that tests start load bytecode and do not compile hundreds of files each, even where
    PYTHONDONTWRITEBYTECODE is set; so does pytest with the tests, which it rewrites. Collecting them leaves no garbage,
    and looking for it takes a quarter of the time.
    """
    if not hasattr(config, "workerinput"):  # of pytest-xdist
        for folder in ("xdistill", "plugins"):
            compileall.compile_dir(str(ROOT / folder), quiet=2)
    sys.dont_write_bytecode = False
    gc.disable()


def pytest_collection_finish():
    """What was imported and collected stays; no later look for garbage walks over its millions of objects."""
    sys.dont_write_bytecode = DONT_WRITE
    gc.freeze()
    gc.set_threshold(100_000)  # as the command line does
    gc.enable()


def pytest_collection_modifyitems(items):
    """Files of the folders that take longest come first, so that no process waits for the other at the end.

    Tests marked `slow` run where XDISTILL_SLOW is set, as `make slow` does.
    """
    rank = {folder: place for place, folder in enumerate(LONGEST)}
    items.sort(key=lambda item: rank.get(item.path.relative_to(ROOT / "tests").parts[0], len(rank)))
    if os.environ.get("XDISTILL_SLOW"):
        return
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(pytest.mark.skip(reason="takes long; `make slow` runs it"))


@pytest.fixture(scope="session")
def catalog():
    """Everything that is installed."""
    from xdistill.plugin import load_catalog

    return load_catalog()


@pytest.fixture(scope="session")
def shared_cache(tmp_path_factory):
    """A folder for cohort caches that tests share, since building the same one twice shows nothing new."""
    return tmp_path_factory.mktemp("cohorts")


@pytest.fixture(scope="session")
def tiny_run(tmp_path_factory, shared_cache):
    """The finished run of the tiny recipe, with its cohort and without a report; tests do not write to it."""
    from tiny import tiny, trained
    from xdistill.api import load_run
    from xdistill.crossval.events import CohortReady

    seen = []
    finished = trained(tiny(), runs=tmp_path_factory.mktemp("tiny-runs"), cache=shared_cache, on_event=seen.append)
    (cohort,) = [event.path for event in seen if isinstance(event, CohortReady)]
    return load_run(finished.path, cohort=cohort)


@pytest.fixture(scope="session", autouse=True)
def kept_workers():
    """Worker processes go from test to test; see `fresh_workers`."""
    from kept_workers import KeptWorkers

    workers = KeptWorkers()
    with workers.standing_in():
        yield workers
    workers.end_all()


@pytest.fixture
def fresh_workers(kept_workers):
    """For tests of starting and ending: workers start and end as they do for users, and those of others are gone."""
    kept_workers.end_all()
    with kept_workers.left_out():
        yield


@pytest.fixture
def real_data():
    """The folder with real data, named by XDISTILL_DATA."""
    folder = os.environ.get("XDISTILL_DATA")
    if not folder:
        pytest.skip("XDISTILL_DATA is not set: no real data at hand")
    return Path(folder)
