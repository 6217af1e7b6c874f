"""The suites of data sets, transforms, augmentations, metrics and executors bite, each check for itself."""

import pytest

from testing import broken_data as broken
from testing.biting import checks_of, failing, suite_for
from xdistill.testing import (
    AugmentationConformance,
    CallbackConformance,
    DatasetConformance,
    ExecutorConformance,
    GoldenMetric,
    MetricConformance,
    TrackerConformance,
    TransformConformance,
)

# By hand: two of three subjects are right.
TWO_OF_THREE = GoldenMetric([0, 1, 1], [[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]], 2 / 3)
SUITES = {
    "dataset": (DatasetConformance, broken.Numbers, {}),
    "transform": (TransformConformance, broken.Centre, {"settings": {"modality": "table"}, "fills": True}),
    "augmentation": (AugmentationConformance, broken.Noise, {"affected": ("table",)}),
    "metric": (MetricConformance, broken.Right, {"golden": (TWO_OF_THREE,)}),
    "callback": (CallbackConformance, broken.Counter, {}),
    "executor": (ExecutorConformance, broken.LocalExecutor, {"settings": {"jobs": 1, "restarts": 0}}),
    "tracker": (TrackerConformance, broken.Diary, {}),
}
BROKEN = {
    ("dataset", "test_index_holds"): broken.NewPatients,
    ("dataset", "test_schema_holds"): broken.WholeNumbers,
    ("dataset", "test_the_same_settings_give_the_same_bytes"): broken.DrawnAnew,
    ("dataset", "test_the_order_of_loading_does_not_matter"): broken.OrderMatters,
    ("dataset", "test_it_comes_back_from_the_cache"): broken.LosesOneInAll,
    ("dataset", "test_facts_can_be_told"): broken.BoundBeyondOne,
    ("dataset", "test_new_subjects_can_be_read"): broken.ReadsAnother,
    ("transform", "test_output_is_what_is_announced"): broken.Wide,
    ("transform", "test_applying_learns_nothing"): broken.LearnsLater,
    ("transform", "test_subjects_do_not_influence_each_other"): broken.UsesTheBatch,
    ("transform", "test_folds_are_fitted_apart"): broken.Shared,
    ("transform", "test_fitting_again_forgets"): broken.Remembers,
    ("transform", "test_state_survives_a_round_trip"): broken.ForgetsToSave,
    ("transform", "test_values_are_left_alone"): broken.ChangesItsInput,
    ("transform", "test_its_module_gives_the_same"): broken.OtherModule,
    ("transform", "test_nothing_is_missing_afterwards"): broken.LeavesGaps,
    ("augmentation", "test_shapes_stay"): broken.LosesOne,
    ("augmentation", "test_the_same_generator_gives_the_same_result"): broken.OwnRandomness,
    ("augmentation", "test_no_other_randomness_is_used_up"): broken.UsesUpNumbers,
    ("augmentation", "test_another_seed_gives_another_result"): broken.AlwaysTheSame,
    ("augmentation", "test_only_its_modalities_change"): broken.ChangesOthers,
    ("augmentation", "test_inputs_are_left_alone"): broken.AugmentsInPlace,
    ("augmentation", "test_it_follows_the_inputs_to_their_device"): broken.StaysBehind,
    ("metric", "test_value_is_one_number"): broken.RightArray,
    ("metric", "test_order_of_subjects_does_not_matter"): broken.RightLater,
    ("metric", "test_it_repeats_itself"): broken.RightAtRandom,
    ("metric", "test_predictions_are_left_alone"): broken.RightInPlace,
    ("metric", "test_truth_is_better_than_chance"): broken.Wrong,
    ("metric", "test_golden_values"): broken.RightDoubled,
    ("metric", "test_the_catalog_takes_it"): broken.Nameless,
    ("metric", "test_it_says_what_it_is"): broken.Undocumented,
    ("metric", "test_settings_survive_json"): broken.Strange,
    ("callback", "test_two_stages_from_start_to_end"): broken.OneStage,
    ("callback", "test_the_history_keeps_its_figures"): broken.LosesTotal,
    ("callback", "test_state_survives_a_checkpoint"): broken.StateOfObjects,
    ("callback", "test_a_training_that_is_resumed"): broken.ForgetsItsCount,
    ("callback", "test_no_random_numbers_are_drawn"): broken.DrawsNumbers,
    ("tracker", "test_a_run_from_start_to_end"): broken.OneFold,
    ("tracker", "test_a_run_that_breaks"): broken.NeedsEpochs,
    ("tracker", "test_a_run_that_goes_on"): broken.OnlyOnce,
    ("tracker", "test_what_it_is_told_is_left_alone"): broken.TakesValues,
    ("executor", "test_every_job_ends_once"): broken.SaysDoneTwice,
    ("executor", "test_no_jobs"): broken.NeverIdle,
    ("executor", "test_a_job_that_fails"): broken.HidesErrors,
    ("executor", "test_a_worker_that_is_killed"): broken.HidesDeaths,
    ("executor", "test_closing_ends_the_workers"): broken.LeavesWorkers,
    ("executor", "test_threads_are_those_of_the_job"): broken.TakesAllThreads,
}
COMMON = {"test_the_catalog_takes_it", "test_it_says_what_it_is", "test_settings_survive_json"}


@pytest.fixture(autouse=True)
def no_process_is_left(monkeypatch):
    """The workers of a broken executor are not waited for long, and ended by the test."""
    monkeypatch.setattr("xdistill.testing.executor._PATIENCE", 0.5)
    yield
    while broken.LEFT:
        process = broken.LEFT.pop()
        process.kill()
        process.wait()


@pytest.mark.parametrize("kind", SUITES)
def test_a_sound_component_passes(kind):
    suite, component, attributes = SUITES[kind]
    assert failing(suite_for(suite, component, **attributes)) == set()


@pytest.mark.parametrize(("kind", "name"), BROKEN)
def test_only_its_check_catches_a_broken_component(kind, name):
    suite, _, attributes = SUITES[kind]
    promises = attributes if name == "test_golden_values" else {**attributes, "golden": ()}
    assert failing(suite_for(suite, BROKEN[kind, name], **promises)) == {name}


def test_jobs_in_the_drivers_own_process_do_not_end_the_tests():
    found = failing(suite_for(ExecutorConformance, broken.Here))
    assert {"test_a_worker_that_is_killed", "test_closing_ends_the_workers"} <= found


@pytest.mark.parametrize("kind", SUITES)
def test_every_check_has_its_broken_component(kind):
    suite, component, attributes = SUITES[kind]
    named = {name for other, name in BROKEN if other == kind}
    assert set(checks_of(suite_for(suite, component, **attributes))) == named | COMMON
