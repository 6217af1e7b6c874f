"""Null controls."""

import math

import numpy as np
import pytest
import torch

from crossval.missing_runs import first_fold, fold_run, incomplete, prepared
from tiny import tiny
from xdistill.crossval.execute import tracked_run
from xdistill.crossval.gradient_stage import _objective, _specs
from xdistill.distillation.controls import (
    ConstantTeacher,
    Measured,
    SmoothedLabels,
    apply_control,
    smoothing_of_entropy,
)
from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.recipe.load import as_loaded
from xdistill.types import Batch, Output

ONE_EPOCH = [{**tiny()["stages"][0], "epochs": 1}]
ALONE = {
    "teacher": None,
    "privileged": None,
    "stages": [{"name": "alone", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}]}],
}


def batch_of(size, target=None):
    return Batch(
        inputs={},
        present={},
        subjects=tuple(f"s{place}" for place in range(size)),
        target=None if target is None else torch.tensor(target),
    )


def test_a_control_without_a_teacher_is_refused(catalog):
    with pytest.raises(RecipeError, match="a null control replaces the teacher, but the recipe has none"):
        assemble(as_loaded(tiny(control="label_smoothing", **ALONE)), catalog)


def test_nothing_privileged_cannot_be_shuffled(catalog):
    recipe = tiny(control="shuffled_privileged", teacher=tiny()["student"], privileged=None)
    with pytest.raises(RecipeError, match="nothing is shuffled"):
        assemble(as_loaded(recipe), catalog)


def test_without_distillation_nothing_can_be_replaced(catalog):
    objective = [{"use": "focal", "on": "teacher"}, {"use": "focal"}]
    stages = [{"name": "joint", "train": ["teacher", "student"], "epochs": 1, "objective": objective}]
    with pytest.raises(RecipeError, match="no stage has a distillation loss"):
        assemble(as_loaded(tiny(control="constant_teacher", stages=stages)), catalog)


def test_an_unknown_control_is_refused():
    with pytest.raises(RecipeError, match="got 'shuffle'"):
        as_loaded(tiny(control="shuffle"))


def test_a_control_is_part_of_identity_and_name(tmp_path, shared_cache, catalog):
    plain = prepared(tiny(), tmp_path, shared_cache, catalog)
    controls = ("shuffled_privileged", "constant_teacher", "label_smoothing", "self_distillation")
    runs = {name: prepared(tiny(control=name), tmp_path, shared_cache, catalog) for name in controls}
    assert len({plain.identity, *(run.identity for run in runs.values())}) == 5
    for name, run in runs.items():
        assert run.control_of == plain.identity
        assert run.folder.path == tmp_path / "tests" / f"tiny-control-{name}" / run.identity
        assert tracked_run(run).name == f"tests/tiny-control-{name}"
        assert run.splits.hash == plain.splits.hash
        again = assemble(as_loaded(run.resolved), catalog)  # as the worker does
        assert again.schedule == run.experiment.schedule
        assert again.facts == run.experiment.facts


@pytest.mark.parametrize("missing", ["skip", "impute"])
def test_shuffling_moves_training_subjects_among_their_like(missing, tmp_path, shared_cache, catalog):
    plain = fold_run(incomplete(missing=missing), tmp_path / "plain", shared_cache, catalog)
    shuffled = fold_run(
        incomplete(missing=missing, control="shuffled_privileged"), tmp_path / "shuffled", shared_cache, catalog
    )
    everyone = np.arange(len(plain.context.source.cohort.subjects))
    names = ["hbp", "clinical"]
    before, after = (one.context.source.batch(everyone, names, target=True) for one in (plain, shuffled))
    assert torch.equal(before.inputs["hbp"], after.inputs["hbp"])
    assert torch.equal(before.target, after.target)
    assert torch.equal(before.present["clinical"], after.present["clinical"])
    test = np.setdiff1d(everyone, plain.context.training)
    assert torch.equal(before.inputs["clinical"][test], after.inputs["clinical"][test])
    rows = plain.context.training[plain.context.source.cohort.present("clinical")[plain.context.training]]
    was, now = ([tuple(row) for row in one.inputs["clinical"][rows].tolist()] for one in (before, after))
    assert sorted(was) == sorted(now)
    assert sum(old != new for old, new in zip(was, now, strict=True)) > len(rows) / 2
    assert torch.equal(
        shuffled.context.source.batch(rows[:3], ["clinical"], target=False).inputs["clinical"],
        after.inputs["clinical"][rows[:3]],
    )


