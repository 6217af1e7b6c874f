"""Whole runs of the tiny recipe in real worker processes."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import xdistill
from held_folds import held, is_held, let_go
from tiny import tiny, trained
from waiting import until_ended
from xdistill.crossval.events import EpochEnded, FoldRestarted, FoldStarted, RunStarted
from xdistill.errors import DataError, NonFiniteLossError, RecipeError, RunError
from xdistill.runs.files import read_json

TESTS = Path(__file__).parent.parent


def run(tmp_path, shared_cache, name="runs", on_event=None, **changes):
    return trained(tiny(**changes), runs=tmp_path / name, cache=shared_cache, on_event=on_event)


def predictions(result):
    return (result.path / "predictions.csv").read_bytes()


@pytest.fixture(scope="module")
def reference(tmp_path_factory, shared_cache):
    return xdistill.run(tiny(), runs=tmp_path_factory.mktemp("reference") / "runs", cache=shared_cache)


def test_a_run_leaves_what_it_should(reference):
    assert reference.record["status"] == "finished"
    assert reference.record["privileged"] == ["clinical"]
    assert reference.record["cohort"]["synthetic"] is True
    assert {path.name for path in (reference.path / "folds" / "r0-f0").iterdir()} == {
        "student.safetensors",
        "teacher.safetensors",
        "transforms.json",
        "history.csv",
        "predictions.csv",
        "fold.json",
        "checksums.json",
    }
    assert reference.folder.report.is_file()
    assert len(reference.predictions.pooled("student").subjects) == 30
    assert set(reference.summary) == {"student", "teacher"}
    assert {row.fold for row in reference.history} == {"r0-f0", "r0-f1", "r0-f2"}
    assert "focal:teacher" in reference.history[0].values


def test_a_finished_run_is_shown_at_once(reference, shared_cache):
    seen = []
    again = xdistill.run(tiny(), runs=reference.path.parent.parent.parent, cache=shared_cache, on_event=seen.append)
    assert again.path == reference.path
    assert not [event for event in seen if isinstance(event, (RunStarted, EpochEnded))]


def test_the_bits_do_not_depend_on_the_number_of_workers(reference, tmp_path, shared_cache):
    one = run(
        tmp_path,
        shared_cache,
        executor={"use": "local", "jobs": 2},
        loader={"batch_size": 8, "workers": 2},
    )
    assert predictions(one) == predictions(reference)
    assert one.path.name == reference.path.name  # neither is part of a run's identity


def test_the_bits_do_not_depend_on_batches_prepared_ahead(reference, tmp_path, shared_cache):
    ahead = run(tmp_path, shared_cache, loader={"batch_size": 8, "prefetch": True})
    assert predictions(ahead) == predictions(reference)
    assert ahead.path.name == reference.path.name


def test_compiling_is_part_of_the_recipe_and_wants_one_device():
    from xdistill.recipe.load import as_loaded

    compiled = as_loaded(tiny(compute={"compile": True})).recipe
    assert compiled.model_dump()["compute"]["compile"]
    assert "compile" not in as_loaded(tiny()).recipe.model_dump()["compute"]
    with pytest.raises(RecipeError, match=r"`compile` does not support several devices; leave out `compute\.compile`"):
        as_loaded(tiny(compute={"compile": True, "devices": 2}))


def test_the_bits_do_not_depend_on_streaming(tmp_path, shared_cache):
    changes = {
        "data": {"use": "hcc_phantom", "subjects": 90, "shape": [8, 16, 16]},  # 1.4 MB
        "stages": [{**tiny()["stages"][0], "epochs": 1}],
    }
    whole = run(tmp_path, shared_cache, "whole", **changes)
    assert not streams(whole, shared_cache, memory_mb=4096)
    assert streams(whole, shared_cache, memory_mb=1)
    streamed = run(tmp_path, shared_cache, "streamed", loader={"batch_size": 8, "memory_mb": 1}, **changes)
    assert predictions(streamed) == predictions(whole)


def streams(result, shared_cache, *, memory_mb):
    from xdistill.data import FittedTransforms, open_cohort
    from xdistill.training.source import Source

    cohort = open_cohort(shared_cache / f"hcc_phantom-{result.record['cohort']['key'][:16]}.h5")
    return not Source(cohort, FittedTransforms(cohort.schema, ()), ("hbp", "pre"), memory_mb=memory_mb).in_memory


def test_dropout_does_not_depend_on_the_number_of_workers(tmp_path, shared_cache):
    student = {**tiny()["student"], "head": {"hidden": [8], "dropout": 0.5}}
    stages = [{"name": "alone", "train": ["student"], "epochs": 2, "objective": [{"use": "focal"}]}]
    results = [
        run(
            tmp_path,
            shared_cache,
            str(workers),
            teacher=None,
            privileged=None,
            student=student,
            stages=stages,
            loader={"batch_size": 8, "workers": workers},
        )
        for workers in (0, 1)
    ]
    assert predictions(results[0]) == predictions(results[1])


def test_scoring_leaves_every_part_in_its_mode():
    """A part that is trained within a frozen network has to be trained on after the validation subjects were scored."""
    import torch

    from xdistill.training.model import set_modes
    from xdistill.training.shapes import evaluating

    network = torch.nn.Sequential(torch.nn.BatchNorm1d(2), torch.nn.Dropout())
    set_modes({"student": network}, ["student.0"])
    with evaluating(network):
        assert not network[0].training
    assert [network.training, network[0].training, network[1].training] == [False, True, False]


def test_a_fresh_run_writes_everything_anew(tmp_path, shared_cache):
    stage = {**tiny()["stages"][0], "epochs": 1}
    first = run(tmp_path, shared_cache, stages=[stage])
    before = predictions(first)
    first.folder.report.write_text("an old page")
    (first.path / "folds" / "r0-f0" / "fold.json").unlink()
    fresh = xdistill.run(tiny(stages=[stage]), runs=tmp_path / "runs", cache=shared_cache, fresh=True)
    assert "<html" in fresh.folder.report.read_text()
    assert predictions(fresh) == before
    assert fresh.record["networks"]["teacher"]["parameters"] > fresh.record["networks"]["student"]["parameters"]


def test_another_seed_gives_other_predictions_and_another_folder(reference, tmp_path, shared_cache):
    other = run(tmp_path, shared_cache, seed=1)
    assert predictions(other) != predictions(reference)
    assert other.path.name != reference.path.name


LONG = {**tiny()["stages"][0], "epochs": 6}

# After five epochs it listens no more, so that it cannot finish before it is killed; its workers go on.
DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
from tiny import tiny
import xdistill
from xdistill.crossval.events import EpochEnded
stage = {**tiny()["stages"][0], "epochs": 6}
epochs = []
def say(event):
    epochs.extend([event] if isinstance(event, EpochEnded) else [])
    print(type(event).__name__, flush=True)
    if len(epochs) == 5:
        sys.stdin.read()
recipe = tiny(stages=[stage], executor={"use": "local", "jobs": 2})
xdistill.run(recipe, runs=sys.argv[2], cache=sys.argv[3], on_event=say)
"""


