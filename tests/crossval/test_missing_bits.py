"""Neither helpers, streaming nor interruptions change the bits, whatever is missing and whatever the control."""

import pytest
import torch

from crossval.missing_runs import first_fold, fold_run, incomplete
from tiny import tiny
from xdistill.crossval.events import EpochEnded
from xdistill.training.checkpoint import Checkpointer

TWO_EPOCHS = tiny()["stages"]
CASES = {
    "skip": {"missing": "skip"},
    "shuffled": {"missing": {"use": "modality_dropout", "rate": 0.5}, "control": "shuffled_privileged"},
    "smoothed": {"missing": "skip", "control": "label_smoothing"},
    "constant": {"missing": "leave_out", "control": "constant_teacher"},
}


def predictions(fold):
    return (fold / "predictions.csv").read_bytes()


@pytest.mark.parametrize("case", ["skip", "shuffled"])
def test_loader_processes_and_streaming_change_nothing(case, tmp_path, shared_cache, catalog):
    plain = first_fold(incomplete(**CASES[case]), tmp_path / "plain", shared_cache, catalog)
    loader = {"batch_size": 8, "workers": 1, "memory_mb": 1}  # the cohort has 1.2 MB
    streamed = first_fold(incomplete(loader=loader, **CASES[case]), tmp_path / "streamed", shared_cache, catalog)
    assert predictions(streamed) == predictions(plain)


@pytest.mark.parametrize("case", list(CASES))
def test_after_an_interruption_it_goes_on_to_the_same_weights(case, tmp_path, shared_cache, catalog, monkeypatch):
    monkeypatch.setattr(Checkpointer, "due", lambda _self: True)
    recipe = incomplete(stages=TWO_EPOCHS, **CASES[case])
    whole = fold_run(recipe, tmp_path / "whole", shared_cache, catalog)
    epochs = [event for event in whole.events() if isinstance(event, EpochEnded)]
    broken = fold_run(recipe, tmp_path / "broken", shared_cache, catalog)
    events = broken.events()
    while len(broken.progress.history) < len(epochs) - 1:
        next(events)
    events.close()
    again = fold_run(recipe, tmp_path / "broken", shared_cache, catalog)
    gone_on = [event for event in again.events() if isinstance(event, EpochEnded)]
    assert len(gone_on) == 1
    for role, network in whole.context.networks.items():
        for name, value in network.state_dict().items():
            assert torch.equal(value, again.context.networks[role].state_dict()[name]), f"{role}.{name}"


def test_the_teacher_of_stages_one_after_the_other_is_the_recipes_own(tmp_path, shared_cache, catalog):
    stages = [
        {"name": "teach", "train": ["teacher"], "epochs": 1, "objective": [{"use": "focal", "on": "teacher"}]},
        {"name": "learn", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}, {"use": "class_kl"}]},
    ]
    found = []
    for control in (None, "constant_teacher"):
        fold = fold_run(tiny(stages=stages, control=control), tmp_path / str(control), shared_cache, catalog)
        list(fold.events())
        found.append(fold.context.networks)
    plain, constant = found
    for name, value in plain["teacher"].state_dict().items():
        assert torch.equal(value, constant["teacher"].state_dict()[name])
    assert any(
        not torch.equal(value, constant["student"].state_dict()[name])
        for name, value in plain["student"].state_dict().items()
    )
