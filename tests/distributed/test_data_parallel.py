"""Folds that two processes compute together, in whole runs."""

import os
import signal
from pathlib import Path

import numpy as np
import pytest
import torch

import xdistill
from held_folds import held, is_held, let_go
from tiny import tiny, trained
from xdistill.crossval.events import FoldRestarted, FoldStarted, RunStarted
from xdistill.distributed.fabric import _devices, check_device, make_fabric
from xdistill.distributed.local import LocalExecutor
from xdistill.errors import RunError
from xdistill.interfaces.executor import Job, JobEvent
from xdistill.recipe.schema.compute import Compute
from xdistill.workers import RANK_VARIABLE, cores, resolve

TWO = {"accelerator": "cpu", "devices": 2}
NOT_LOSSES = {"stage", "epoch", "seconds", "lr"}
# Subjects' features are nearly alike here, and what is left of them after their mean is taken off has fewer digits.
LIMITS = {"sp": 1e-3, "diagnostic.gradient.sp": 1e-3, "diagnostic.": 1e-2}

needs_two_cores = pytest.mark.skipif(cores() < 2, reason="as many processes as cores at most")


def recipe(**changes):
    """Batch norm, a loss that compares subjects, validation, subjects whom the teacher skips, a last batch of two."""
    stage = tiny()["stages"][0]
    objective = [*stage["objective"], {"use": "sp", "taps": ["hbp"]}]
    settings = {
        "data": {"use": "hcc_phantom", "subjects": 31, "shape": [8, 16, 16], "image_only": 6},
        "missing": {"use": "skip"},
        "stages": [{**stage, "epochs": 4, "objective": objective}],
        "loader": {"batch_size": 5},
        "crossval": {"folds": 2, "validation": 0.2},
        "diagnostics": True,
    }
    return tiny(**{**settings, **changes})


def children_of(process):
    return [int(child) for child in Path(f"/proc/{process}/task/{process}/children").read_text().split()]


def in_this_process(_, target, jobs):
    """Instead of `LocalExecutor.run`: workers would take longer to start than to compute."""
    for job in jobs:
        yield from (JobEvent(job.name, "event", event) for event in resolve(target)(job.payload))
        yield JobEvent(job.name, "done")


@pytest.mark.slow
@needs_two_cores
@pytest.mark.usefixtures("fresh_workers")
def test_killed_in_the_middle_two_processes_come_to_what_one_comes_to(tmp_path, shared_cache, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr(LocalExecutor, "run", in_this_process)
        alone = trained(recipe(compute={"accelerator": "cpu"}), runs=tmp_path, cache=shared_cache)
    seen, ended = [], []

    def listen(event):
        seen.append(event)
        if is_held(event) and event.fold == "r0-f0":
            let_go(next(event for event in seen if isinstance(event, RunStarted)).path, event.fold)
        if is_held(event) and event.fold == "r0-f1" and not ended:
            (worker,) = (child for child in children_of(os.getpid()) if len(children_of(child)) > 1)
            ended.extend(children_of(worker))
            os.kill(ended[1], signal.SIGKILL)
            let_go(next(event for event in seen if isinstance(event, RunStarted)).path, event.fold)

    with held():
        both = trained(recipe(compute=TWO), runs=tmp_path, cache=shared_cache, on_event=listen)
    assert len(ended) == 2
    assert not [process for process in ended if Path(f"/proc/{process}").exists()]
    (restarted,) = [event for event in seen if isinstance(event, FoldRestarted)]
    assert "process 2 of 2 of r0-f1 was killed by SIGKILL" in restarted.reason
    again = [event.done for event in seen if isinstance(event, FoldStarted) and event.fold == "r0-f1"]
    assert again[0] == 0
    assert again[1] > 0

    assert both.path != alone.path
    assert both.record["recipe"]["compute"]["devices"] == 2
    worst: dict[str, float] = {}
    for ours, theirs in zip(alone.history, both.history, strict=True):
        for name, value in ours.values.items():
            difference = abs(theirs.values[name] - value) / max(abs(value), 1e-6)
            worst[name] = max(worst.get(name, 0.0), difference)
    assert {"sp", "total", "validation_log_loss", "diagnostic.gradient.sp"} <= set(worst)
    assert worst["taught"] == 0
    for name in worst.keys() - NOT_LOSSES:
        assert worst[name] < LIMITS.get(name.rpartition("cka")[0] or name, 1e-4), (name, worst[name])
    ours, theirs = (result.predictions.pooled("student").probabilities for result in (alone, both))
    assert np.abs(ours - theirs).max() < 1e-5


def test_more_processes_than_cores(tmp_path, shared_cache):
    with pytest.raises(RunError, match=f"--devices {cores() + 1}: this machine has {cores()} processor core"):
        xdistill.run(recipe(compute=TWO | {"devices": cores() + 1}), runs=tmp_path, cache=shared_cache)


@needs_two_cores
def test_batches_too_small_for_all_devices(tmp_path, shared_cache):
    message = r"stage 'joint' has batches of 3 subjects, and each device needs at least 2 .*batch_size=4"
    with pytest.raises(RunError, match=message):
        xdistill.run(recipe(compute=TWO, loader={"batch_size": 3}), runs=tmp_path, cache=shared_cache)


@pytest.fixture
def four_accelerators(monkeypatch):
    """A machine that has four, as far as is asked here; computing on them is another matter."""
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)


@pytest.mark.usefixtures("four_accelerators")
def test_more_devices_than_there_are():
    with pytest.raises(RunError, match=r"--devices 5: this machine has 4 cuda device\(s\)"):
        check_device(Compute(devices=5))


@pytest.mark.usefixtures("four_accelerators")
@pytest.mark.parametrize(
    ("worker", "devices", "expected"), [(0, 2, [0, 1]), (1, 2, [2, 3]), (2, 2, [0, 1]), (3, 1, [3]), (5, 1, [1])]
)
def test_accelerators_are_dealt_out_over_the_workers(monkeypatch, worker, devices, expected):
    monkeypatch.setenv(RANK_VARIABLE, str(worker))
    assert _devices(Compute(devices=devices)) == expected


@pytest.mark.usefixtures("four_accelerators")
@pytest.mark.parametrize(("gpus", "expected"), [(1, 10), (2, 2), (3, 1), (4, 1)])
def test_as_many_folds_at_once_as_have_accelerators_of_their_own(monkeypatch, gpus, expected):
    monkeypatch.setattr("xdistill.distributed.local.cores", lambda: 64)
    executor = LocalExecutor(LocalExecutor.Config())
    assert executor.workers([Job(f"r0-f{fold}", {}, cpus=2, gpus=gpus) for fold in range(10)]) == expected


def test_one_device_is_no_group():
    fabric = make_fabric(Compute(accelerator="cpu"))
    assert fabric.world_size == 1
    assert not torch.distributed.is_initialized()
