"""A Ray cluster of two nodes on this machine, one CPU each, that nobody else can reach."""

from __future__ import annotations

from contextlib import contextmanager
from importlib.util import find_spec

import pytest

ENVIRONMENT = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # in Ray's words: addresses of this machine mean the loopback device
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "of-the-tests-alone-" + "0" * 32,
}
NODE = {"num_cpus": 1, "object_store_memory": 80 * 2**20, "node_ip_address": "127.0.0.1"}


@contextmanager
def a_cluster():
    """The cluster; this process is connected to it by whoever asks first, and not any more at the end."""
    if find_spec("ray") is None:
        pytest.skip("ray is not installed: pip install 'xdistill[ray]'")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in ENVIRONMENT.items():  # Ray reads some of them when it is imported
            patch.setenv(name, value)
        import ray
        from ray.cluster_utils import Cluster

        cluster = Cluster(initialize_head=True, head_node_args={**NODE, "include_dashboard": False})
        try:
            cluster.add_node(**NODE)
            yield cluster
        finally:
            ray.shutdown()
            cluster.shutdown()
