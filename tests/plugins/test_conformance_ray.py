"""The executor on Ray: the suite that every plugin's author can inherit, and runs on a cluster that loses a node."""

import importlib
import os
import subprocess
import sys
from contextlib import closing

import psutil
import pytest

import xdistill
from held_folds import held, is_held, let_go
from ray_cluster import NODE, a_cluster, install_plugin, needs_ray, started
from tiny import tiny
from waiting import until_ended
from xdistill.crossval.events import FoldRestarted, FoldStarted, RunStarted
from xdistill.crossval.execute import FOLD_FUNCTION, execute
from xdistill.crossval.worker_checks import driver_facts
from xdistill.errors import PluginError, RunError, UserError, WorkerDiedError
from xdistill.interfaces.executor import Job
from xdistill.plugin import load_catalog
from xdistill.recipe.load import as_loaded
from xdistill.testing import ExecutorConformance
from xdistill_ray.connection import connect
from xdistill_ray.executor import RayExecutor
from xdistill_ray.rooms import _rooms, needs
from xdistill_ray.streams import Streams

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
    events = list(executor(cluster, jobs=1).run("xdistill.testing.helpers.jobs:count", jobs))
    assert [event.job for event in events] == ["a"] * 3 + ["b"] * 3 + ["c"] * 3


@pytest.mark.slow
def test_a_node_that_dies_loses_nothing(cluster, tmp_path, shared_cache):
    """The second node is killed while a fold is at work there; it goes on elsewhere, to the bits of one machine."""
    recipe = tiny(stages=[{**tiny()["stages"][0], "epochs": 4}], crossval={"folds": 2})
    victim = next(iter(cluster.worker_nodes))
    there = psutil.Process(victim.all_processes["raylet"][0].process.pid)
    events, lost = [], []

    def on_event(event):
        events.append(event)
        if is_held(event) and not lost and works_on(there, event.fold):
            lost.append(event.fold)
            workers = [child.pid for child in there.children(recursive=True)]
            cluster.remove_node(victim, allow_graceful=False)
            until_ended(workers)
            let_go(events_of(RunStarted)[0].path)

    def events_of(kind):
        return [event for event in events if isinstance(event, kind)]

    on_ray = {**recipe, "executor": {"use": "ray", "address": cluster.address}}
    with held():
        result = xdistill.run(on_ray, runs=tmp_path / "ray", cache=shared_cache, on_event=on_event)
    assert [event.jobs for event in events_of(RunStarted)] == [2]
    assert [(event.fold, event.reason) for event in events_of(FoldRestarted)] == [(lost[0], "died with its node")]
    again = [event.done for event in events_of(FoldStarted) if event.fold == lost[0]]
    assert again[0] == 0
    assert again[1] > 0
    local = xdistill.run(recipe, runs=tmp_path / "local", cache=shared_cache)
    assert predictions(result) == predictions(local)


def works_on(raylet, fold):
    """Whether a worker of this node computes the fold: Ray names processes after their tasks."""
    return any(f"ray::{fold}" in " ".join(child.cmdline()) for child in raylet.children(recursive=True))


def test_one_of_several_processes_that_is_killed(cluster, tmp_path):
    """A fold that several processes compute together starts again too when one of them is lost."""
    compute = {"recipe": {"compute": {"devices": 2}}, "repeat": 0, "fold": 0}
    once = Job("once", {**compute, "function": "second_is_killed_once", "mark": str(tmp_path / "killed")})
    always = Job("always", {**compute, "function": "second_is_killed"})
    target = "distributed.toy_ranks:in_two_processes"
    events = list(executor(cluster, restarts=1).run(target, [once, always]))
    turns = [event for event in events if event.kind != "event"]
    assert [event.kind for event in turns if event.job == "once"] == ["restarted", "done"]
    assert [event.kind for event in turns if event.job == "always"] == ["restarted", "failed"]
    killed = "says: process 2 of 2 of r0-f0 was killed by SIGKILL, as happens when memory runs out"
    assert all(event.value.startswith(killed) for event in events if event.kind == "restarted")
    (error,) = [event.value for event in events if event.kind == "failed"]
    assert isinstance(error, WorkerDiedError)
    assert str(error).startswith(f"always failed after 2 starts; at the last one its worker {killed}")


@pytest.fixture(scope="module")
def large(cluster):
    """A third node, with more processors and what Ray takes for a GPU."""
    return started(lambda: cluster.add_node(**{**NODE, "num_cpus": 3, "num_gpus": 1}))


@pytest.mark.usefixtures("large")
def test_two_jobs_share_a_gpu(cluster, tmp_path):
    go, notes = tmp_path / "go", tmp_path / "notes"
    jobs = [Job(name, {"until": str(go), "notes": str(notes)}, gpus=1) for name in "abc"]
    half = executor(cluster, gpu_share=0.5)
    assert half.workers(jobs) == 2
    events = []
    for event in half.run("ray_jobs:granted", jobs):
        events.append(event)
        if len(events) == 2:
            go.touch()
    happened = notes.read_text(encoding="utf-8").split()
    assert happened[:3] == ["begins", "begins", "ends"]
    assert [happened.count(what) for what in ("begins", "ends")] == [3, 3]
    said = [event.value for event in events if event.kind == "event"]
    assert said == [({"CPU": 1.0, "GPU": 0.5}, "0")] * 3


