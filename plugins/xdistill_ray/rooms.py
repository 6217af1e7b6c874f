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
    wanted = {name: amount for name, amount in needs(job, gpu_share).items() if amount}
    return sum(min(int(resources[name] / amount) for name, amount in wanted.items()) for resources in _nodes(ray))


def has_room(ray: Any, job: Job, gpu_share: float) -> bool:
    """Whether some node that is alive could run the job, were it idle."""
    return rooms(ray, job, gpu_share) > 0


def check_room(ray: Any, jobs: Sequence[Job], gpu_share: float) -> None:
    """Find a job that would wait for ever.

    Raises:
        RunError: when no node could ever run it.
    """
    for job in jobs:
        if not has_room(ray, job, gpu_share):
            wanted = needs(job, gpu_share)
            largest = max(_nodes(ray), key=lambda resources: (resources["GPU"], resources["CPU"]), default=None)
            there = f"the largest node has {_written(largest)}" if largest else "it has no node"
            remedy = "start a node that has them (ray start --num-gpus=1)" if wanted["GPU"] else "lower --threads"
            raise RunError(
                f"no node of the Ray cluster has room for {job.name}: it needs {_written(wanted)}, and "
                f"{there}; {remedy}"
            )


def _nodes(ray: Any) -> list[dict[str, float]]:
    alive = [node["Resources"] for node in ray.nodes() if node["Alive"]]
    return [{name: float(resources.get(name, 0.0)) for name in ("CPU", "GPU")} for resources in alive]


def _written(resources: Mapping[str, float]) -> str:
    return f"{resources['CPU']:g} CPU and {resources['GPU']:g} GPU"
