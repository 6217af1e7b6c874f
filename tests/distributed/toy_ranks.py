"""What the processes of these tests do together; importable, so that they find it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from waiting import until, until_ended
from xdistill.errors import DataError


def _number(payload):
    return payload["rank"]


def together(payload):
    """Say who is there; the first one's processes show whether they are those of the fold before."""
    yield _number(payload), os.getpid(), os.environ["LOCAL_RANK"], os.environ["OMP_NUM_THREADS"]


def second_is_killed(payload):
    """The second is killed, the first waits for it for ever."""
    yield _number(payload)
    if _number(payload):
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(3600)


def second_is_killed_once(payload):
    """The second is killed in the first start, and the first waits for it."""
    yield _number(payload)
    mark = Path(payload["mark"])
    if not mark.exists():
        if _number(payload):
            mark.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(3600)


def in_two_processes(payload):
    """What an executor is given to run: a worker that has two processes do the work."""
    from xdistill.distributed.launch import run_distributed

    yield from run_distributed(payload, f"distributed.toy_ranks:{payload['function']}")


def second_refuses(payload):
    """The second has something to tell, the first waits for ever."""
    yield _number(payload)
    if _number(payload):
        raise DataError("subject s7 is upside down")
    time.sleep(3600)


def first_loses_the_second(payload):
    """The first notices that the second is gone before anybody has told why."""
    yield _number(payload)
    if not _number(payload):
        raise RuntimeError("Connection closed by peer")
    time.sleep(0.3)
    os._exit(7)


def first_fails(payload):
    """The first fails by itself; the second notices once it is gone."""
    yield _number(payload)
    said = Path(f"{payload['meeting_point']}.first")
    if _number(payload):
        until(said.exists, "the first says which process it is")
        until_ended([int(said.read_text(encoding="utf-8"))])
        raise RuntimeError("Connection closed by peer")
    written = said.with_suffix(".written")
    written.write_text(str(os.getpid()), encoding="utf-8")
    written.replace(said)
    raise RuntimeError("a fault of ours")


def nobody_answers(payload):
    """All of them wait in vain, as where the machine was suspended."""
    yield _number(payload)
    raise RuntimeError("[third_party/gloo/gloo/transport/tcp/unbound_buffer.cc:78] Timed out waiting 1800000ms")


def computed(payload):
    """What a small network and a loss that compares subjects come to, in shares; see `computing`."""
    from distributed.computing import computed as compute
    from xdistill.distributed.fabric import make_fabric
    from xdistill.distributed.launch import Rank
    from xdistill.recipe.schema.compute import Compute

    rank = Rank.of(payload)
    fabric = make_fabric(Compute(accelerator="cpu", devices=rank.count), rank)
    if not rank.number:
        yield from (compute(fabric, subjects) for subjects in payload["sizes"])
    else:
        for subjects in payload["sizes"]:
            compute(fabric, subjects)
