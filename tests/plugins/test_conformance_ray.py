"""The executor on Ray: the suite that every plugin's author can inherit, and runs on a cluster that loses a node."""

import pytest

import xdistill
from ray_cluster import NODE, a_cluster
from tiny import tiny
from xdistill.engine.events import EpochEnded, FoldRestarted
from xdistill.testing import ExecutorConformance
from xdistill_ray.executor import RayExecutor

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.filterwarnings("ignore::ResourceWarning", "ignore::pytest.PytestUnraisableExceptionWarning"),
]


@pytest.fixture(scope="module")
def cluster():
    with a_cluster() as cluster:
        yield cluster


@pytest.fixture
def executor(cluster):
    return RayExecutor(RayExecutor.Config(address=cluster.address))


@pytest.fixture(scope="module")
def local(tmp_path_factory, shared_cache):
    return predictions(xdistill.run(tiny(), runs=tmp_path_factory.mktemp("local"), cache=shared_cache))


def predictions(result):
    return (result.path / "predictions.csv").read_bytes()


class TestRayExecutor(ExecutorConformance):
    component = RayExecutor

    @pytest.fixture(autouse=True)
    def settings_of_the_cluster(self, cluster):
        self.settings = {"address": cluster.address, "restarts": 1}


def test_the_same_bits_as_local(cluster, local, tmp_path, shared_cache):
    recipe = tiny(executor={"use": "ray", "address": cluster.address})
    assert predictions(xdistill.run(recipe, runs=tmp_path, cache=shared_cache)) == local


def test_a_node_that_dies_loses_nothing(cluster, local, tmp_path, shared_cache):
    """The second node is killed while a fold on it is at work; the fold goes on elsewhere, to the same bits."""
    victim = next(iter(cluster.worker_nodes))
    events = []

    def on_event(event):
        events.append(event)
        epochs = [event for event in events if isinstance(event, EpochEnded)]
        if len({event.fold for event in epochs}) == 2 and victim in cluster.worker_nodes:
            cluster.remove_node(victim, allow_graceful=False)

    recipe = tiny(executor={"use": "ray", "address": cluster.address})
    result = xdistill.run(recipe, runs=tmp_path, cache=shared_cache, on_event=on_event)
    cluster.add_node(**NODE)
    assert [event.reason for event in events if isinstance(event, FoldRestarted)] == ["the node of its worker died"]
    assert predictions(result) == local