def test_all_privileged_modalities_of_a_subject_move_together(tmp_path, shared_cache, catalog):
    student = {"use": "multibranch", "branches": {"pre": tiny()["student"]["branches"]["pre"]}}
    stages = [{**ONE_EPOCH[0], "objective": [{"use": "focal", "on": "teacher"}, {"use": "focal"}, {"use": "class_kl"}]}]
    recipe = tiny(control="shuffled_privileged", student=student, stages=stages)
    source = fold_run(recipe, tmp_path, shared_cache, catalog).context.source
    assert set(source.moved) == {"hbp", "clinical"}
    assert np.array_equal(source.moved["hbp"], source.moved["clinical"])


def test_self_distillation_gives_the_teacher_the_students_kind_and_eyes(catalog):
    experiment = assemble(as_loaded(tiny(control="self_distillation")), catalog)
    assert experiment.facts["teacher"] == experiment.facts["student"]
    assert experiment.privileged == ()
    assert experiment.resolved()["teacher"] == experiment.resolved()["student"]


def test_self_distillation_needs_a_network_that_can_teach(catalog):
    students = set(catalog.names("student")) - set(catalog.names("teacher"))
    if not students:
        pytest.skip("every student is offered as a teacher too")
    student = {"use": min(students)}
    with pytest.raises(RecipeError, match="registered only as a student"):
        assemble(as_loaded(tiny(control="self_distillation", student=student)), catalog)


def test_joint_stages_teach_the_teacher_first(catalog):
    experiment = assemble(as_loaded(tiny(control="constant_teacher")), catalog)
    first, second = experiment.schedule
    assert (first.name, first.train, [term.label for term in first.terms]) == (
        "joint (teacher)",
        ("teacher",),
        ["focal:teacher"],
    )
    assert (second.name, second.train, second.control) == ("joint", ("student",), "constant_teacher")
    assert [term.label for term in second.terms] == ["focal:student", "class_kl", "feature_kl"]
    assert experiment.epochs == 4
    assert len(experiment.resolved()["stages"]) == 1  # the recipe stays what it is


def test_stages_one_after_the_other_stay_as_they_are(catalog):
    stages = [
        {"name": "teach", "train": ["teacher"], "epochs": 1, "objective": [{"use": "focal", "on": "teacher"}]},
        {"name": "learn", "train": ["student"], "epochs": 1, "objective": [{"use": "focal"}, {"use": "class_kl"}]},
    ]
    experiment = assemble(as_loaded(tiny(control="label_smoothing", stages=stages)), catalog)
    assert experiment.schedule[0] == experiment.stages[0]
    assert experiment.schedule[1].control == "label_smoothing"


@pytest.mark.parametrize("control", ["constant_teacher", "label_smoothing"])
def test_the_student_does_not_predict_privileged_values_in_a_control(control, catalog):
    stage = tiny()["stages"][0]
    findings = {"use": "clinical_reconstruction", "on": "student", "taps": ["hbp"]}
    stages = [{**stage, "name": "findings", "train": ["student"], "objective": [findings]}]
    stages.append({**stage, "objective": [*stage["objective"], findings]})
    experiment = assemble(as_loaded(tiny(stages=stages, control=control)), catalog)
    labels = [term.label for part in experiment.schedule for term in part.terms]
    assert [part.name for part in experiment.schedule] == ["joint (teacher)", "joint"]
    assert labels == ["focal:teacher", "focal:student", "class_kl", "feature_kl"]


