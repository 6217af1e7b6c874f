"""The suites of parts of networks: each broken part fails in the check that is meant for it alone."""

import pytest

from testing import broken_modules as broken
from testing.biting import checks_of, failing, suite_for
from xdistill.testing import (
    EncoderConformance,
    EstimatorConformance,
    FusionConformance,
    StudentConformance,
    TeacherConformance,
)

PARTS = {
    "encoder": (EncoderConformance, broken.Line, {"settings": {"inputs": ["table"]}}),
    "fusion": (FusionConformance, broken.Joined, {}),
    "estimator": (EstimatorConformance, broken.Nearest, {}),
    "student": (StudentConformance, broken.Whole, {}),
    "teacher": (TeacherConformance, broken.Whole, {}),
}
WAYS = {
    "test_every_batch_size": broken.SizeMatters,
    "test_subjects_do_not_influence_each_other": broken.OthersMatter,
    "test_a_permuted_batch_gives_permuted_output": broken.PlaceMatters,
    "test_eval_mode_repeats_itself": broken.Drifts,
    "test_training_on_one_subject": broken.NeedsSeveral,
    "test_gradient_reaches_every_parameter": broken.DeadLayer,
    "test_state_survives_a_round_trip": broken.LostState,
    "test_bfloat16_autocast": broken.FullPrecisionOnly,
    "test_inputs_are_left_alone": broken.InPlace,
    "test_shapes": broken.WrongWidth,
    "absent": broken.NoZeros,
}
NETWORKS = {
    "test_it_is_given_its_modalities_alone": broken.Stranger,
    "test_every_input_matters": broken.Ignores,
    "test_ids_do_not_matter": broken.KnowsYou,
    "test_training_has_the_same_outputs": broken.OtherTaps,
}
ESTIMATORS = {
    "test_nothing_is_left_to_gradients": broken.Gradients,
    "test_fitting_repeats_itself": broken.StartsAnywhere,
    "test_fitting_leaves_the_subjects_alone": broken.CentresInPlace,
    "test_what_is_traced_gives_the_same": broken.OtherTraced,
    "test_it_learns": broken.LearnsNothing,
}
# An estimator owns no trainable layer and sees no modality, so that these ways do not apply.
NOT_OF_ESTIMATORS = {"test_gradient_reaches_every_parameter", "absent"}
COMMON = {"test_the_catalog_takes_it", "test_it_says_what_it_is", "test_settings_survive_json"}


def absent(kind):
    return "test_absent_branches" if kind == "fusion" else "test_absent_modalities"


@pytest.mark.parametrize("kind", PARTS)
def test_a_sound_part_passes(kind):
    suite, part, attributes = PARTS[kind]
    assert failing(suite_for(suite, part, **attributes)) == set()


@pytest.mark.parametrize(
    ("kind", "way"),
    [(kind, way) for kind in PARTS for way in WAYS if kind != "estimator" or way not in NOT_OF_ESTIMATORS],
)
def test_only_its_check_catches_a_broken_part(kind, way):
    suite, part, attributes = PARTS[kind]
    name = absent(kind) if way == "absent" else way
    assert failing(suite_for(suite, broken.mixed(WAYS[way], part), **attributes)) == {name}


@pytest.mark.parametrize("suite", [StudentConformance, TeacherConformance])
@pytest.mark.parametrize("name", NETWORKS)
def test_only_its_check_catches_a_broken_network(suite, name):
    assert failing(suite_for(suite, NETWORKS[name])) == {name}


@pytest.mark.parametrize("name", ESTIMATORS)
def test_only_its_check_catches_a_broken_estimator(name):
    assert failing(suite_for(EstimatorConformance, ESTIMATORS[name])) == {name}


@pytest.mark.parametrize("suite", [StudentConformance, TeacherConformance])
def test_a_network_that_reads_what_it_did_not_ask_for_cannot_even_run(suite):
    assert "test_it_is_given_its_modalities_alone" in failing(suite_for(suite, broken.Greedy))


@pytest.mark.parametrize("kind", PARTS)
def test_every_check_has_its_broken_part(kind):
    suite, part, attributes = PARTS[kind]
    named = {absent(kind) if way == "absent" else way for way in WAYS}
    if kind == "estimator":
        named = named - {absent(kind)} | set(ESTIMATORS)
    more = set(NETWORKS) if kind in {"student", "teacher"} else set()
    assert set(checks_of(suite_for(suite, part, **attributes))) == named | more | COMMON
