"""A Ray cluster of two nodes on this machine, one CPU each, that nobody else can reach."""

from __future__ import annotations

import os
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path

import pytest

# Ray reads these when it is imported, which is why they are set before, by whatever test wants Ray.
os.environ.update(
    {
        "RAY_USAGE_STATS_ENABLED": "0",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # in Ray's words: addresses of this machine mean the loopback device
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN": "of-the-tests-alone-" + "0" * 32,
    }
)
needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="ray is not installed: pip install 'xdistill[ray]'")
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "node_ip_address": "127.0.0.1", "include_log_monitor": False}
HEAD = {  # of processes only those that the tests need; who is gone is missed soon
    **NODE,
    "include_dashboard": False,
    "no_monitor": True,
    "_system_config": {"health_check_period_ms": 500},
}
PLUGIN = '''"""A plugin with one loss, to be had in several versions."""

from xdistill.interfaces import TaskLoss
from xdistill.plugin import hookimpl


class Toy(TaskLoss):
    """A loss that nobody computes."""

    name = "{name}"

    def forward(self, logits, batch):
        return logits.sum()


@hookimpl
def xdistill_task_losses():
    return [Toy]
'''


@contextmanager
def a_cluster(modules):
    """The cluster; this process is connected to it by whoever asks first, and not any more at the end.

    Args:
        modules: folder in which the workers look for modules too.
    """
    import ray
    from ray.cluster_utils import Cluster

    cluster = started(lambda: Cluster(initialize_head=True, head_node_args=HEAD), modules)
    started(lambda: cluster.add_node(**NODE), modules)
    try:
        yield cluster
    finally:
        ray.shutdown()
        cluster.shutdown()


def started(start, *modules):
    """Start a node; where the machine is so busy that Ray's own thirty seconds are too short, once more.

    Args:
        start: what starts it.
        modules: folders in which its workers look for modules too, besides that of the tests.
    """
    folders = (*modules, Path(__file__).parent, os.environ.get("PYTHONPATH"))
    with pytest.MonkeyPatch.context() as of_node:
        of_node.setenv("PYTHONPATH", os.pathsep.join(str(folder) for folder in folders if folder))
        for attempt in range(3):
            try:
                return start()
            except Exception as error:  # Ray raises just this
                if "timed out during startup" not in str(error) or attempt == 2:
                    raise
    return None


def install_plugin(folder, name, version):
    """Put a plugin where ``folder`` is looked at for modules, as an installer would."""
    (folder / f"{name}.py").write_text(PLUGIN.format(name=name), encoding="utf-8")
    facts = folder / f"{name}-{version}.dist-info"
    facts.mkdir()
    (facts / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text(f"[xdistill]\n{name} = {name}\n", encoding="utf-8")
