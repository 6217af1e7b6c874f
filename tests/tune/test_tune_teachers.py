"""Trials that differ in the student alone share the teachers of their inner splits; beyond a split nobody shares."""

from pathlib import Path

import pytest

from crossval.missing_runs import payload_of
from tune import searches
from xdistill.crossval.fold import run_fold
from xdistill.distillation.teacher_cache.store import FOLDER
from xdistill.runs import RunFolder, fold_name
from xdistill.runs.files import make_folder, read_json, write_json
from xdistill.tuning.search import worker

STAGES = [
    {"name": "teach", "train": ["teacher"], "epochs": 1, "objective": [{"use": "cross_entropy", "on": "teacher"}]},
    {"name": "learn", "train": ["student"], "epochs": 1, "objective": [{"use": "generalized", "imitation": 0.5}]},
]
OF_STUDENT = {
    "student.hidden": {"choices": [[], [4]]},
    "stages.learn.objective.generalized.imitation": {"choices": [0.2, 0.8]},
}
OF_BOTH = {"student.hidden": {"choices": [[], [4]]}, "teacher.hidden": {"choices": [[], [3]]}}


def offline(space):
    return searches.loaded(
        {"trials": 4, "space": space, "sampler": "grid", "pruner": "none"}, stages=STAGES, name="tests/offline"
    )


def teachers(cache):
    return sorted((cache / FOLDER / "teachers").iterdir())


@pytest.fixture
def folds(monkeypatch):
    """Of each inner fold of each trial: settings of the teacher, name of the split, and what was taken over."""
    seen, usual = [], worker.run_fold

    def run_fold(payload):
        yield from usual(payload)
        name = fold_name(payload["repeat"], payload["fold"])
        told = read_json(RunFolder(Path(payload["run"])).fold(name) / "fold.json")
        seen.append((str(payload["recipe"]["teacher"]["hidden"]), name, told.get("reused")))

    monkeypatch.setattr(worker, "run_fold", run_fold)
    return seen


@pytest.mark.parametrize(("space", "trained"), [(OF_STUDENT, 2), (OF_BOTH, 4)], ids=["student", "teacher"])
def test_each_teacher_is_trained_once_a_split(space, trained, catalog, tmp_path, folds):
    cache = tmp_path / "cache"
    list(searches.search(searches.study(offline(space), catalog, cache, tmp_path, flat=True)))
    assert len(folds) == 4 * 2
    met = set()
    for hidden, split, reused in folds:
        assert reused == (["teach"] if (hidden, split) in met else None)
        met.add((hidden, split))
    assert len(met) == trained == len(teachers(cache))


def test_no_search_meets_the_teachers_of_another_nor_the_run_those_of_searches(catalog, tmp_path, folds):
    cache = tmp_path / "cache"
    study = searches.study(offline(OF_STUDENT), catalog, cache, tmp_path)
    for count, search in enumerate(("r0-f0", "r0-f1"), start=1):
        folds.clear()
        list(searches.search(study, search))
        assert [reused for *_, reused in folds] == [None] * 2 + [["teach"]] * 6
        assert len(teachers(cache)) == 2 * count
    outer = searches.prepared(offline(OF_STUDENT), catalog, cache, tmp_path / "outer")
    make_folder(outer.folder.path)
    write_json(outer.folder.splits, outer.splits.to_json())
    for fold in range(2):
        list(run_fold(payload_of(outer, fold)))
        assert "reused" not in read_json(outer.folder.fold(f"r0-f{fold}") / "fold.json")
    assert len(teachers(cache)) == 2 * 2 + 2
