"""A Ray cluster on this machine whose workers and nodes can be killed: a head without cores, two nodes of one core.

As a script it is the process that holds the cluster: it prints the address of the head, starts a node for each line
that it reads, and ends the cluster when there are no more.
"""

from __future__ import annotations

import os
import random
import select
import subprocess
import sys
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import psutil

NODE: dict[str, Any] = {"object_store_memory": 80 * 2**20, "node_ip_address": "127.0.0.1", "include_log_monitor": False}
VARIABLES = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # in Ray's words: addresses of this machine mean the loopback device
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "of-this-script-alone-" + "0" * 32,
}
HEAD: dict[str, Any] = {
    "include_dashboard": False,
    "no_monitor": True,
    # A node that was killed is noticed after ten seconds; sooner, nodes of a busy machine are taken for dead as well.
    "_system_config": {
        "health_check_period_ms": 1000,
        "health_check_timeout_ms": 10_000,
        "health_check_failure_threshold": 10,
    },
}
PATIENCE = 120.0  # seconds until a node has started
OWN = "Agent"  # in the name of processes of Ray itself, with which their node ends
INSTALLED = find_spec("ray") is not None


class Cluster:
    """The cluster, in a process of its own."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__],
            env={**os.environ, **VARIABLES},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            cwd=Path(__file__).parent,
        )
        self.address = self._read()

    def kill_worker(self, generator: random.Random) -> bool:
        """Kill a process that works at a task; False if there is none."""
        at_work = [one for one in self._processes() if _called(one).startswith("ray::") and OWN not in _called(one)]
        return _killed(at_work, generator)

    def kill_node(self, generator: random.Random) -> bool:
        """Kill a node that has a core, and put another in its place."""
        nodes = [one for one in self._processes() if "raylet" in _called(one) and "--head" not in _called(one)]
        nodes = [one for one in nodes if one.name() == "raylet"]
        if not _killed(nodes, generator):
            return False
        print("node", file=self._process.stdin, flush=True)
        self._read()
        return True

    def close(self) -> None:
        """End the cluster."""
        if self._process.stdin is not None:
            self._process.stdin.close()
        with suppress(subprocess.TimeoutExpired):
            self._process.wait(60)
        for one in self._processes():
            with suppress(psutil.NoSuchProcess):
                one.kill()
        self._process.kill()

    def _processes(self) -> list[psutil.Process]:
        with suppress(psutil.NoSuchProcess):
            return psutil.Process(self._process.pid).children(recursive=True)
        return []

    def _read(self) -> str:
        output = self._process.stdout
        if output is None or not select.select([output], [], [], PATIENCE)[0] or not (line := output.readline()):
            raise SystemExit("the Ray cluster did not start, or gives no more nodes")
        return line.strip()


def _called(process: psutil.Process) -> str:
    with suppress(psutil.Error):
        return " ".join(process.cmdline())
    return ""


def _killed(processes: list[psutil.Process], generator: random.Random) -> bool:
    with suppress(psutil.NoSuchProcess, IndexError):
        generator.choice(processes).kill()
        return True
    return False


def _hold() -> None:
    from ray.cluster_utils import Cluster as RayCluster

    cluster = RayCluster(initialize_head=True, head_node_args={**NODE, **HEAD, "num_cpus": 0})
    for _ in range(2):
        cluster.add_node(**NODE, num_cpus=1)
    print(cluster.address, flush=True)
    for _ in sys.stdin:
        cluster.add_node(**NODE, num_cpus=1)
        print("added", flush=True)
    cluster.shutdown()  # type: ignore[no-untyped-call]


if __name__ == "__main__":
    _hold()