def test_a_constant_teacher_says_the_class_shares_and_mean_features():
    measured = Measured(0.0, {"tap": torch.tensor([1.0, 2.0])}, ("aux",))
    output = ConstantTeacher([3, 1], measured)(batch_of(4))
    assert torch.softmax(output.logits, dim=1).tolist() == [pytest.approx([0.75, 0.25])] * 4
    assert output.features["tap"].tolist() == [[1.0, 2.0]] * 4
    assert torch.equal(output.aux["aux"], output.logits)


def test_the_constant_is_measured_on_the_training_subjects(tmp_path, shared_cache, catalog):
    fold = fold_run(tiny(control="constant_teacher", stages=ONE_EPOCH), tmp_path, shared_cache, catalog)
    networks, terms, _ = apply_control(fold.context, fold.context.experiment.schedule[1])
    assert terms == fold.context.experiment.schedule[1].terms
    teacher = fold.context.networks["teacher"].eval()
    batch = fold.context.source.batch(fold.context.training, teacher.inputs, target=False)
    with torch.no_grad():
        wanted = teacher(batch).features["hbp"].mean(dim=0)
    constant = networks["teacher"](batch_of(2)).features["hbp"]
    assert torch.allclose(constant[0], wanted, atol=1e-6)
    assert networks["student"] is fold.context.networks["student"]


def test_label_smoothing_takes_the_place_of_all_distillation_terms(tmp_path, shared_cache, catalog):
    fold = fold_run(tiny(control="label_smoothing", stages=ONE_EPOCH), tmp_path, shared_cache, catalog)
    stage = fold.context.experiment.schedule[1]
    _, terms, figures = apply_control(fold.context, stage)
    objective = _objective(fold.context, stage, terms, _specs(fold.context))
    assert objective.roles == ("student",)
    assert [(term.label, term.weight) for term in objective.terms] == [
        ("focal:student", 1.0),
        ("label_smoothing", 2.0),  # class_kl and feature_kl
    ]
    assert 0 < figures["smoothing"] <= 1


@pytest.mark.parametrize("entropy", [0.0, 0.1, 0.7, 1.0, 1.0986])
def test_smoothed_labels_have_the_entropy_asked_for(entropy):
    smoothing = smoothing_of_entropy(entropy, 3)
    label = np.full(3, smoothing / 3) + np.array([1 - smoothing, 0, 0])
    found = -sum(share * math.log(share) for share in label if share > 0)
    assert found == pytest.approx(entropy, abs=1e-9)


def test_no_label_is_smoother_than_a_guess():
    assert smoothing_of_entropy(math.log(3), 3) == 1.0
    assert smoothing_of_entropy(5.0, 3) == 1.0


def test_smoothed_labels_by_hand():
    # Labels of 0.8 and 0.2 against one half each: 0.8 ln 1.6 + 0.2 ln 0.4.
    loss = SmoothedLabels(0.4)(Output(logits=torch.zeros(3, 2)), batch_of(3, [0, 1, 0]))
    assert float(loss) == pytest.approx(0.8 * math.log(1.6) + 0.2 * math.log(0.4), abs=1e-6)
    fits = SmoothedLabels(0.4)(Output(logits=torch.tensor([[0.8, 0.2]]).log()), batch_of(1, [0]))
    assert float(fits) == pytest.approx(0.0, abs=1e-6)


def test_the_history_tells_the_smoothing(tmp_path, shared_cache, catalog):
    fold = first_fold(tiny(control="label_smoothing", stages=ONE_EPOCH), tmp_path, shared_cache, catalog)
    header, teacher, student = (fold / "history.csv").read_text(encoding="utf-8").splitlines()
    assert header.endswith("label_smoothing,smoothing")
    assert teacher.startswith("joint (teacher),1,")
    assert student.startswith("joint,1,")
