"""The executor on Ray: the suite that every plugin's author can inherit, and runs on a cluster that loses a node."""

import importlib
import subprocess
import sys

import pytest

import xdistill
from ray_cluster import NODE, a_cluster, install_plugin, needs_ray, patiently
from tiny import tiny
from xdistill.engine.agreement import driver_facts
from xdistill.engine.crossval import FOLD_FUNCTION
from xdistill.engine.events import EpochEnded, FoldRestarted, RunStarted
from xdistill.errors import PluginError, RunError, UserError, WorkerDiedError
from xdistill.interfaces.executor import Job
from xdistill.plugin import load_catalog
from xdistill.testing import ExecutorConformance
from xdistill_ray.executor import RayExecutor
from xdistill_ray.rooms import needs

# Ray leaves files and sockets of its own to the garbage collector.
pytestmark = [
    needs_ray,
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    of_workers = tmp_path_factory.mktemp("of_workers")
    install_plugin(of_workers, "toy_of_two_versions", "2.0")
    with a_cluster(of_workers) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def local(tmp_path_factory, shared_cache):
    return predictions(xdistill.run(two_folds(), runs=tmp_path_factory.mktemp("local"), cache=shared_cache))


def two_folds(**executor):
    """Folds that take some seconds, so that one does not end before the other has begun."""
    stages = [{**tiny()["stages"][0], "epochs": 40}]
    return tiny(stages=stages, crossval={"folds": 2}, executor=executor or {"use": "local", "jobs": 1})


def predictions(result):
    return (result.path / "predictions.csv").read_bytes()


def executor(cluster, **settings):
    return RayExecutor(RayExecutor.Config(address=cluster.address, **settings))


class TestRayExecutor(ExecutorConformance):
    component = RayExecutor

    @pytest.fixture(autouse=True)
    def settings_of_the_cluster(self, cluster):
        self.settings = {"address": cluster.address, "restarts": 1}


def test_one_job_at_a_time(cluster):
    jobs = [Job(name, {"numbers": 2, "mark": name}) for name in "abc"]
    events = list(executor(cluster, jobs=1).run("xdistill.testing.jobs:count", jobs))
    assert [event.job for event in events] == ["a"] * 3 + ["b"] * 3 + ["c"] * 3


def test_the_same_bits_as_local(cluster, local, tmp_path, shared_cache):
    events = []
    recipe = two_folds(use="ray", address=cluster.address)
    result = xdistill.run(recipe, runs=tmp_path, cache=shared_cache, on_event=events.append)
    assert predictions(result) == local
    assert [event.jobs for event in events if isinstance(event, RunStarted)] == [2]


def test_a_node_that_dies_loses_nothing(cluster, local, tmp_path, shared_cache):
    """The second node is killed while a fold on it is at work; the fold goes on elsewhere, to the same bits."""
    victim = next(iter(cluster.worker_nodes))
    events = []

    def on_event(event):
        events.append(event)
        begun = {event.fold for event in events if isinstance(event, EpochEnded)}
        if len(begun) == 2 and victim in cluster.worker_nodes:
            cluster.remove_node(victim, allow_graceful=False)

    recipe = two_folds(use="ray", address=cluster.address)
    result = xdistill.run(recipe, runs=tmp_path, cache=shared_cache, on_event=on_event)
    assert [event.reason for event in events if isinstance(event, FoldRestarted)] == ["the node of its worker died"]
    assert predictions(result) == local


@pytest.mark.slow
def test_when_no_node_has_room_any_more(cluster):
    large = patiently(lambda: cluster.add_node(**{**NODE, "num_cpus": 2}))
    jobs = [Job("large", {"seconds": 60}, cpus=2)]
    events = []
    for event in executor(cluster, patience=1.0).run("xdistill.testing.jobs:process", jobs):
        if event.kind == "event":
            cluster.remove_node(large, allow_graceful=False)
        events.append(event)
    assert [event.kind for event in events] == ["event", "restarted", "failed"]
    assert isinstance(events[-1].value, WorkerDiedError)
    assert "no node of the Ray cluster has had room for large for 1 seconds" in str(events[-1].value)


def test_shares_of_gpus():
    assert needs(Job("a", {}, cpus=2), 0.5) == {"CPU": 2.0, "GPU": 0.0}
    assert needs(Job("a", {}, gpus=1), 0.5) == {"CPU": 1.0, "GPU": 0.5}
    assert needs(Job("a", {}, gpus=2), 0.5) == {"CPU": 1.0, "GPU": 2.0}


@pytest.mark.parametrize(
    ("job", "message"),
    [
        (Job("r0-f0", {}, gpus=1), "needs 1 CPU and 1 GPU, and the largest node has 1 CPU and 0 GPU; start a node"),
        (
            Job("r0-f0", {}, cpus=64),
            "needs 64 CPU and 0 GPU, and the largest node has 1 CPU and 0 GPU; lower --threads",
        ),
    ],
)
def test_what_no_node_could_ever_give(cluster, job, message):
    with pytest.raises(RunError, match=f"has room for r0-f0: it {message}"):
        list(executor(cluster).run("xdistill.testing.jobs:count", [job]))


def test_another_cluster_than_the_one_at_hand(cluster):
    executor(cluster).check()
    with pytest.raises(UserError, match=r"is connected to the Ray cluster at .*, and 127.0.0.1:9 is wanted"):
        RayExecutor(RayExecutor.Config(address="127.0.0.1:9")).check()


@pytest.mark.parametrize("change", ["ray.__version__ = '1.0.0'", "sys.version_info = (3, 1, 4, 'final', 0)"])
def test_a_process_of_another_version(cluster, change):
    program = (
        f"import ray, sys\n{change}\nfrom xdistill_ray.connection import connect\n"
        f"from xdistill.errors import RunError\n"
        f"try:\n    connect({cluster.address!r}, patience=60.0)\nexcept RunError as error:\n    sys.exit(str(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert "does not take this process, since versions differ: " in done.stderr
    assert "install the same versions of Python and Ray on all machines" in done.stderr


def fold(folder, **facts):
    """A fold that cannot get far: there are files, with nothing in them."""
    for name in ("splits.json", "cohort.h5"):
        (folder / name).touch()
    payload = {"recipe": {}, "run": str(folder), "cohort": str(folder / "cohort.h5"), "repeat": 0, "fold": 0, **facts}
    return Job("r0-f0", payload)


def failure(cluster, job):
    (event,) = list(executor(cluster).run(FOLD_FUNCTION, [job]))
    assert event.kind == "failed"
    return event.value


def test_a_run_that_a_worker_does_not_see(cluster, tmp_path):
    job = fold(tmp_path, run=str(tmp_path / "only_of_the_driver"))
    error = failure(cluster, job)
    assert isinstance(error, RunError)
    assert "does not see" in str(error)
    assert "--runs and --cache" in str(error)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "toy_of_two_versions",
            "has the plugin 'toy_of_two_versions' from toy_of_two_versions 2.0, and the driver from",
        ),
        ("toy_of_the_driver", "has no plugin 'toy_of_the_driver', which the driver has from toy_of_the_driver 1.2"),
    ],
)
def test_a_plugin_that_differs(cluster, tmp_path, monkeypatch, name, message):
    install_plugin(tmp_path, name, "1.2")
    monkeypatch.syspath_prepend(tmp_path)
    importlib.invalidate_caches()
    catalog = load_catalog()
    facts = driver_facts({catalog.entry("task_loss", name).component}, catalog)
    error = failure(cluster, fold(tmp_path, driver=facts))
    assert isinstance(error, PluginError)
    assert message in str(error)
    assert f"{name} 1.2" in str(error)
