"""Submitting runs: what a record holds, what it keeps to itself, and which runs are refused."""

from __future__ import annotations

import json
import re
import shutil

import numpy as np
import pytest

from bench.tiny_benchmark import write_benchmark
from bench.toy_runs import make_run
from xdistill.bench.load import load_benchmark
from xdistill.bench.records.record import read_record
from xdistill.bench.records.splits_file import read_splits
from xdistill.bench.records.submit import submit
from xdistill.bench.records.verify import verify_records
from xdistill.errors import RecipeError, RunError
from xdistill.runs import load_run
from xdistill.runs.integrity import seal_fold, seal_run


@pytest.fixture
def elsewhere(small, tmp_path, catalog):
    """Makes a run of an entry of the small benchmark, in a folder of its own."""

    def make(entry="kd", benchmark=small, **options):
        place = tmp_path / "elsewhere" / str(len(list(tmp_path.glob("elsewhere/*"))))
        return load_run(make_run(place, benchmark, entry, catalog, **options))

    return make


def edit(path, **changes):
    path.write_text(json.dumps(json.loads(path.read_text()) | changes))


def test_a_record(small, elsewhere, catalog):
    run = elsewhere(teacher=2.0)
    done = submit(run, small, "kd", catalog=catalog)
    assert done.folder == small.records / "kd"
    assert done.changed
    facts = json.loads((done.folder / "record.json").read_text())
    assert (facts["format"], facts["format_version"]) == ("xdistill-record", 1)
    assert (facts["entry"], facts["seed"], facts["run"]) == ("kd", 0, "0a1b2c3d4e5f")
    assert facts["cohort"]["title"] == "Thirty made-up patients"
    splits = read_splits(small.records)
    assert [len(fold.test) for fold in splits.folds] == [10, 10, 10]
    assert [fold.train for fold in splits.folds] == [20, 20, 20]
    assert splits.targets == tuple(number % 3 for number in range(30))
    assert splits.subjects[:3] == ("00", "01", "02")
    assert (small.records / ".gitattributes").read_text().endswith("* -text\n")
    record = read_record(done.folder, splits)
    assert record.predictions.roles() == ("student", "teacher")
    assert verify_records(small).problems == ()


def test_predictions_are_those_of_the_run_but_for_rounding(small, elsewhere, catalog):
    run = elsewhere()
    folder = submit(run, small, "kd", catalog=catalog).folder
    ours = read_record(folder, read_splits(small.records)).predictions.of("student")
    for fold, theirs in zip(ours, run.predictions.of("student"), strict=True):
        ranks = [f"{int(subject.removeprefix('Patient-')):02d}" for subject in theirs.subjects]
        order = np.argsort(ranks)
        assert fold.subjects == tuple(sorted(ranks))
        assert np.allclose(fold.probabilities, theirs.probabilities[order], rtol=5.1e-6, atol=0)
        assert np.allclose(fold.probabilities.sum(axis=1), 1, atol=2e-6)
        assert (fold.target == theirs.target[order]).all()


def test_it_names_no_subject_and_no_folder(small, elsewhere, catalog):
    run = elsewhere(a_patient=2)
    recipe = json.loads((run.path / "record.json").read_text())["recipe"]
    recipe["student"]["weights"] = "/home/somebody/secret/weights.pt"
    recipe["data"]["path"] = "C:\\Users\\somebody\\cohort.csv"
    recipe["inferred"] = ["~/somewhere/else"]
    edit(run.path / "record.json", recipe=recipe)
    done = submit(load_run(run.path), small, "kd", catalog=catalog)
    for file in small.records.rglob("*"):
        if file.is_file():
            text = file.read_text()
            assert not re.search("Patient-|family-|somebody|somewhere", text), file
    kept = json.loads((done.folder / "record.json").read_text())["recipe"]
    assert kept["student"]["weights"] == "weights.pt"
    assert kept["data"]["path"] == "cohort.csv"


def test_subjects_of_one_patient_stay_together(small, elsewhere, catalog):
    submit(elsewhere(a_patient=2), small, "kd", catalog=catalog)
    splits = read_splits(small.records)
    assert splits.patients[:6] == (0, 0, 1, 1, 2, 2)
    assert splits.patient_of["29"] == "14"


def test_a_run_that_does_not_say_who_belongs_together_is_refused(small, elsewhere, catalog):
    run = elsewhere(a_patient=2)
    splits = json.loads((run.path / "splits.json").read_text())
    del splits["patients"]
    (run.path / "splits.json").write_text(json.dumps(splits))
    with pytest.raises(RunError, match="several subjects belong to one patient"):
        submit(load_run(run.path), small, "kd", catalog=catalog)


def test_ids_are_kept_when_asked_for_and_fit_beside_ranks(small, elsewhere, catalog):
    submit(elsewhere("alone"), small, "alone", catalog=catalog)
    done = submit(elsewhere("kd", noise=2), small, "kd", catalog=catalog, keep_ids=True)
    assert "Patient-007" in (done.folder / "predictions.csv").read_text()
    assert "Patient-" not in (small.records / "alone" / "predictions.csv").read_text()
    verdict = verify_records(small)
    assert verdict.problems == ()
    subjects = [record.predictions.of("student")[0].subjects for record in verdict.records]
    assert subjects[0] == subjects[1]


