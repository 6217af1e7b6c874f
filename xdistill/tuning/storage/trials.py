"""Which trials of a study count, which are running, and which died with their worker."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil
from optuna import Study, Trial
from optuna.distributions import distribution_to_json
from optuna.trial import FrozenTrial, TrialState

from xdistill.errors import UserError
from xdistill.tuning.storage.sums import SUM, digest_of

ALIVE = "alive"  # user attribute: when its worker was last seen at a trial, in seconds since 1970
WORKER = "worker"  # user attribute: who works at a trial
FAILED = "failed"  # user attribute: why a trial came to nothing although its worker lives
FOLDS = "folds"  # user attribute: scores of the inner folds
BEAT = 30.0  # seconds between two signs of life
STALE = 150.0  # seconds without one after which a worker on another machine is taken for dead


@dataclass(frozen=True)
class TrialsByState:
    """The trials of a study.

    Attributes:
        counted: complete, pruned, or failed by themselves; by number.
        alive: running.
        dead: whose worker was killed.
    """

    counted: tuple[FrozenTrial, ...]
    alive: tuple[FrozenTrial, ...]
    dead: tuple[FrozenTrial, ...]

    @property
    def taken(self) -> tuple[FrozenTrial, ...]:
        """Those that count and those that are running, by number."""
        return tuple(sorted((*self.counted, *self.alive), key=lambda trial: trial.number))


def trials_by_state(study: Study) -> TrialsByState:
    """Look at all trials of a study.

    Raises:
        UserError: if a trial is missing, or one that has ended is not what its worker wrote.
    """
    trials = study.get_trials(deepcopy=False)
    for number, trial in enumerate(trials):
        _check(trial, number)
    running = [trial for trial in trials if trial.state == TrialState.RUNNING]
    alive = {trial.number for trial in running if is_alive(trial)}
    return TrialsByState(
        counted=tuple(trial for trial in trials if trial.state in {TrialState.COMPLETE, TrialState.PRUNED}),
        alive=tuple(trial for trial in running if trial.number in alive),
        dead=tuple(trial for trial in running if trial.number not in alive),
    )


def mark_failed(study: Study, dead: Sequence[FrozenTrial]) -> None:
    """Mark trials whose worker was killed as failed, which takes them out of the count."""
    for trial in dead:
        study.tell(trial.number, state=TrialState.FAIL, skip_if_finished=True)


def best_of(trials: Sequence[FrozenTrial], *, maximise: bool) -> FrozenTrial | None:
    """The best complete trial, of equals the first; None when none is complete."""
    complete = [trial for trial in trials if trial.state == TrialState.COMPLETE and trial.value is not None]
    if not complete:
        return None
    sign = -1.0 if maximise else 1.0
    return min(complete, key=lambda trial: (sign * (trial.value or 0.0), trial.number))


def register_worker(trial: Trial) -> None:
    """Say who works at a trial."""
    trial.set_user_attr(WORKER, _me())
    trial.set_user_attr(ALIVE, time.time())


def end_trial(study: Study, trial: Trial, *, value: float | None, scores: Sequence[float], reason: str) -> None:
    """Tell what came of a trial, with a checksum.

    Args:
        study: of the trial.
        trial: that has ended.
        value: of a complete trial; None: it was pruned, or failed by its settings.
        scores: of the inner folds.
        reason: why it failed; empty: it did not.
    """
    trial.set_user_attr(FOLDS, list(scores))
    if reason:
        trial.set_user_attr(FAILED, reason)
    said = study.get_trials(deepcopy=False)[trial.number]  # as others will read it
    trial.set_user_attr(SUM, _sum(said, value, scores, reason))
    study.tell(trial, value, state=TrialState.PRUNED if value is None else TrialState.COMPLETE)


def _check(trial: FrozenTrial, number: int) -> None:
    said, complete = trial.user_attrs.get(SUM), trial.state == TrialState.COMPLETE
    ended = said is not None and (complete or trial.state == TrialState.PRUNED)
    scores, reason = trial.user_attrs.get(FOLDS, []), trial.user_attrs.get(FAILED, "")
    value = trial.value if complete else None
    sums = (_sum(trial, value, scores, reason), _sum_before(trial, value, scores, reason)) if ended else ()
    if trial.number != number or (ended and said not in sums):
        raise UserError(
            f"trial {number} of the study is damaged: it is missing, or its settings or scores are not what "
            f"was written. Restore the storage from a copy, or choose another name with --study, and the search starts "
            f"again"
        )


def _sum(trial: FrozenTrial, value: float | None, scores: Sequence[float], reason: str) -> str:
    """Of all that a search learns from a trial: its settings with their ranges, its scores after epochs and folds."""
    ranges = {name: distribution_to_json(one) for name, one in trial.distributions.items()}
    steps = sorted(trial.intermediate_values.items())
    return digest_of([trial.number, trial.params, value, list(scores), reason, ranges, steps])


def _sum_before(trial: FrozenTrial, value: float | None, scores: Sequence[float], reason: str) -> str:
    """As earlier versions of xdistill wrote it, without ranges and epochs."""
    return digest_of([trial.number, trial.params, value, list(scores), reason])


@contextmanager
def heartbeat(trial: Trial) -> Iterator[None]:
    """While it is entered, signs of life go to the storage."""
    stop = threading.Event()
    thread = threading.Thread(target=_beat, args=(trial, stop), daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def is_alive(trial: FrozenTrial) -> bool:
    """Whether the worker of a running trial is alive: its process on this machine, otherwise its last heartbeat."""
    worker: dict[str, Any] = trial.user_attrs.get(WORKER) or {}
    begun = trial.datetime_start.timestamp() if trial.datetime_start else 0.0
    if worker.get("place") == _place():
        try:
            process = psutil.Process(worker["process"])
            # Killed processes whose parent does not ask for them, as in a container, stay in the list as zombies.
            return bool(started(process) == worker["started"]) and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False
    return time.time() - float(trial.user_attrs.get(ALIVE, begun)) < STALE


def _beat(trial: Trial, stop: threading.Event) -> None:
    while not stop.wait(BEAT):
        with suppress(Exception):  # a storage that is away for a moment; the trial itself will say so at its end
            trial.set_user_attr(ALIVE, time.time())


def _me() -> dict[str, Any]:
    process = psutil.Process()
    return {"place": _place(), "process": process.pid, "started": started(process)}


def started(process: psutil.Process) -> float:
    """When a process started: in ticks since the machine did, where the system says it, because clocks are set."""
    try:
        text = Path(f"/proc/{process.pid}/stat").read_text(encoding="utf-8", errors="replace")
        return float(text.rpartition(")")[2].split()[19])  # man 5 proc, field 22
    except (OSError, IndexError, ValueError):
        return float(process.create_time())


def _place() -> str:
    """Where process numbers mean the same: a machine, and a container on it."""
    try:
        return f"{socket.gethostname()} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return socket.gethostname()
