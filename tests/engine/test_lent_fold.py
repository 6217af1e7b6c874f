"""A whole run whose folds are lent a core: the bytes of one that is not."""

import pytest

from tiny import tiny, trained
from xdistill.distributed.local import LocalExecutor
from xdistill.interfaces.executor import JobEvent
from xdistill.training.apart import Apart
from xdistill.workers import resolve
from xdistill.workers.lent import set_lent_cores

DROPOUT = {**tiny()["teacher"], "head": {"hidden": [8], "dropout": 0.5}}


@pytest.fixture
def run(monkeypatch, tmp_path, shared_cache):
    """Trains in this process, with so many cores lent; gives the predictions and how often two things went at once."""
    at_once = []
    original = Apart._at_once

    def counted(apart, calls):
        at_once.append(len(calls))
        return original(apart, calls)

    def here(_, target, jobs):
        for job in jobs:
            yield from (JobEvent(job.name, "event", event) for event in resolve(target)(job.payload))
            yield JobEvent(job.name, "done")

    def with_lent(cores, recipe):
        at_once.clear()
        set_lent_cores(cores)
        result = trained(recipe, runs=tmp_path / str(cores), cache=shared_cache)
        return (result.path / "predictions.csv").read_bytes(), at_once.count(2)

    monkeypatch.setattr(Apart, "_at_once", counted)
    monkeypatch.setattr(LocalExecutor, "run", here)
    yield with_lent
    set_lent_cores(0)


@pytest.mark.parametrize(
    ("changes", "steps", "ways"),
    [
        ({}, 3, 2),
        ({"compute": {"precision": "bf16-mixed"}}, 3, 1),  # the backward pass alone
        ({"teacher": DROPOUT}, 0, 2),
        ({"missing": {"use": "modality_dropout", "rate": 0.5}, "diagnostics": True}, 3, 2),
    ],
    ids=["plain", "bf16", "dropout", "modality_dropout"],
)
def test_the_predictions_are_the_same_bytes(run, changes, steps, ways):
    """Thirty subjects in two folds are two batches a fold and epoch; the first of four steps goes in turn."""
    recipe = tiny(crossval={"folds": 2}, **changes)
    alone, at_once = run(0, recipe)
    assert at_once == 0
    lent, at_once = run(9, recipe)
    assert at_once == 2 * ways * steps
    assert lent == alone
