"""What was changed after it was written: `run` trains it again and says so, readers refuse it by name."""

import json
import shutil

import pytest
from safetensors.torch import load_file

from tiny import tiny, trained
from xdistill.cli.progress import Lines, warnings
from xdistill.crossval.events import FoldDamaged, FoldFinished, ResultsDamaged
from xdistill.errors import RunError
from xdistill.models import load_model
from xdistill.runs import RunFolder, load_run
from xdistill.training.checkpoint import Checkpointer

RECIPE = tiny(teacher=None, privileged=None, transforms=[], stages=[
    {"name": "alone", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}]}
])  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory, shared_cache):
    return trained(RECIPE, runs=tmp_path_factory.mktemp("untouched"), cache=shared_cache)


@pytest.fixture
def folder(finished, tmp_path):
    """A copy that may be damaged, where the same recipe looks for its run."""
    place = tmp_path / "runs" / "tests" / "tiny" / finished.path.name
    shutil.copytree(finished.path, place)
    return RunFolder(place)


def again(tmp_path, cache):
    """Run the recipe again; the run and the events."""
    seen = []
    return trained(RECIPE, runs=tmp_path / "runs", cache=cache, on_event=seen.append), seen


def of(seen, kind):
    return [event for event in seen if isinstance(event, kind)]


def same_results(one, other):
    return one.folder.predictions.read_bytes() == other.folder.predictions.read_bytes() and one.summary == other.summary


def edit(path, change):
    path.write_bytes(change(path.read_bytes()))


def to_running(folder):
    record = json.loads(folder.record.read_text())
    folder.record.write_text(json.dumps({**record, "status": "running"}))


def swap(folder):
    one, other = folder.fold("r0-f0"), folder.fold("r0-f1")
    one.rename(one.with_name("x"))
    other.rename(one)
    one.with_name("x").rename(other)


def flip_weight(content):
    return content[:-3] + bytes([content[-3] ^ 1]) + content[-2:]


def without_last_line(content):
    return content[: content.rstrip().rindex(b"\n") + 1]


def test_an_untouched_run_is_shown_at_once(finished, folder, tmp_path, shared_cache):
    run, seen = again(tmp_path, shared_cache)
    assert run.path == folder.path
    assert run.sealed
    assert run.notes == ()
    assert not of(seen, (FoldDamaged, ResultsDamaged, FoldFinished))
    assert same_results(run, finished)


def test_a_line_removed_from_a_fold_of_a_run_that_goes_on(finished, folder, tmp_path, shared_cache):
    edit(folder.fold("r0-f1") / "predictions.csv", without_last_line)
    to_running(folder)
    run, seen = again(tmp_path, shared_cache)
    (damaged,) = of(seen, FoldDamaged)
    assert damaged.fold == "r0-f1"
    assert "r0-f1/predictions.csv: the file has changed since it was written" in damaged.reason
    assert [event.fold for event in of(seen, FoldFinished)] == ["r0-f1"]
    assert same_results(run, finished)
    assert len(run.predictions.pooled("student").subjects) == 30


def test_two_folds_exchanged(finished, folder, tmp_path, shared_cache):
    swap(folder)
    with pytest.raises(RunError, match=r"folds/r0-f0/checksums\.json: the file has changed"):
        load_run(folder.path)
    run, seen = again(tmp_path, shared_cache)
    assert [event.fold for event in of(seen, FoldDamaged)] == ["r0-f0", "r0-f1"]
    assert "fold.json: does not belong to repeat 0, fold 0" in of(seen, FoldDamaged)[0].reason
    assert same_results(run, finished)


def test_a_fold_of_another_run(folder, tmp_path, shared_cache):
    other = trained({**RECIPE, "seed": 1}, runs=tmp_path / "runs", cache=shared_cache)
    shutil.rmtree(folder.fold("r0-f2"))
    shutil.copytree(other.folder.fold("r0-f2"), folder.fold("r0-f2"))
    with pytest.raises(RunError, match=r"folds/r0-f2/checksums\.json"):
        load_run(folder.path)
    _, seen = again(tmp_path, shared_cache)
    (damaged,) = of(seen, FoldDamaged)
    assert damaged.reason.endswith(f"belongs to the run {other.path.name!r}, not to {folder.path.name!r}")


def test_edited_predictions_of_a_finished_run(finished, folder, tmp_path, shared_cache):
    edit(folder.predictions, lambda content: content.replace(b"0.", b"0.0", 1))
    folder.report.write_text("drawn from the edited predictions")
    with pytest.raises(RunError, match=r"predictions\.csv: the file has changed since it was written .*; restore"):
        load_run(folder.path)
    run, seen = again(tmp_path, shared_cache)
    (damaged,) = of(seen, ResultsDamaged)
    assert "predictions.csv: the file has changed" in damaged.reason
    assert not of(seen, FoldFinished), "the folds are as they were"
    assert not folder.report.exists()
    assert same_results(run, finished)


