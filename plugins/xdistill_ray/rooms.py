"""Whether some node has room for a job."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from xdistill.errors import RunError
from xdistill.interfaces.executor import Job


def needs(job: Job, gpu_share: float) -> dict[str, float]:
    """What a job takes of a node while it runs, in Ray's words; a job that needs several GPUs shares none of them."""
    return {"CPU": float(job.cpus), "GPU": gpu_share if job.gpus == 1 else float(job.gpus)}


def rooms(ray: Any, job: Job, gpu_share: float) -> int:
    """How many jobs like this one the nodes that are alive could run at once, were they idle."""
    wanted = needs(job, gpu_share)
    return sum(_rooms(node, wanted) for node in _nodes(ray))


def has_room(ray: Any, job: Job, gpu_share: float) -> bool:
    """Whether some node that is alive could run the job, were it idle."""
    return rooms(ray, job, gpu_share) > 0


def check_room(ray: Any, jobs: Sequence[Job], gpu_share: float) -> None:
    """Find a job that would wait for ever.

    Raises:
        RunError: when no node could ever run it.
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
    """How many jobs that want this much one node could run at once."""
    beside = int(node["CPU"] / wanted["CPU"])
    if not wanted["GPU"]:
        return beside
    # what is left over of one GPU and of another makes no share
    of_gpus = int(node["GPU"] / wanted["GPU"]) if wanted["GPU"] >= 1 else int(node["GPU"]) * int(1 / wanted["GPU"])
    return min(beside, of_gpus)


def _nodes(ray: Any) -> list[dict[str, float]]:
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [{name: float(resources.get(name, 0.0)) for name in ("CPU", "GPU")} for resources in alive]


def _written(resources: Mapping[str, float]) -> str:
    return f"{resources['CPU']:g} CPU and {resources['GPU']:g} GPU"
