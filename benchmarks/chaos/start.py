"""Commands whose processes are forked from one that has imported everything, which saves most of their seconds.

They run what the command line runs, with workers in processes of their own. Only the start differs: a kill then meets
work, and not the imports before it.
"""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import psutil
from clock import shift_clock
from zygote import STARTED, Forked, fork

NEVER = ("ray", "__main__", "__mp_main__")


@dataclass(frozen=True)
class Conditions:
    """Under which a command runs.

    Attributes:
        largest: bytes after which a file cannot grow; None: any number.
        shift: seconds by which its clock jumps to and fro; 0: not at all.
    """

    largest: int | None = None
    shift: float = 0.0


def warm_up(names: Path, arguments: list[str], variables: Mapping[str, str], *, also: Sequence[str] = ()) -> None:
    """Run a command as usual, and import here what it imported.

    Args:
        names: file to which the command writes these modules.
        arguments: of the command.
        variables: of its environment.
        also: modules that are imported as well.
    """
    code = f"from start import cold; cold({arguments!r}, {str(names)!r})"
    ended = subprocess.run(
        [sys.executable, "-c", code],
        cwd=Path(__file__).parent,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode or not names.is_file():
        raise SystemExit(f"{' '.join(arguments)}: {ended.stderr}")
    os.environ["OMP_NUM_THREADS"] = "1"  # read when libraries are imported
    for name in (*names.read_text().split(), *also):
        if name not in sys.modules and name.partition(".")[0] not in NEVER:
            with suppress(Exception):  # one that cannot be imported by itself is imported by the command
                import_module(name)


def cold(arguments: list[str], names: str) -> None:
    """Run a command and write which modules it has imported."""
    code = _command(arguments)
    Path(names).write_text("\n".join(list(sys.modules)))
    sys.exit(code)


def start(arguments: list[str], output: Path, variables: Mapping[str, str], conditions: Conditions) -> Forked:
    """Start a command.

    Args:
        arguments: of the command line.
        output: file for what it prints; one of the same name and ``.pids`` gets the ids of its processes.
        variables: added to the environment.
        conditions: see there.
    """
    started = output.with_name(f"{output.name}.pids")
    started.write_text("")
    with output.open("wb") as file, Path(os.devnull).open("rb") as nothing:
        streams = (nothing.fileno(), file.fileno(), file.fileno())
        environment = {**os.environ, **variables, STARTED: str(started)}
        return fork("run_command", (arguments, conditions), streams, environment)


def workers_of(output: Path, process: Forked) -> list[psutil.Process]:
    """The living processes below a command that `start` has started."""
    found: dict[int, psutil.Process] = {}
    for line in output.with_name(f"{output.name}.pids").read_text().split():
        with suppress(psutil.NoSuchProcess):
            one = psutil.Process(int(line))
            found |= {below.pid: below for below in (one, *one.children(recursive=True)) if _lives(below)}
    found.pop(process.pid, None)
    return list(found.values())


def end_all(output: Path, process: Forked, patience: float = 30.0) -> list[int]:
    """Kill a command, and its workers if they outlive it by so many seconds, whose ids are given back."""
    process.kill()
    process.wait()
    _, alive = psutil.wait_procs(workers_of(output, process), timeout=patience)
    for one in alive:
        with suppress(psutil.NoSuchProcess):
            one.kill()
    return [one.pid for one in alive]


def run_command(payload: tuple[list[str], Conditions]) -> int:
    """In a forked process: run a command."""
    arguments, conditions = payload
    if conditions.largest is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (conditions.largest, conditions.largest))
    if conditions.shift:
        shift_clock(conditions.shift)
    _fork_workers(conditions.shift)
    return _command(arguments)


def run_worker(payload: tuple[str, float]) -> int:
    """In a forked process: be a worker."""
    from xdistill.workers.__main__ import main

    target, shift = payload
    if shift:
        shift_clock(shift)
    _fork_workers(shift)
    sys.argv = ["xdistill.workers", target]
    main()
    return 0


def _fork_workers(shift: float) -> None:
    """Let the pool fork its workers."""
    from xdistill.workers import pool

    def start_worker(target: str, extra: Mapping[str, str], rank: int, inbox: Any) -> Any:
        (their_in, our_out), (our_in, their_out) = os.pipe(), os.pipe()
        process = fork("run_worker", (target, shift), (their_in, their_out, 2), {**os.environ, **extra})
        os.close(their_in)
        os.close(their_out)
        process.stdin, process.stdout = os.fdopen(our_out, "wb"), os.fdopen(our_in, "rb")
        worker = pool._Worker(rank, process)  # type: ignore[arg-type]  # noqa: SLF001
        threading.Thread(target=pool._listen, args=(worker, inbox), daemon=True).start()  # noqa: SLF001
        return worker

    pool._start = start_worker  # noqa: SLF001 - no other place decides how workers are started


def _lives(process: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):
        return bool(process.status() != psutil.STATUS_ZOMBIE)
    return False


def _command(arguments: list[str]) -> int:
    """Run a command of the command line in this process; its exit code."""
    from xdistill.cli import main

    sys.argv = ["xdistill", *arguments]
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0
