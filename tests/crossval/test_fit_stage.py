"""A stage that fits: what reaches an estimator, what is kept, and what is refused while it runs."""

import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import xdistill
from crossval.fitting import fold_run, on_features, on_the_table
from xdistill.crossval.events import EpochEnded, FoldStarted
from xdistill.crossval.fit_stage import _fit
from xdistill.errors import DataError, NonFiniteLossError, PluginError, SettingsError
from xdistill.training.shapes import evaluating

TESTS = Path(__file__).parent.parent


@pytest.fixture
def fold(tmp_path, shared_cache, catalog):
    return fold_run(on_features(), tmp_path / "run", shared_cache, catalog)


@pytest.fixture
def at_the_fit(fold):
    """The fold and the stage, its features learned."""
    for event in fold.events():
        if isinstance(event, EpochEnded) and event.done == 2:
            break
    return fold, fold.context.experiment.stages[1]


def weights(fold):
    return fold.context.networks["student"].state_dict()


def test_an_estimator_gets_the_frozen_vectors_of_the_training_subjects_in_order(fold):
    list(fold.events())
    student = fold.context.networks["student"]
    batch = fold.context.source.batch(
        fold.context.training, student.inputs, target=True
    )  # all at once, and not augmented
    with evaluating(student):
        vectors = student(fold.context.prepare(batch).restricted_to(student.inputs)).features["fused"]
    again = fold.context.experiment.networks["student"].build(schema=fold.context.facts.schema).head
    again.fit(vectors, batch.target, seed=0)
    assert len(fold.context.training) == 20
    for name, learned in student.head.state_dict().items():
        torch.testing.assert_close(learned, again.state_dict()[name], rtol=1e-3, atol=1e-4)
    assert student.head.weight.any()


def test_the_network_is_handed_its_modalities_alone_and_no_target(at_the_fit):
    fold, stage = at_the_fit
    student, seen = fold.context.networks["student"], []
    student.register_forward_pre_hook(
        lambda network, handed: seen.append((handed[0], network.training, torch.is_grad_enabled()))
    )
    before = {name: value.clone() for name, value in weights(fold).items()}
    _fit(fold.context, stage, "student.head")
    assert [(batch.target, training, learns) for batch, training, learns in seen] == [(None, False, False)]
    assert set(seen[0][0].inputs) == {"hbp", "pre"}
    assert seen[0][0].subjects == tuple(fold.context.source.cohort.subjects[row] for row in fold.context.training)
    changed = {name for name, value in weights(fold).items() if not torch.equal(value, before[name])}
    assert {name.partition(".")[0] for name in changed} == {"head"}


def test_a_fit_counts_as_one_epoch_with_its_seconds(fold):
    events = [event for event in fold.events() if isinstance(event, EpochEnded)]
    assert [(event.stage, event.epoch, event.done) for event in events] == [
        ("features", 1, 1),
        ("features", 2, 2),
        ("fit", 1, 3),
    ]
    assert fold.context.experiment.epochs == 3
    last = fold.progress.history[-1]
    assert (last["stage"], last["epoch"], set(last)) == ("fit", 1, {"stage", "epoch", "seconds"})
    assert last["seconds"] > 0
    assert (dict(events[-1].losses), events[-1].lr) == ({}, 0.0)


KILLED = """
import os, signal, sys
from pathlib import Path
sys.path.insert(0, sys.argv[1])
from crossval.fitting import on_features, fold_run
from xdistill.crossval.events import EpochEnded
from xdistill.plugin import load_catalog
fold = fold_run(on_features(), Path(sys.argv[2]), Path(sys.argv[3]), load_catalog())
for event in fold.events():
    if isinstance(event, EpochEnded) and event.done == int(sys.argv[4]):
        os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.slow
def test_killed_before_a_fit_it_goes_on_to_the_same_bits(fold, tmp_path, shared_cache, catalog):
    list(fold.events())
    folder = tmp_path / "killed"
    command = [sys.executable, "-c", KILLED, str(TESTS), str(folder), str(shared_cache), "2"]
    ended = subprocess.run(command, check=False)
    assert ended.returncode == -signal.SIGKILL
    second = fold_run(on_features(), folder, shared_cache, catalog)
    events = list(second.events())
    assert events[0] == FoldStarted("r0-f0", done=2)
    assert [event.stage for event in events[1:]] == ["fit"]
    assert len(second.progress.history) == 3
    for name, value in weights(fold).items():
        assert torch.equal(value, weights(second)[name]), name


def test_what_was_fitted_is_not_fitted_again(fold, tmp_path, shared_cache, catalog):
    list(fold.events())
    second = fold_run(on_features(), tmp_path / "run", shared_cache, catalog)
    assert list(second.events()) == [FoldStarted("r0-f0", done=3)]
    assert torch.equal(weights(second)["head.weight"], weights(fold)["head.weight"])


def test_a_class_without_training_subjects(at_the_fit):
    fold, stage = at_the_fit
    targets = np.asarray(fold.context.source.cohort.targets)[fold.context.training]
    context = replace(fold.context, training=fold.context.training[targets != 2])
    with pytest.raises(
        DataError, match=r"student.head cannot be fitted in fold r0-f0, stage 'fit': .* has class 'M2'; use fewer folds"
    ):
        _fit(context, stage, "student.head")


def test_vectors_that_are_not_finite_name_their_subjects(at_the_fit):
    fold, stage = at_the_fit
    row = fold.context.training[3]
    fold.context.source._tensors["hbp"][row] = float("nan")
    with pytest.raises(NonFiniteLossError, match="for 1 of 20 training subjects") as caught:
        _fit(fold.context, stage, "student.head")
    assert f"({fold.context.source.cohort.subjects[row]})" in str(caught.value)


@pytest.mark.parametrize(
    ("raised", "error", "words"),
    [
        (SettingsError("too few steps"), DataError, "student.head cannot be fitted in fold r0-f0, .*: too few steps"),
        (ValueError("oops"), PluginError, "'logistic_regression' of student.head failed .*: ValueError: oops"),
    ],
)
def test_an_estimator_that_fails_is_named(at_the_fit, raised, error, words):
    fold, stage = at_the_fit

    def fail(*_arguments, **_named):
        raise raised

    fold.context.networks["student"].head.fit = fail
    with pytest.raises(error, match=words):
        _fit(fold.context, stage, "student.head")


def test_a_run_without_any_gradient(tmp_path, shared_cache):
    result = xdistill.run(on_the_table(), runs=tmp_path, cache=shared_cache)
    assert [(row.stage, row.epoch, set(row.values)) for row in result.history] == [("fit", 1, {"seconds"})] * 3
    assert result.summary["student"]["auc_ovo"]["mean"] > 0.5
    assert result.folder.report.is_file()
    assert xdistill.run(result.record["recipe"], runs=tmp_path, cache=shared_cache).path == result.path
