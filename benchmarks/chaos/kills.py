"""Kills commands and their workers, fills their disk, shifts their clock, runs two at once; then they have to finish.

A command that was disturbed in any of these ways, and run again, has to end with the same bytes as an undisturbed one,
and to leave neither processes nor temporary files.
"""

from __future__ import annotations

import itertools
import math
import random
import shutil
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from subprocess import DEVNULL, TimeoutExpired, run

import psutil
from cluster import INSTALLED, VARIABLES, Cluster
from material import Material, arguments, bytes_of, environment, left_behind
from start import Conditions, end_all, start, workers_of
from table import Table
from zygote import Forked

ROOM = 4.0  # how many times as long as an undisturbed command a disturbed one may take, and what follows
PATIENCE = 600  # seconds after which a command counts as hanging
MOST = 12  # kills of one command, after which it may end
RAY = "run on Ray"
COMMANDS = ("run", "bench run", "fit", "tune", "run --devices 2", *([RAY] if INSTALLED else []))
DAY = 86_400.0
SHIFTS = (-10_000 * DAY, -DAY, -60.0, 60.0, 2 * DAY, 10_000 * DAY)


@dataclass(frozen=True)
class Reference:
    """What an undisturbed command gives: SHA-256 of its results, seconds that it takes, bytes that it writes."""

    digest: str
    seconds: float
    size: int


class Disturber:
    """Disturbs one command after the other.

    Args:
        material: whose cohort file is used.
        folder: to write to.
        table: to count in.
        generator: of times and places.
        until: moment of the monotonic clock at which the last one should have ended.
    """

    def __init__(
        self, material: Material, folder: Path, table: Table, generator: random.Random, until: float = math.inf
    ) -> None:
        self.material, self.folder, self.table, self.generator = material, folder, table, generator
        self.until = until
        self.references: dict[str, Reference] = {}
        self.kills = 0
        self.cluster: Cluster | None = None

    def reference(self, what: str) -> Reference:
        """What the command gives if nothing disturbs it."""
        if what not in self.references:
            with self.place() as place:
                begin = time.monotonic()
                problem = self.end(self.start(what, place), place)
                if problem:
                    sys_exit = f"{what}, undisturbed: {problem}"
                    raise SystemExit(sys_exit)
                size = sum(path.stat().st_size for path in place.rglob("*") if path.is_file())
                self.references[what] = Reference(bytes_of(place), time.monotonic() - begin, size)
        return self.references[what]

    def has_time(self, what: str, times: float = ROOM) -> bool:
        """Whether the command could be run so many times before the end; one that never ran may take as the longest."""
        known = self.references.get(what)
        seconds = known.seconds if known else max((one.seconds for one in self.references.values()), default=30.0)
        return time.monotonic() + times * seconds < self.until

    def kill(self, what: str, most: int = MOST) -> None:
        """Kill the command's driver or one of its workers, again and again, until it has ended by itself."""
        right, killed = self.reference(what), Counter[str]()
        with self.place() as place:
            outcome = self._killing(what, place, right, killed, most)
            example = self.output(place).read_text(errors="replace")[-500:]
        for victim, times in killed.items():
            self.kills += times
            self.table.count(f"{what}: {victim} killed", outcome, example, times=times)
        sys.stderr.write(f"{self.kills} kills, {self.table.bad} of bad outcome\n")

    def _killing(self, what: str, place: Path, right: Reference, killed: Counter[str], most: int) -> str:
        process = self.start(what, place)
        while killed.total() < most and self.has_time(what, ROOM / 2):
            with suppress(TimeoutExpired):
                # It gets more time after each kill, so that a slow machine comes to an end.
                process.wait(self.generator.uniform(0, right.seconds * 1.1 ** killed.total()))
                problem = _problem(process.returncode, self.output(place))
                if not process.returncode or problem:
                    break
                process = self.start(what, place)
                continue
            victim = self.generator.choice(
                ["driver", "worker", "node"] if self.cluster is not None else ["driver", "worker"]
            )
            if victim == "driver":
                killed["driver"] += 1
                left = end_all(self.output(place), process)
                if left:
                    return f"left behind (process {left[0]})"
                process = self.start(what, place)
            elif self._kill_below(victim, process, place):
                killed[victim] += 1
        return self.ended(what, process, place, right)

    def _kill_below(self, victim: str, process: Forked, place: Path) -> bool:
        if self.cluster is None:
            return kill_one(workers_of(self.output(place), process), self.generator)
        of_cluster = self.cluster.kill_worker if victim == "worker" else self.cluster.kill_node
        return of_cluster(self.generator)

    def kill_on_ray(self, most: int = MOST) -> None:
        """The same on a Ray cluster, of which workers and nodes are killed as well."""
        self.cluster = Cluster()
        try:
            self.kill(RAY, most)
        finally:
            self.close()

    def close(self) -> None:
        """End the Ray cluster, if there is one."""
        if self.cluster is not None:
            self.cluster.close()
        self.cluster = None

    def full(self, what: str) -> None:
        """Let the disk be full after a random number of bytes; then run the command again on one with room."""
        right = self.reference(what)
        room = self.material.cohort.stat().st_size + int(self.generator.random() * right.size)
        with self.place(room) as place:
            own = place.is_mount()
            largest = None if own else int(10 ** self.generator.uniform(1, 5.5))
            process = self.start(what, place, Conditions(largest=largest))
            outcome = self.end(process, place)
            if own:
                _mount(place, 2**30, "remount,")
            outcome = outcome or self.ended(what, self.start(what, place), place, right)
        self.table.count(f"{what}: disk full", outcome)

    def jump(self, what: str) -> None:
        """Kill the command, set its files to the past or future, and let its clock jump when it goes on."""
        right = self.reference(what)
        with self.place() as place:
            process = self.start(what, place)
            with suppress(TimeoutExpired):
                process.wait(self.generator.uniform(0, right.seconds))
            end_all(self.output(place), process)
            shift = self.generator.choice(SHIFTS)
            set_times(place, time.time() + shift)
            again = self.start(what, place, Conditions(shift=self.generator.choice(SHIFTS)))
            self.table.count(f"{what}: clock jumps", self.ended(what, again, place, right))

    def twice(self, what: str) -> None:
        """Start the same command twice."""
        right = self.reference(what)
        with self.place() as place:
            first = self.start(what, place)
            time.sleep(self.generator.uniform(0, right.seconds / 2))
            second = self.start(what, place, name="second")
            outcome = self.end(second, place, name="second") or self.ended(what, first, place, right)
        self.table.count(f"{what}: two at once", outcome)

    def start(self, what: str, place: Path, conditions: Conditions | None = None, *, name: str = "first") -> Forked:
        """Start a command in a folder."""
        variables = {**self.material.variables, **environment(place / "cache")}
        if self.cluster is not None:
            what = f"run --executor ray --address {self.cluster.address}"
            variables |= VARIABLES
        return start(arguments(what, place), self.output(place, name), variables, conditions or Conditions())

    def output(self, place: Path, name: str = "first") -> Path:
        """Where a command's text goes."""
        return self.folder / f"{place.name}-{name}"

    def end(self, process: Forked, place: Path, *, name: str = "first") -> str:
        """Wait for the end of a command; what is wrong with it, other than that it stopped with a message."""
        try:
            process.wait(PATIENCE)
        except TimeoutExpired:
            end_all(self.output(place, name), process, 0)
            return "hang"
        return _problem(process.returncode, self.output(place, name))

    def ended(self, what: str, process: Forked, place: Path, right: Reference) -> str:
        """Wait, run the command again if it stopped with a message, and compare."""
        problem = self.end(process, place)
        if process.returncode and not problem:
            process = self.start(what, place)
            problem = self.end(process, place)
        if problem or process.returncode:
            return problem or f"not finished: {self.output(place).read_text()[-200:]}"
        if bytes_of(place) != right.digest:
            return "other bytes"
        left = left_behind(place)
        return f"left behind ({left[0]})" if left else "same bytes"

    @contextmanager
    def place(self, room: int = 0) -> Iterator[Path]:
        """A new folder with a cache in which only the cohort file is.

        Args:
            room: bytes of a file system of its own, if this process may make one; 0: the one that is there.
        """
        place = self.folder / f"{time.monotonic_ns()}"
        place.mkdir(parents=True)
        mounted = bool(room) and _mount(place, room)
        (place / "cache").mkdir()
        try:
            shutil.copy(self.material.cohort, place / "cache")
            yield place
        finally:
            if mounted:
                run(["umount", "--lazy", str(place)], check=False, stderr=DEVNULL)  # noqa: S607 - where the system has it
            shutil.rmtree(place, ignore_errors=True)
            for name in ("first", "second"):
                for path in (self.output(place, name), self.output(place, f"{name}.pids")):
                    path.unlink(missing_ok=True)


