"""The three recipes that a diagnosis runs."""

import pytest

from diagnosis.recipes import vectors
from tiny import tiny
from xdistill.diagnosis.recipes import alone_recipe, imitation_recipe, taught_recipe
from xdistill.errors import UserError
from xdistill.experiment.assemble import assemble
from xdistill.recipe.load import as_loaded, load_recipe
from xdistill.tasks import Classification

TASK = Classification(("no", "yes"))


def experiment(recipe, catalog):
    return assemble(as_loaded(recipe), catalog)


def stages(plain):
    """Name, networks and terms of each stage."""
    return [
        (stage["name"], stage["train"], [(term["use"], term.get("on")) for term in stage["objective"]])
        for stage in plain["stages"]
    ]


def test_a_joint_stage_is_taken_apart(catalog):
    plain = alone_recipe(experiment(tiny(), catalog), TASK)
    assert stages(plain) == [
        ("joint (teacher)", ["teacher"], [("focal", "teacher")]),
        ("joint", ["student"], [("focal", "student")]),
    ]
    assert plain["name"] == "diagnosis/tests/tiny/alone"
    assert experiment(plain, catalog).privileged == ("clinical",)


def test_a_student_that_only_distils_is_trained_on_the_labels(catalog):
    plain = alone_recipe(experiment(vectors(), catalog), TASK)
    assert stages(plain)[1] == ("learn", ["student"], [("cross_entropy", "student")])
    assert [stage["epochs"] for stage in plain["stages"]] == [4, 4]


def test_a_stage_of_hints_is_left_out_if_another_has_labels(catalog):
    teach, learn = vectors()["stages"]
    hint = {**learn, "name": "hint"}
    labelled = {**learn, "objective": [{"use": "cross_entropy"}, {"use": "class_kl"}]}
    plain = alone_recipe(experiment(vectors(stages=[teach, hint, labelled]), catalog), TASK)
    assert [name for name, *_ in stages(plain)] == ["teach", "learn"]


def test_the_student_alone_predicts_no_privileged_value(catalog):
    joint = tiny()["stages"][0]
    predicting = {"use": "clinical_reconstruction", "on": "student", "taps": ["hbp"]}
    plain = alone_recipe(
        experiment(tiny(stages=[{**joint, "objective": [*joint["objective"], predicting]}]), catalog), TASK
    )
    assert stages(plain)[1] == ("joint", ["student"], [("focal", "student")])


def test_the_imitating_student_sees_a_cross_fitted_teacher_and_no_label(catalog):
    plain = imitation_recipe(experiment(vectors(), catalog), TASK)
    teach, learn = plain["stages"]
    assert teach["cross_fit"] == {"folds": 5}
    assert learn["objective"] == [{"use": "kd", "temperature": 1.0}]
    assert experiment(plain, catalog).schedule[1].name == "teach (cross-fitting)"


def test_the_taught_student_sees_labels_and_teacher_half_each(catalog):
    teach, learn = vectors()["stages"]
    labelled = {**learn, "objective": [{"use": "cross_entropy", "weight": 0.2}, {"use": "class_kl"}]}
    plain = taught_recipe(experiment(vectors(stages=[teach, labelled]), catalog), TASK)
    own, teacher = plain["stages"][1]["objective"]
    assert (own["use"], own["weight"]) == ("cross_entropy", 0.1)
    assert teacher == {"use": "kd", "temperature": 1.0, "weight": 0.1}
    assert plain["stages"][0]["cross_fit"] == {"folds": 5}


def test_a_student_that_only_distils_is_taught_with_the_task_s_loss(catalog):
    plain = taught_recipe(experiment(vectors(), catalog), TASK)
    assert [(term["use"], term["weight"]) for term in plain["stages"][1]["objective"]] == [
        ("cross_entropy", 0.5),
        ("kd", 0.5),
    ]


def test_the_recipe_s_own_inner_folds_are_kept(catalog):
    teach, learn = vectors()["stages"]
    found = experiment(vectors(stages=[{**teach, "cross_fit": {"folds": 3}}, learn]), catalog)
    assert imitation_recipe(found, TASK)["stages"][0]["cross_fit"] == {"folds": 3}


def test_no_part_of_the_student_stays_untrained(catalog):
    teach, learn = vectors()["stages"]
    first = {**learn, "name": "first"}
    second = {**learn, "objective": [{"use": "cross_entropy"}]}
    whole = experiment(vectors(stages=[teach, first, second]), catalog)
    assert [stage["name"] for stage in alone_recipe(whole, TASK)["stages"]] == ["teach", "learn"]
    part = experiment(vectors(stages=[teach, first, {**second, "train": ["student.head"]}]), catalog)
    _, *student = alone_recipe(part, TASK)["stages"]
    assert [(stage["name"], stage["train"]) for stage in student] == [
        ("first", ["student"]),
        ("learn", ["student.head"]),
    ]
    assert [term["use"] for term in student[0]["objective"]] == ["cross_entropy"]


def test_quick_reduces_epochs_and_folds(catalog):
    found = experiment(vectors(crossval={"folds": 5, "repeats": 10}), catalog)
    plain = imitation_recipe(found, TASK, quick=True)
    assert [stage["epochs"] for stage in plain["stages"]] == [1, 1]
    assert (plain["crossval"]["folds"], plain["crossval"]["repeats"]) == (3, 1)
    assert plain["stages"][0]["cross_fit"] == {"folds": 2}


def test_a_fitted_student_has_no_imitation(catalog):
    student = {"use": "fitted", "inputs": ["regular"], "estimator": {"use": "logistic_regression"}}
    teach = vectors()["stages"][0]
    found = experiment(vectors(student=student, stages=[teach, {"name": "fit", "fit": ["student.estimator"]}]), catalog)
    assert imitation_recipe(found, TASK) is None
    assert taught_recipe(found, TASK) is None
    assert alone_recipe(found, TASK)["stages"][1] == {"name": "fit", "fit": ["student.estimator"]}


def test_a_teacher_that_is_not_trained_needs_no_stage(catalog):
    oracle = assemble(load_recipe("gain/oracle"), catalog)
    for make in (alone_recipe, taught_recipe):
        (student,) = make(oracle, Classification(("M0", "M1", "M2")))["stages"]
        assert (student["train"], "cross_fit" in student) == (["student"], False)


def test_without_a_teacher(catalog):
    recipe = vectors(
        teacher=None, privileged=None, stages=[{**vectors()["stages"][1], "objective": [{"use": "cross_entropy"}]}]
    )
    with pytest.raises(UserError, match="tests/vectors: the recipe has no teacher"):
        alone_recipe(experiment(recipe, catalog), TASK)


def test_a_teacher_without_a_task_loss(catalog):
    both = {
        "name": "both",
        "train": ["student", "teacher"],
        "epochs": 1,
        "objective": [{"use": "cross_entropy"}, {"use": "class_kl", "detach_teacher": False}],
    }
    with pytest.raises(UserError, match=r"^tests/vectors: no stage trains the teacher with a task loss"):
        alone_recipe(experiment(vectors(stages=[both]), catalog), TASK)