@pytest.fixture(scope="module")
def long_reference(tmp_path_factory, shared_cache):
    return run(tmp_path_factory.mktemp("long"), shared_cache, stages=[LONG])


def workers_of(driver):
    children = Path(f"/proc/{driver}/task/{driver}/children").read_text().split()
    return [int(child) for child in children]


def test_killed_with_everything_it_goes_on_to_the_same_bits(long_reference, tmp_path, shared_cache):
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, str(TESTS), str(tmp_path / "runs"), str(shared_cache)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    epochs = 0
    for line in driver.stdout:
        epochs += line.strip() == "EpochEnded"
        if epochs == 5:
            break
    workers = workers_of(driver.pid)
    assert workers
    os.kill(driver.pid, signal.SIGKILL)
    driver.communicate()
    until_ended(workers)
    assert not list((tmp_path / "runs").rglob("predictions.csv.tmp"))

    seen = []
    result = run(tmp_path, shared_cache, stages=[LONG], on_event=seen.append)
    started = {event.fold: event.done for event in seen if isinstance(event, FoldStarted)}
    finished = next(event for event in seen if isinstance(event, RunStarted)).finished
    assert finished or any(started.values()), "something was kept"
    assert predictions(result) == predictions(long_reference)


@pytest.mark.slow
@pytest.mark.usefixtures("fresh_workers")
def test_a_killed_worker_is_replaced_and_its_fold_goes_on(long_reference, tmp_path, shared_cache):
    seen = []

    def listen(event):
        seen.append(event)
        if is_held(event) and not any(map(is_held, seen[:-1])):
            os.kill(workers_of(os.getpid())[-1], signal.SIGKILL)
            let_go(next(event for event in seen if isinstance(event, RunStarted)).path)

    with held():
        result = run(tmp_path, shared_cache, stages=[LONG], on_event=listen)
    restarted = [event for event in seen if isinstance(event, FoldRestarted)]
    assert len(restarted) == 1
    assert "SIGKILL" in restarted[0].reason
    again = [event.done for event in seen if isinstance(event, FoldStarted) and event.fold == restarted[0].fold]
    assert again[0] == 0
    assert again[-1] > 0
    assert predictions(result) == predictions(long_reference)


