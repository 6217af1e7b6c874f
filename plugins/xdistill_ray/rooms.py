"""Whether some node has room for a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xdistill.errors import RunError
from xdistill.interfaces.executor import Job


def needs(job: Job, gpu_share: float) -> dict[str, float]:
    """Ray resources that a job needs; a job that needs several GPUs shares none of them."""
    return {"CPU": float(job.cpus), "GPU": gpu_share if job.gpus == 1 else float(job.gpus)}


def rooms(ray: Any, job: Job, gpu_share: float) -> int:
    """How many jobs like this one the running nodes could run at the same time if they were idle."""
    wanted = needs(job, gpu_share)
    return sum(_rooms(node, wanted) for node in _nodes(ray))


def has_room(ray: Any, job: Job, gpu_share: float) -> bool:
    """Whether some running node could run the job if it were idle."""
    return rooms(ray, job, gpu_share) > 0


def check_room(ray: Any, jobs: Sequence[Job], gpu_share: float) -> None:
    """Check that every job fits on some node.

    Raises:
        RunError: for a job that would wait forever.
    """
    for job in jobs:
        if has_room(ray, job, gpu_share):
            continue
        wanted = needs(job, gpu_share)
        nodes = sorted(_nodes(ray), key=lambda node: (node["GPU"], node["CPU"]))
        there = f"the largest node has {_written(nodes[-1])}" if nodes else "it has no node"
        lacks_gpus = all(node["GPU"] < wanted["GPU"] for node in nodes)
        remedy = f"start a node that has them (ray start --num-gpus={job.gpus})" if lacks_gpus else "lower --threads"
        raise RunError(
            f"no node of the Ray cluster has room for {job.name}: it needs {_written(wanted)}, and {there}; {remedy}"
        )


def _rooms(node: Mapping[str, float], wanted: Mapping[str, float]) -> int:
    """How many jobs with these needs one node could run at the same time."""
    by_cpus = int(node["CPU"] / wanted["CPU"])
    if not wanted["GPU"]:
        return by_cpus
    # fractions left of different GPUs cannot be combined
    of_gpus = int(node["GPU"] / wanted["GPU"]) if wanted["GPU"] >= 1 else int(node["GPU"]) * int(1 / wanted["GPU"])
    return min(by_cpus, of_gpus)


def _nodes(ray: Any) -> list[dict[str, float]]:
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [{name: float(resources.get(name, 0.0)) for name in ("CPU", "GPU")} for resources in alive]


def _written(resources: Mapping[str, float]) -> str:
    return f"{resources['CPU']:g} CPU and {resources['GPU']:g} GPU"
