"""The suites of losses: a sound loss passes, and each broken one fails in the check that is meant for it alone."""

import pytest
import torch

from testing import broken_losses as broken
from testing.biting import checks_of, failing, suite_for
from xdistill.testing import DistillationLossConformance, GoldenDistillation, GoldenTask, TaskLossConformance
from xdistill.types import Output

ZERO = torch.zeros(2, 3)
# By hand: the mean of (1, 0, 0) squared over two subjects, and that of features that differ by two.
GOLDEN = GoldenDistillation(
    Output(ZERO, {"first": torch.zeros(2, 4)}),
    Output(torch.tensor([[1.0, 0, 0], [1.0, 0, 0]]), {"first": torch.full((2, 4), 2.0)}),
    1 / 3 + 4.0,
    source="by hand",
)
EQUAL = {"at_identity": "zero", "unequal_widths": "refused", "golden": (GOLDEN,)}
ADAPTED = {"unequal_widths": "accepted"}
# By hand: the logarithm of three classes that are equally likely.
EVEN = GoldenTask(ZERO, torch.tensor([0, 1]), 1.0986122887, tolerance=1e-6)

DISTILLATION = {
    "test_value_is_one_number": (broken.Vector, ADAPTED),
    "test_vectors_maps_and_volumes": (broken.FlatMaps, {}),
    "test_gradient_reaches_the_network": (broken.CutOff, {}),
    "test_batch_of_one": (broken.NeedsTwo, ADAPTED),
    "test_bfloat16_autocast": (broken.FullPrecisionOnly, ADAPTED),
    "test_zero_features_and_extreme_logits": (broken.Root, ADAPTED),
    "test_order_of_subjects_does_not_matter": (broken.FirstOnly, ADAPTED),
    "test_outputs_are_left_alone": (broken.InPlace, ADAPTED),
    "test_its_own_parameters_learn": (broken.DeadAdapter, ADAPTED),
    "test_state_survives_a_round_trip": (broken.LostState, ADAPTED),
    "test_teacher_gets_no_gradient": (broken.WakesTheTeacher, ADAPTED),
    "test_the_teacher_matters": (broken.IgnoresTheTeacher, ADAPTED),
    "test_identity": (broken.BesideTheTeacher, {"at_identity": "minimal"}),
    "test_unequal_widths": (broken.NoAdapter, ADAPTED),
    "test_golden_values": (broken.Doubled, EQUAL),
}
TASK = {
    "test_value_is_one_number": broken.FitVector,
    "test_vectors_maps_and_volumes": broken.FitFlatMaps,
    "test_gradient_reaches_the_network": broken.FitCutOff,
    "test_batch_of_one": broken.FitNeedsTwo,
    "test_bfloat16_autocast": broken.FitFullPrecisionOnly,
    "test_zero_features_and_extreme_logits": broken.FitOverflow,
    "test_order_of_subjects_does_not_matter": broken.FitFirstOnly,
    "test_outputs_are_left_alone": broken.FitInPlace,
    "test_its_own_parameters_learn": broken.FitDeadLayer,
    "test_state_survives_a_round_trip": broken.FitLostState,
    "test_the_target_is_preferred": broken.FitBackwards,
    "test_golden_values": broken.FitDoubled,
}


@pytest.mark.parametrize(("loss", "promises"), [(broken.Distance, ADAPTED), (broken.Same, EQUAL)])
def test_sound_distillation_losses_pass(loss, promises):
    assert failing(suite_for(DistillationLossConformance, loss, **promises)) == set()


def test_a_sound_task_loss_passes():
    assert failing(suite_for(TaskLossConformance, broken.Fit, golden=(EVEN,))) == set()


@pytest.mark.parametrize("name", DISTILLATION)
def test_only_its_check_catches_a_broken_distillation_loss(name):
    loss, promises = DISTILLATION[name]
    assert failing(suite_for(DistillationLossConformance, loss, **promises)) == {name}


@pytest.mark.parametrize("name", TASK)
def test_only_its_check_catches_a_broken_task_loss(name):
    golden = (EVEN,) if name == "test_golden_values" else ()
    assert failing(suite_for(TaskLossConformance, TASK[name], golden=golden)) == {name}


@pytest.mark.parametrize(
    ("loss", "promises", "name"),
    [
        (broken.Offset, {"at_identity": "zero"}, "test_identity"),
        (broken.Stretches, {"unequal_widths": "refused"}, "test_unequal_widths"),
        (broken.Overflow, ADAPTED, "test_zero_features_and_extreme_logits"),
    ],
)
def test_other_ways_to_break_a_promise(loss, promises, name):
    assert failing(suite_for(DistillationLossConformance, loss, **promises)) == {name}


def test_every_check_has_its_broken_loss():
    everything = {"at_identity": "zero", "unequal_widths": "accepted", "golden": (GOLDEN,)}
    common = {"test_the_catalog_takes_it", "test_it_says_what_it_is", "test_settings_survive_json"}
    assert set(checks_of(suite_for(DistillationLossConformance, broken.Same, **everything))) == {*DISTILLATION, *common}
    assert set(checks_of(suite_for(TaskLossConformance, broken.Fit, golden=(EVEN,)))) == {*TASK, *common}