@pytest.mark.usefixtures("large")
def test_what_a_recipe_asks_for_is_what_ray_is_asked_for(cluster, tmp_path, shared_cache, catalog, monkeypatch):
    monkeypatch.setattr("xdistill.crossval.execute.FOLD_FUNCTION", "ray_jobs:granted")  # there is no real GPU
    recipe = tiny(
        compute={"accelerator": "cuda", "threads": 2},
        executor={"use": "ray", "address": cluster.address, "gpu_share": 0.25},
    )
    with closing(execute(as_loaded(recipe), catalog, runs=tmp_path, cache=shared_cache)) as events:
        resources, visible = next(event for event in events if isinstance(event, tuple))
    assert resources == {"CPU": 2.0, "GPU": 0.25}
    assert visible == "0"


@pytest.mark.usefixtures("large")
@pytest.mark.parametrize(
    ("compute", "message"),
    [
        ({"accelerator": "cuda", "devices": 2}, r"2 CPU and 2 GPU, .*; start a node .* \(ray start --num-gpus=2\)"),
        ({"accelerator": "cuda", "threads": 4}, r"4 CPU and 0.5 GPU, .*; lower --threads"),
        ({"accelerator": "cpu", "threads": 64}, r"64 CPU and 0 GPU, .*; lower --threads"),
    ],
)
def test_what_no_node_could_ever_give(cluster, tmp_path, shared_cache, compute, message):
    asked = {"use": "ray", "address": cluster.address, "gpu_share": 0.5}
    with pytest.raises(RunError, match=f"has room for r0-f0: it needs {message}") as raised:
        xdistill.run(tiny(compute=compute, executor=asked), runs=tmp_path, cache=shared_cache)
    assert "the largest node has 3 CPU and 1 GPU" in str(raised.value)


def test_what_is_left_of_several_gpus_makes_no_share():
    job, several = Job("a", {}, gpus=1), Job("a", {}, gpus=2)
    node = {"CPU": 8.0, "GPU": 3.0}
    assert [_rooms(node, needs(job, share)) for share in (1.0, 0.6, 0.5, 0.25)] == [3, 3, 6, 8]
    assert _rooms(node, needs(several, 0.5)) == 1
    assert _rooms(node, needs(Job("a", {}, cpus=3), 0.5)) == 2


def test_when_no_node_has_room_any_more(cluster, large):
    streams = Streams(
        connect(cluster.address, patience=60.0),
        "xdistill.testing.helpers.jobs:process",
        restarts=3,
        gpu_share=1.0,
        patience=60.0,  # so that the node's death, and not the lack of room, is what is told first
    )
    events = []
    for event in streams.run([Job("large", {"seconds": 600}, cpus=2)], at_once=None):
        if event.kind == "event":
            cluster.remove_node(large, allow_graceful=False)
        if event.kind == "restarted":
            streams.patience = 1.0
        events.append(event)
    assert [event.kind for event in events] == ["event", "restarted", "failed"]
    assert isinstance(events[-1].value, WorkerDiedError)
    assert "no node of the Ray cluster has had room for large for 1 seconds" in str(events[-1].value)


def test_another_cluster_than_the_one_at_hand(cluster):
    executor(cluster).check()
    with pytest.raises(UserError, match=r"is connected to the Ray cluster at .*, not to 127.0.0.1:9"):
        RayExecutor(RayExecutor.Config(address="127.0.0.1:9")).check()


def refused(cluster, change="", **environment):
    """What a process of its own is told that wants to join the cluster."""
    program = (
        f"import ray, sys\n{change}\nfrom xdistill_ray.connection import connect\n"
        f"from xdistill.errors import RunError\n"
        f"try:\n    connect({cluster.address!r}, patience=60.0)\nexcept RunError as error:\n    sys.exit(str(error))\n"
    )
    words = [sys.executable, "-c", program]
    return subprocess.run(
        words, env=os.environ | environment, capture_output=True, text=True, check=False
    ).stderr.strip()


@pytest.mark.parametrize("change", ["ray.__version__ = '1.0.0'", "sys.version_info = (3, 1, 4, 'final', 0)"])
def test_a_process_of_another_version(cluster, change):
    said = refused(cluster, change)
    assert "rejects this process, because versions differ: " in said
    assert said.endswith("install the same versions of Python and Ray on all machines")


def test_a_process_without_the_token(cluster):
    once = {"RAY_gcs_server_port_wait_time_s": "1"}  # instead of twenty times
    said = refused(cluster, RAY_AUTH_TOKEN="of-somebody-else" + "0" * 32, **once).splitlines()
    assert said[-1] == (  # before it, warnings of Ray's
        f"the Ray cluster at {cluster.address} requires a token that this process does not have; export "
        f"RAY_AUTH_MODE=token, and copy ~/.ray/auth_token from a machine of the cluster"
    )


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
    assert "cannot see" in str(error)
    assert "--runs and --cache" in str(error)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (
            "toy_of_two_versions",
            "has the plugin 'toy_of_two_versions' from toy_of_two_versions 2.0, but the driver has it from",
        ),
        ("toy_of_the_driver", "lacks the plugin 'toy_of_the_driver', which the driver has from toy_of_the_driver 1.2"),
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