def test_the_student_never_touches_the_privileged_modality(reference, shared_cache):
    """Replace every clinical value by NaN at evaluation: the student's predictions are bit-identical."""
    from safetensors.torch import load_file

    from xdistill.data import Splits, TrainingView, fit_transforms, open_cohort
    from xdistill.distributed.fabric import make_fabric
    from xdistill.experiment.assemble import assemble
    from xdistill.experiment.networks import build_networks
    from xdistill.plugin import load_catalog
    from xdistill.recipe.load import as_loaded
    from xdistill.training.evaluate import predict
    from xdistill.training.loader import channels_last
    from xdistill.training.source import Source

    experiment = assemble(as_loaded(reference.record["recipe"]), load_catalog())
    cohort = open_cohort(next(shared_cache.glob("hcc_phantom-*.h5")))
    split = Splits.from_json(read_json(reference.folder.splits)).fold(0, 0)
    transforms = fit_transforms(experiment.transforms, TrainingView(cohort, split))
    networks = build_networks(experiment.networks, transforms.schema, seed=0)
    for role, network in networks.items():
        network.load_state_dict(load_file(reference.path / "folds" / "r0-f0" / f"{role}.safetensors"))
    source = Source(cohort, transforms, experiment.modalities, memory_mb=1000)
    source._tensors["clinical"].fill_(float("nan"))

    def in_layout(batch):
        return replace(batch, inputs={name: channels_last(value) for name, value in batch.inputs.items()})

    def scored(role):
        return predict(
            networks[role],
            source,
            np.asarray(cohort.rows_of(split.test), dtype=np.int64),
            fabric=make_fabric(experiment.recipe.compute),
            batch_size=32,
            prepare=in_layout,
        )

    assert np.array_equal(scored("student"), reference.predictions.of("student")[0].probabilities)
    with pytest.raises(NonFiniteLossError, match="not finite for 10 of 10 subjects"):
        scored("teacher")  # the control: a network that does see them notices


