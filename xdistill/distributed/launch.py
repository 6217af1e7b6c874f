"""Starts the processes that train one fold together, and watches them. Runs in the fold's worker."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xdistill.distributed.local import how_it_ended
from xdistill.errors import WorkerDiedError, XdistillError
from xdistill.recipe.schema.compute import Compute
from xdistill.runs import fold_name
from xdistill.workers import RANK_VARIABLE, Team, worker_environment

FOLD_FUNCTION = "xdistill.crossval.fold:run_fold"
DISTRIBUTED_FUNCTION = "xdistill.distributed.launch:run_distributed"
RANK = "rank"  # key of the payload: number of a process among those that train a fold together
MEETING_POINT = "meeting_point"


@dataclass(frozen=True)
class Rank:
    """The rank of a process among those that train a fold together.

    Attributes:
        number: from 0; the first process writes files and reports events.
        count: of the processes.
        meeting_point: the file of the store by which they connect.
    """

    number: int
    count: int
    meeting_point: Path

    @classmethod
    def of(cls, payload: Mapping[str, Any]) -> Rank | None:
        """The rank in a payload; None if one process trains the fold."""
        if RANK not in payload:
            return None
        return cls(payload[RANK], devices_and_threads(payload)[0], Path(payload[MEETING_POINT]))


def devices_and_threads(payload: Mapping[str, Any]) -> tuple[int, int]:
    """How many devices a fold is trained on, and with how many threads each."""
    compute = Compute.model_validate(payload["recipe"].get("compute", {}))
    return compute.devices, compute.threads


def run_distributed(payload: Mapping[str, Any], target: str = FOLD_FUNCTION) -> Iterator[Any]:
    """Run a fold in one process per device; yields what the first of them yields.

    This process computes nothing, so that it can end the others whatever they wait for; they end with it. Processes
    that finish stay for the next fold, because starting them takes seconds.

    Args:
        payload: as for `run_fold`.
        target: ``module:function`` that runs in each process.

    Raises:
        WorkerDiedError: if one of the processes was killed or hangs.
        XdistillError: the error of one of them.
    """
    count, threads = devices_and_threads(payload)
    fold = fold_name(payload["repeat"], payload["fold"])
    symptom: BaseException | None = None
    with TemporaryDirectory(prefix="xdistill-") as folder:
        meeting_point = str(Path(folder, "ranks"))
        payloads = [{**payload, RANK: rank, MEETING_POINT: meeting_point} for rank in range(count)]
        with closing(_team(target, count, threads).run(payloads)) as messages:
            for message in messages:
                if message.kind == "died":
                    raise WorkerDiedError(_died(fold, message.task, count, message.value))
                if message.kind == "failed" and isinstance(message.value, XdistillError):
                    raise message.value
                if message.kind == "failed":  # perhaps only because another one died, which is reported soon
                    symptom = symptom or message.value
                elif message.kind == "event":
                    yield message.value
    if symptom is not None:
        raise _explained(symptom, fold, count)


_teams: dict[tuple[str, int, int], Team] = {}  # by function, processes and threads: one, in practice


def _team(target: str, count: int, threads: int) -> Team:
    """Processes that can train a fold together: those of the last fold, if all are alive."""
    team = _teams.get((target, count, threads))
    if team is None or not team.fit:
        environment = _environment(threads)
        team = Team(target, [{**environment, "LOCAL_RANK": str(rank)} for rank in range(count)])
        _teams[target, count, threads] = team
    return team


def _environment(threads: int) -> dict[str, str]:
    """Environment variables of each process; they communicate over the loopback interface alone."""
    names = [name for _, name in socket.if_nameindex() if name.startswith("lo")]
    loopback = {"GLOO_SOCKET_IFNAME": names[0], "NCCL_SOCKET_IFNAME": names[0]} if names else {}
    quiet = {
        "TORCH_CPP_LOG_LEVEL": "ERROR"
    }  # it warns about find_unused_parameters, which networks with unused weights need
    worker = int(os.environ.get(RANK_VARIABLE, "0"))
    return {name: os.environ.get(name, value) for name, value in (loopback | quiet).items()} | worker_environment(
        worker, threads
    )


def _explained(symptom: BaseException, fold: str, count: int) -> BaseException:
    """The error; one of the communication library is replaced by a readable message."""
    text = str(symptom).partition("\n")[0]
    if not isinstance(symptom, RuntimeError) or not any(name in text.lower() for name in ("gloo", "nccl")):
        return symptom
    return WorkerDiedError(
        f"the {count} processes of {fold} lost their connection ({text}). Finished folds are kept; rerun the command "
        f"to resume. If it happens again, omit --devices"
    )


def _died(fold: str, rank: int, count: int, status: int) -> str:
    return (
        f"process {rank + 1} of {count} of {fold} {how_it_ended(status)}; the others were ended. Finished folds are "
        f"kept; rerun the command to resume. If memory ran out, lower --devices, --jobs or loader.batch_size"
    )
