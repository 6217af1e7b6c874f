from dataclasses import replace

import pytest

from tiny import loaded, tiny
from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble, read_recipe
from xdistill.experiment.networks import CachedProbes
from xdistill.plugin import load_catalog
from xdistill.recipe.load import as_loaded


def problems(catalog, **changes):
    with pytest.raises(RecipeError) as caught:
        assemble(loaded(**changes), catalog)
    found = {}
    for problem in caught.value.problems:
        found[problem.path] = " ".join([*([found[problem.path]] if problem.path in found else []), problem.message])
    return found


def test_the_tiny_recipe_fits(catalog):
    experiment = assemble(loaded(), catalog)
    assert experiment.privileged == ("clinical",)
    assert experiment.facts["student"].inputs == ("hbp", "pre")
    assert set(experiment.modalities) == {"hbp", "pre", "clinical"}
    assert [term.label for term in experiment.stages[0].terms] == [
        "focal:teacher",
        "focal:student",
        "class_kl",
        "feature_kl",
    ]


def test_the_same_network_is_probed_once(catalog):
    first, wider = assemble(loaded(), catalog), tiny()
    wider["student"]["branches"]["hbp"]["width"] = 0.25
    other = assemble(as_loaded(wider), catalog)
    schema, probes = first.data.build().schema(), CachedProbes()
    network, spec = probes(first.networks["student"], schema)
    assert (network.inputs, spec.outputs) == (("hbp", "pre"), len(schema.classes))
    assert probes(assemble(loaded(seed=7), catalog).networks["student"], schema)[0] is network
    assert probes(other.networks["student"], schema)[0] is not network
    assert probes(first.networks["student"], schema.with_modality("hbp", schema.modalities["hbp"]))[0] is network
    twice = replace(schema, classes=(*schema.classes, "more"))
    assert probes(first.networks["student"], twice)[1].outputs == spec.outputs + 1


def test_a_resolved_recipe_is_a_recipe_that_resolves_to_itself(catalog):
    once = assemble(loaded(), catalog).resolved()
    assert assemble(as_loaded(once), catalog).resolved() == once
    assert once["student"]["branches"]["hbp"]["pool"] == "average"


def test_unknown_components_and_fields_are_found_all_at_once(catalog):
    recipe = tiny()
    recipe["student"]["branches"]["hbp"]["widht"] = 1
    recipe["student"]["fusion"] = {"use": "cross_atention"}
    recipe["stages"][0]["objective"][2]["use"] = "class_kll"
    recipe["augment"] = [{"use": "volume_flip", "p": "often"}]
    found = problems(catalog, **recipe)
    assert "did you mean `width`" in found["student.branches.hbp.widht"]
    assert "did you mean 'cross_attention'" in next(text for path, text in found.items() if "fusion" in path)
    assert "did you mean `class_kl`" in found["stages.0.objective.2.use"]
    assert "augment.0.p" in found


def test_faults_of_fields_and_of_components_are_told_at_once():
    recipe = tiny(seeed=3, optimizer={"lr": -1})
    recipe["student"]["branches"]["hbp"]["widht"] = 1
    recipe["augment"] = [{"use": "volume_flipp"}]
    recipe["stages"][0]["epochs"] = "three"
    recipe["stages"][0]["objective"] = [{"use": "focall"}, {"use": "class_kl", "temprature": 4, "weight": "much"}]
    with pytest.raises(RecipeError) as caught:
        read_recipe(recipe, profile=None, overrides=(), catalog=load_catalog)
    assert {problem.path for problem in caught.value.problems} == {
        "seeed",
        "optimizer.lr",
        "student.branches.hbp.widht",
        "augment.0.use",
        "stages.0.epochs",
        "stages.0.objective.0.use",
        "stages.0.objective.1.temprature",
        "stages.0.objective.1.weight",
    }


def test_a_student_with_more_modalities_than_its_teacher(catalog):
    recipe = tiny()
    recipe["privileged"] = None
    recipe["teacher"], recipe["student"] = recipe["student"], recipe["teacher"]
    found = problems(catalog, **recipe)
    assert "and not `clinical`; give it a modality that the student lacks" in found["student"]


def test_a_student_that_reads_what_is_privileged(catalog):
    recipe = tiny()
    recipe["student"] = recipe["teacher"]
    assert "reads `clinical`, which is listed in `privileged`" in problems(catalog, **recipe)["student"]


def test_a_tap_that_does_not_exist(catalog):
    recipe = tiny()
    recipe["stages"][0]["objective"][3]["taps"] = ["hbp", "prae"]
    found = problems(catalog, **recipe)
    assert any("no tap `prae`" in text and "did you mean `pre`" in text for text in found.values())


def test_a_loss_for_a_network_that_is_not_there(catalog):
    recipe = tiny(teacher=None, privileged=None)
    recipe["stages"][0]["train"] = ["student"]
    found = problems(catalog, **recipe)
    assert "`focal` needs a teacher, but the recipe has none" in found["stages.0.objective.0"]
    assert "`class_kl` needs a teacher, but the recipe has none" in found["stages.0.objective.2"]


def test_a_teacher_that_nothing_has_trained(catalog):
    recipe = tiny()
    recipe["stages"][0]["train"] = ["student"]
    found = problems(catalog, **recipe)
    assert "uses the teacher, which no earlier stage trains" in found["stages.0.objective.2"]


def test_a_network_that_nothing_teaches(catalog):
    recipe = tiny()
    recipe["stages"][0]["objective"] = [{"use": "focal", "on": "student"}]
    assert any("no loss in the objective trains the teacher" in text for text in problems(catalog, **recipe).values())


def test_parts_to_train_that_do_not_exist(catalog):
    recipe = tiny()
    recipe["stages"][0]["train"] = ["teacher", "student", "student.brunches", "referee"]
    text = " ".join(problems(catalog, **recipe).values())
    assert "the student has no part `brunches`; did you mean `branches`" in text
    assert "unknown network `referee`" in text


def test_cross_attention_with_one_branch(catalog):
    recipe = tiny()
    for role in ("teacher", "student"):
        del recipe[role]["branches"]["pre"]
    recipe["stages"][0]["objective"][3]["taps"] = ["hbp"]
    assert any("branch" in text for text in problems(catalog, **recipe).values())


def test_a_modality_that_the_cohort_does_not_have(catalog):
    recipe = tiny()
    recipe["student"]["branches"]["pre"]["inputs"] = ["prae"]
    recipe["transforms"] = [{"use": "tabular", "modality": "clincal"}]
    text = " ".join(problems(catalog, **recipe).values())
    assert "no modality 'prae'" in text
    assert "did you mean `clinical`" in text


def test_a_task_loss_on_an_output_that_is_not_there(catalog):
    recipe = tiny()
    recipe["stages"][0]["objective"][1]["output"] = "shared"
    assert "has no output `shared`" in problems(catalog, **recipe)["stages.0.objective.1.output"]


def test_a_distillation_loss_is_not_put_on_one_network(catalog):
    recipe = tiny()
    recipe["stages"][0]["objective"][2]["on"] = "student"
    assert "leave out `on`" in problems(catalog, **recipe)["stages.0.objective.2.on"]