def test_what_the_networks_are_handed_in_training():
    """The student's batch holds its own modalities and no target, in training too."""
    import torch

    from xdistill.interfaces.network import Student, Teacher
    from xdistill.training.model import DistillationModel, Opaque
    from xdistill.types import Batch, Output, Schema

    handed = {}

    class Spy(Teacher, Student):
        name = "spy"

        def __init__(self, role, inputs):
            super().__init__(None, schema=Schema({}, ("a", "b")))
            self.role, self.inputs = role, inputs
            self.weight = torch.nn.Parameter(torch.ones(2))

        def forward(self, batch):
            handed[self.role] = batch
            return Output(self.weight.expand(len(batch), 2))

    class Sum(torch.nn.Module):
        roles = ("teacher", "student")
        needs_grad = False
        active = ()

        def total(self, values):
            return values["sum"]

        def sizes(self, labels, batch, taught=None):
            return dict.fromkeys(labels, len(batch))

        def forward(self, outputs, batch, taught=None):
            return {"sum": outputs["student"].logits.sum() + outputs["teacher"].logits.sum()}

    networks = {"teacher": Spy("teacher", ("x", "z")), "student": Spy("student", ("x",))}
    model = DistillationModel(networks, Sum(), ["student"])
    batch = Batch(
        inputs={"x": torch.zeros(3, 1), "z": torch.zeros(3, 1)},
        present={"x": torch.ones(3, dtype=torch.bool), "z": torch.ones(3, dtype=torch.bool)},
        subjects=("s0", "s1", "s2"),
        target=torch.zeros(3, dtype=torch.int64),
    )
    model(Opaque(batch))
    assert set(handed["student"].inputs) == {"x"}
    assert set(handed["student"].present) == {"x"}
    assert handed["student"].target is None
    assert set(handed["teacher"].inputs) == {"x", "z"}
    assert handed["teacher"].target is None


def test_a_loss_that_is_not_finite_names_subjects_stage_epoch_and_term(tmp_path, shared_cache):
    stage = {**tiny()["stages"][0], "optimizer": {"lr": 1e30, "clip_norm": None, "schedule": "constant"}}
    with pytest.raises(NonFiniteLossError) as caught:
        run(tmp_path, shared_cache, stages=[stage])
    text = str(caught.value)
    for part in ("stage 'joint'", "epoch ", "subjects of the batch: ", "focal:"):
        assert part in text


def test_missing_values_without_a_transform(tmp_path, shared_cache):
    with pytest.raises(DataError, match="`clinical` has missing values, and the recipe has no transform"):
        run(tmp_path, shared_cache, transforms=[])


def test_a_folder_that_cannot_be_written(tmp_path, shared_cache):
    (tmp_path / "runs").write_text("a file is in the way")
    with pytest.raises(RunError, match="choose another with --runs"):
        run(tmp_path, shared_cache)


def test_offline_training_freezes_the_teacher(tmp_path, shared_cache):
    """Teacher first, then the student from a frozen teacher: a recipe, not a branch in the trainer."""
    stages = [
        {"name": "teacher", "train": ["teacher"], "epochs": 1, "objective": [{"use": "focal", "on": "teacher"}]},
        {
            "name": "student",
            "train": ["student"],
            "epochs": 2,
            "objective": [{"use": "focal"}, {"use": "class_kl", "temperature": 4.0, "weight": 0.9}],
        },
    ]
    alone = run(tmp_path, shared_cache, stages=[*stages[:1], {**stages[1], "epochs": 1}], name="one")
    both = run(tmp_path, shared_cache, stages=stages, name="two")
    for fold in ("r0-f0", "r0-f1"):
        weights = [(one.path / "folds" / fold / "teacher.safetensors").read_bytes() for one in (alone, both)]
        assert weights[0] == weights[1], "the teacher is as its own stage left it"


def test_parts_are_trained_stage_by_stage(tmp_path, shared_cache):
    stages = [
        {"name": "all", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}]},
        {"name": "head", "train": ["student.head"], "epochs": 1, "objective": [{"use": "focal"}]},
    ]
    from safetensors.torch import load_file

    one = run(tmp_path, shared_cache, teacher=None, privileged=None, stages=stages[:1], name="one")
    two = run(tmp_path, shared_cache, teacher=None, privileged=None, stages=stages, name="two")
    before, after = (load_file(result.path / "folds" / "r0-f0" / "student.safetensors") for result in (one, two))
    changed = {name.split(".")[0] for name in before if not before[name].equal(after[name])}
    assert changed == {"head"}
    assert set(one.summary) == {"student"}


def test_validation_chooses_the_epoch(tmp_path, shared_cache):
    result = run(tmp_path, shared_cache, crossval={"folds": 3, "validation": 0.25})
    assert all("validation_log_loss" in row.values for row in result.history)