def test_a_changed_weight(finished, folder, tmp_path, shared_cache):
    edit(folder.fold("r0-f0") / "student.safetensors", flip_weight)
    for refused in (lambda: load_model(folder.path), lambda: load_run(folder.path, thorough=True)):
        with pytest.raises(RunError, match=r"r0-f0/student\.safetensors: the file has changed"):
            refused()
    run, seen = again(tmp_path, shared_cache)
    assert [event.fold for event in of(seen, FoldDamaged)] == ["r0-f0"]
    assert same_results(run, finished)
    load_model(folder.path)


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("record.json", lambda content: content.replace(b'"synthetic": true', b'"synthetic": false')),
        ("splits.json", lambda content: content + b"\n"),
        ("folds/r0-f1/history.csv", lambda content: content.replace(b"alone", b"other")),
        ("folds/r0-f1/transforms.json", lambda content: content + b" "),
        ("folds/r0-f1/checksums.json", lambda _: b"[]"),
        ("folds/r0-f1/checksums.json", lambda _: b'{"sha256": {}}'),
        ("checksums.json", lambda content: content.replace(b"record.json", b"../record.json")),
        ("checksums.json", lambda _: b'{"sha256": {}}'),
    ],
)
def test_any_other_file(finished, folder, tmp_path, shared_cache, name, change):
    edit(folder.path / name, change)
    with pytest.raises(RunError, match=name):
        load_run(folder.path)
    run, seen = again(tmp_path, shared_cache)
    assert of(seen, (FoldDamaged, ResultsDamaged))
    assert same_results(run, finished)
    assert run.record["cohort"]["synthetic"]


@pytest.mark.parametrize("content", ["[]", "{", '{"format": "xdistill-run", "format_version": 1}', "[" * 100_000])
def test_a_record_that_is_none(finished, folder, tmp_path, shared_cache, content):
    folder.record.write_text(content)
    run, seen = again(tmp_path, shared_cache)
    assert "record.json" in of(seen, ResultsDamaged)[0].reason
    assert same_results(run, finished)


def test_stopped_before_the_checksums_were_written(finished, folder, tmp_path, shared_cache):
    folder.checksums.unlink()
    with pytest.raises(RunError, match="this run is not finished; rerun the command"):
        load_run(folder.path)
    run, seen = again(tmp_path, shared_cache)
    assert not of(seen, (FoldDamaged, ResultsDamaged, FoldFinished)), "nothing was damaged"
    assert same_results(run, finished)


def test_a_link_in_place_of_a_file(folder, tmp_path):
    (folder.predictions).rename(tmp_path / "elsewhere.csv")
    folder.predictions.symlink_to(tmp_path / "elsewhere.csv")
    with pytest.raises(RunError, match=r"predictions\.csv: the file has changed"):
        load_run(folder.path)


def test_damage_is_printed_even_if_quiet(capsys):
    events = (FoldDamaged("r0-f1", "x.csv: changed"), ResultsDamaged("runs/a", "y.csv: changed"))
    for listen in (warnings, Lines().listen):
        for event in events:
            listen(event)
        assert capsys.readouterr().err.splitlines() == [
            "warning: r0-f1 is damaged and is trained again: x.csv: changed",
            "warning: the results are damaged and are computed again from the folds: y.csv: changed",
        ]


def test_a_checkpoint_that_cannot_be_resumed_from_is_dropped_and_the_fold_starts_again(
    finished, folder, tmp_path, shared_cache
):
    weights = {"student": load_file(folder.fold("r0-f2") / "student.safetensors")}
    untrained = {"stage": 0, "epoch": 1, "history": [], "losses": {}, "best": None, "reused": [], "training": {}}
    states = {"r0-f0": {}, "r0-f1": {"epoch": 1}, "r0-f2": {**untrained, "networks": weights}}
    for name, state in states.items():
        shutil.rmtree(folder.fold(name))
        Checkpointer(folder.partial(name) / "checkpoint.pt", finished.path.name).save(state)
    edit(folder.partial("r0-f1") / "checkpoint.pt", flip_weight)
    run, seen = again(tmp_path, shared_cache)
    reasons = {event.fold: event.reason for event in of(seen, FoldDamaged)}
    assert "has no state to resume from (KeyError: 'networks')" in reasons["r0-f0"]
    assert "its SHA-256 differs" in reasons["r0-f1"]
    assert "has no state to resume from (KeyError: 'callbacks')" in reasons["r0-f2"]
    assert same_results(run, finished)
    assert not list(folder.path.rglob("*.partial"))
