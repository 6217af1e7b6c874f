"""What a teacher may see, and runs on the split that the data come with."""

import json

import pytest

from tiny import trained
from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.recipe.load import as_loaded


def recipe(teacher, student, **changes):
    plain = {
        "name": "tests/lupi",
        "data": {"use": "lupi", "setting": "clean_labels", "features": 6, "train": 40, "test": 30},
        "teacher": {"use": "mlp", "inputs": teacher, "hidden": []},
        "student": {"use": "mlp", "inputs": student, "hidden": []},
        "stages": [
            {
                "name": "joint",
                "train": ["teacher", "student"],
                "epochs": 2,
                "objective": [
                    {"use": "cross_entropy", "on": "teacher"},
                    {"use": "cross_entropy", "on": "student"},
                    {"use": "class_kl"},
                ],
            }
        ],
        "crossval": {"official": True},
        "executor": {"use": "local", "jobs": 1},
    }
    return as_loaded({**plain, **changes})


def problems(loaded, catalog):
    with pytest.raises(RecipeError) as caught:
        assemble(loaded, catalog)
    return {problem.path: problem.message for problem in caught.value.problems}


@pytest.mark.parametrize(
    ("teacher", "student", "privileged"),
    [
        (["regular", "privileged"], ["regular"], ("privileged",)),
        (["privileged"], ["regular"], ("privileged",)),  # as in learning with privileged information
        (["regular"], ["regular"], ()),  # self-distillation
    ],
)
def test_a_teacher_may_see_what_its_student_does_or_something_else(teacher, student, privileged, catalog):
    experiment = assemble(recipe(teacher, student, privileged=list(privileged)), catalog)
    assert experiment.privileged == privileged
    assert experiment.summary()["splits"] == "official"


def test_a_teacher_that_sees_less_of_the_same_has_nothing_to_teach(catalog):
    found = problems(recipe(["regular"], ["regular", "privileged"]), catalog)
    assert "the teacher reads only modalities that the student reads as well, and not `privileged`" in found["student"]
    assert "give it a modality that the student lacks" in found["student"]


def test_a_privilege_that_the_teacher_does_not_have(catalog):
    found = problems(recipe(["regular"], ["regular"], privileged=["privileged"]), catalog)
    assert found == {"privileged": found["privileged"]}
    assert "`privileged` is privileged, but unused by the teacher" in found["privileged"]


def test_an_official_split_that_is_not_there(catalog):
    data = {"use": "digits", "subjects": 100}
    found = problems(recipe(["whole"], ["half"], data=data), catalog)
    assert found["crossval.official"] == "the data set has no official split; set `crossval.official: false`"


def test_a_run_on_the_official_split(tmp_path, shared_cache):
    result = trained(recipe(["privileged"], ["regular"]), runs=tmp_path, cache=shared_cache)
    splits = json.loads(result.folder.splits.read_text())["splits"]
    assert [(len(split["train"]), len(split["test"])) for split in splits] == [(40, 30)]
    pooled = result.predictions.pooled("student")
    assert len(pooled.subjects) == 30
    assert all(subject.startswith("test-") for subject in pooled.subjects)
    assert result.record["recipe"]["crossval"]["official"] is True
    assert len(result.summary["student"]["accuracy"]["folds"]) == 1