def test_submitting_again(small, elsewhere, catalog):
    run = elsewhere()
    submit(run, small, "kd", catalog=catalog)
    assert not submit(run, small, "kd", catalog=catalog).changed
    other = elsewhere(noise=5, identity="ffffffffffff")
    with pytest.raises(RunError, match="already holds the record of run 0a1b2c3d4e5f; pass --replace"):
        submit(other, small, "kd", catalog=catalog)
    assert submit(other, small, "kd", catalog=catalog, replace=True).changed
    assert verify_records(small).problems == ()
    assert sorted(path.name for path in small.records.iterdir()) == [".gitattributes", "kd", "splits.json"]


def test_several_seeds(tmp_path, elsewhere, catalog):
    several = load_benchmark(write_benchmark(tmp_path / "several", seeds=[0, 1]))
    for seed in (0, 1):
        run = elsewhere(benchmark=several, seed=seed)
        assert submit(run, several, "kd", catalog=catalog).folder.name == f"kd.seed{seed}"
    with pytest.raises(RunError, match="its seed is 1, expected 0"):
        submit(run, several, "kd", catalog=catalog, seed=0)


@pytest.mark.parametrize(
    ("options", "entry", "message"),
    [
        ({"fingerprint": "ab" * 32}, "kd", "its cohort fingerprint is abababababab, but that of the records"),
        ({"split_seed": 1}, "kd", "its split hash is [0-9a-f]{12}, but that of the records"),
        ({}, "alone", "not a run of entry 'alone' of the benchmark 'small': `name` differs .*did you mean `kd`"),
        ({}, "teacher", "'teacher' is the teacher of 'kd': submit the run as 'kd'"),
    ],
)
def test_runs_of_something_else(small, elsewhere, catalog, *, options, entry, message):
    submit(elsewhere("alone"), small, "alone", catalog=catalog)
    with pytest.raises(RunError, match=message):
        submit(elsewhere("kd", **options), small, entry, catalog=catalog)
    assert sorted(path.name for path in small.records.iterdir()) == [".gitattributes", "alone", "splits.json"]


def test_an_entry_that_does_not_exist(small, elsewhere, catalog):
    with pytest.raises(RecipeError, match="the benchmark 'small' has no entry 'kdd'; did you mean `kd`"):
        submit(elsewhere(), small, "kdd", catalog=catalog)


def test_another_cross_validation_or_cohort(small, elsewhere, catalog):
    run = elsewhere(benchmark=small.with_splits(folds=2))
    with pytest.raises(RunError, match="`crossval` differs from the benchmark"):
        submit(run, small, "kd", catalog=catalog)
    recipe = json.loads((run.path / "record.json").read_text())["recipe"]
    edit(run.path / "record.json", recipe=recipe | {"data": recipe["data"] | {"seed": 9}})
    with pytest.raises(RunError, match="`crossval`"):
        submit(load_run(run.path), small, "kd", catalog=catalog)
    assert not small.records.exists()


def test_runs_that_are_not_whole(small, elsewhere, catalog):
    run = elsewhere()
    edit(run.path / "record.json", status="running")
    with pytest.raises(RunError, match="this run is not finished"):
        load_run(run.path)
    edit(run.path / "record.json", status="finished")
    rows = (run.path / "predictions.csv").read_text().splitlines(keepends=True)
    (run.path / "predictions.csv").write_text("".join(rows[:-1]))
    with pytest.raises(RunError, match=r"has 9 rows of the student in r0-f2, but splits\.json has 10"):
        submit(load_run(run.path), small, "kd", catalog=catalog)
    (run.path / "predictions.csv").write_text("".join(rows))
    shutil.copy(elsewhere(split_seed=3).path / "splits.json", run.path)
    with pytest.raises(RunError, match=r"belongs to other splits than record\.json"):
        submit(load_run(run.path), small, "kd", catalog=catalog)
    assert not small.records.exists()


def sealed(run):
    """The run as this version leaves it, with weights and checksums."""
    folds = [path.name for path in sorted((run.path / "folds").iterdir())]
    for name in folds:
        path = run.folder.fold(name)
        edit(path / "fold.json", run=run.record["id"])
        for file in ("history.csv", "student.safetensors", "transforms.json"):
            (path / file).write_bytes(b"x")
        seal_fold(path)
    seal_run(run.folder, run.record, folds)
    return load_run(run.path)


@pytest.mark.parametrize("name", ["predictions.csv", "record.json", "folds/r0-f1/student.safetensors"])
def test_a_run_that_was_changed_is_not_submitted(small, elsewhere, catalog, name):
    run = sealed(elsewhere())
    submit(run, small, "kd", catalog=catalog)
    path = run.path / name
    path.write_bytes(path.read_bytes() + b" ")
    with pytest.raises(RunError, match=f"{name}: the file has changed since it was written"):
        submit(run, small, "kd", catalog=catalog)


def test_a_run_without_its_folds_is_not_submitted(small, elsewhere, catalog):
    for run in (elsewhere(), sealed(elsewhere())):
        shutil.rmtree(run.path / "folds")
        with pytest.raises(RunError, match=r"folds/r0-f0/.*json"):
            submit(run, small, "kd", catalog=catalog)
    assert not small.records.exists()
