"""What is proposed for the fields of a space, and what the recipe gets of it."""

import optuna
import pytest

from xdistill.recipe.schema.tuning import Search
from xdistill.tuning.search.space import choice_of, grid, in_order, labels, points, suggest, values_of

CONCAT = {"use": "concat", "hidden": 8}
SPACE = {
    "student.fusion.heads": Search(low=1, high=3, int=True, when={"student.fusion": "cross_attention"}),
    "student.fusion": Search(choices=({"use": "cross_attention"}, CONCAT, "mean")),
    "optimizer.lr": Search(low=0.0, high=1.0, step=0.5),
}


def test_fields_come_after_what_they_hang_on():
    assert in_order(SPACE) == ("student.fusion", "optimizer.lr", "student.fusion.heads")


def test_labels_are_scalars_and_stand_for_their_choice():
    fusion = SPACE["student.fusion"]
    assert labels(fusion) == ('{"use": "cross_attention"}', '{"use": "concat", "hidden": 8}', "mean")
    assert choice_of(fusion, '{"use": "concat", "hidden": 8}') == CONCAT
    assert choice_of(Search(choices=(0, None, "0")), None) is None
    assert choice_of(SPACE["optimizer.lr"], 0.25) == 0.25


def test_a_grid_has_every_combination_that_counts_once():
    found = list(grid(SPACE))
    assert len(found) == 3 * (3 + 1 + 1)
    assert sum("student.fusion.heads" in point for point in found) == 9
    assert {point["optimizer.lr"] for point in found} == {0.0, 0.5, 1.0}


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        (Search(low=1, high=3, int=True), (1, 2, 3)),
        (Search(low=0, high=1, step=0.4), (0.0, 0.4, 0.8)),
        (Search(low=8, high=32, step=8, int=True), (8, 16, 24, 32)),
        (Search(choices=(True, "a")), (True, "a")),
    ],
)
def test_points_of_a_field(search, expected):
    assert points(search) == pytest.approx(expected) if search.choices is None else points(search) == expected
    assert [type(value) for value in points(search)] == [type(value) for value in expected]


def test_optuna_is_asked_only_for_what_counts():
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    seen = set()
    for _ in range(20):
        trial = study.ask()
        params = suggest(trial, SPACE)
        assert trial.params == params
        assert ("student.fusion.heads" in params) == (params["student.fusion"] == '{"use": "cross_attention"}')
        assert params["optimizer.lr"] in {0.0, 0.5, 1.0}
        seen.add(params["student.fusion"])
    assert len(seen) == 3


def test_values_are_laid_over_the_recipe_from_the_outside_in():
    params = {"student.fusion.heads": 2, "optimizer.lr": 0.5, "student.fusion": '{"use": "cross_attention"}'}
    assert list(values_of(params, SPACE).items()) == [
        ("student.fusion", {"use": "cross_attention"}),
        ("optimizer.lr", 0.5),
        ("student.fusion.heads", 2),
    ]
