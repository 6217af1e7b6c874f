"""How many worker processes the local executor starts."""

import pytest

from xdistill.distributed.local import LocalExecutor
from xdistill.interfaces.executor import Job


@pytest.mark.parametrize(
    ("cores", "options", "expected"),
    [
        (4, {}, 4),  # one per core
        (4, {"threads": 2}, 2),  # two cores each
        (1, {"threads": 2}, 1),  # at least one
        (4, {"folds": 3}, 3),  # no more than there are folds
        (4, {"jobs": 2}, 2),  # as the user says
        (2, {"jobs": 8}, 8),
    ],
)
def test_number_of_workers(monkeypatch, cores, options, expected):
    monkeypatch.setattr("xdistill.distributed.local.cores", lambda: cores)
    assert workers(**options) == expected


def workers(*, jobs=None, threads=1, folds=8):
    executor = LocalExecutor(LocalExecutor.Config(jobs=jobs))
    return executor.workers([Job(f"fold {fold}", None, cpus=threads) for fold in range(folds)])
