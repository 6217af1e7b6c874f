"""The executor that runs jobs on a Ray cluster."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Annotated, ClassVar

from pydantic import Field

from xdistill.interfaces.component import Settings
from xdistill.interfaces.executor import Executor, Job, JobEvent
from xdistill_ray.connection import connect
from xdistill_ray.rooms import check_room, rooms
from xdistill_ray.streams import Streams


class RayExecutor(Executor):
    """Jobs as tasks of Ray (https://www.ray.io), on this machine or on a cluster.

    A job whose worker or node died is restarted on any node with room and resumes from its last checkpoint. All
    machines must have the run's folder and the cohort cache under the same path.
    """

    name: ClassVar[str] = "ray"
    elsewhere: ClassVar[bool] = True

    class Config(Settings):
        """The cluster and its use."""

        address: Annotated[str, Field(min_length=1)] | None = Field(
            default=None,
            description="of the cluster's head, such as `10.0.0.1:6379`; `auto`: the cluster that this machine is part "
            "of; null: what `RAY_ADDRESS` says, else a Ray of its own on this machine",
        )
        jobs: Annotated[int, Field(ge=1)] | None = Field(
            default=None, description="jobs at the same time; null: as many as fit on the cluster"
        )
        restarts: Annotated[int, Field(ge=0)] = Field(
            default=3, description="how often a job is restarted after its worker or node died"
        )
        gpu_share: Annotated[float, Field(gt=0, le=1)] = Field(
            default=1.0, description="fraction of a GPU that a job needing one gets; with 0.5 two such jobs share it"
        )
        patience: Annotated[float, Field(gt=0)] = Field(
            default=60.0, description="seconds to wait for the cluster to respond, or for a node with room"
        )

    config: Config

    def check(self) -> None:
        """Connect to the cluster; the connection is kept until the process ends.

        Raises:
            UserError: if Ray is not installed, or the cluster does not respond or rejects this process.
        """
        connect(self.config.address, patience=self.config.patience)

    def workers(self, jobs: Sequence[Job]) -> int:
        """How many of these jobs would fit on the idle cluster at the same time."""
        if not jobs:
            return 0
        ray = connect(self.config.address, patience=self.config.patience)
        return min(len(jobs), self.config.jobs or len(jobs), max(1, rooms(ray, jobs[0], self.config.gpu_share)))

    def run(self, target: str, jobs: Sequence[Job]) -> Iterator[JobEvent]:
        """Run all jobs; see `Executor.run`.

        Raises:
            UserError: see `check`; also if no node could ever fit a job.
        """
        if not jobs:
            return
        ray = connect(self.config.address, patience=self.config.patience)
        check_room(ray, jobs, self.config.gpu_share)
        streams = Streams(
            ray,
            target,
            restarts=self.config.restarts,
            gpu_share=self.config.gpu_share,
            patience=self.config.patience,
        )
        try:
            yield from streams.run(jobs, at_once=self.config.jobs)
        finally:
            streams.cancel()