def kill_one(processes: list[psutil.Process], generator: random.Random) -> bool:
    """Kill one of these processes; False if there is none."""
    with suppress(psutil.NoSuchProcess, IndexError):
        generator.choice(processes).kill()
        return True
    return False


def set_times(folder: Path, moment: float) -> None:
    """Set the times of all files below a folder."""
    import os

    for path in folder.rglob("*"):
        with suppress(OSError):
            os.utime(path, (moment, moment), follow_symlinks=False)


def disturb(disturber: Disturber, *, commands: tuple[str, ...], kills: int | None = None) -> None:
    """Disturb commands in all ways, in turn, as long as there is time.

    Args:
        disturber: who does it.
        commands: that are disturbed.
        kills: how many kills there are to be, and nothing else; None: all ways.
    """
    ways = [disturber.kill] if kills else [disturber.kill, disturber.full, disturber.jump, disturber.twice]
    while True:
        for way, what in itertools.product(ways, commands):
            most = MOST if kills is None else min(MOST, kills - disturber.kills)
            if most <= 0 or not disturber.has_time(what):
                return
            if what == RAY and way == disturber.kill:
                disturber.kill_on_ray(most)
            elif way == disturber.kill:
                disturber.kill(what, most)
            elif what != RAY:
                way(what)


def _problem(code: int | None, output: Path) -> str:
    text = output.read_text(errors="replace")
    if "Traceback" in text:
        return f"traceback: {text.strip().splitlines()[-1]}"
    return "" if code in {0, 1, 2} else f"ended with {code}: {text[-200:]}"


def _mount(place: Path, size: int, option: str = "") -> bool:
    command = ["mount", "-t", "tmpfs", "-o", f"{option}size={size}", "none", str(place)]
    try:
        return not run(command, check=False, stderr=DEVNULL).returncode
    except OSError:  # no such command
        return False
