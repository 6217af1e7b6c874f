"""Faults of a search space: each with its place, all at once, without Optuna or torch."""

import subprocess
import sys

import pytest

from xdistill.errors import RecipeError
from xdistill.recipe.load import load_recipe
from xdistill.recipe.schema.tuning import Search, chosen

HEAD = """\
extends: digits_half
tune:
  space:
"""


def problems(tmp_path, text):
    path = tmp_path / "search.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(RecipeError) as caught:
        load_recipe(path)
    return [
        (problem.line, problem.column, problem.path.removeprefix("tune."), problem.message)
        for problem in caught.value.problems
    ]


def test_a_search_is_read_with_its_defaults(tmp_path):
    path = tmp_path / "search.yaml"
    path.write_text(HEAD + "    optimizer.lr: {low: 1.0e-4, high: 1.0e-1, log: true}\n", encoding="utf-8")
    tune = load_recipe(path).recipe.tune
    assert (tune.trials, tune.sampler.use, tune.pruner.use, tune.folds, tune.metric) == (
        30,
        "tpe",
        "none",
        3,
        "auc_ovo",
    )
    assert tune.space == {"optimizer.lr": Search(low=1e-4, high=1e-1, log=True)}


def test_sampler_and_pruner_go_by_name_or_with_settings():
    base = {"extends": "digits_half"}
    space = {"optimizer.lr": {"choices": [0.1, 0.2]}}
    named = load_recipe(
        {**base, "tune": {"sampler": "gp", "pruner": {"use": "median", "n_warmup_steps": 5}, "space": space}}
    )
    assert named.recipe.tune.sampler.use == "gp"
    assert named.recipe.tune.pruner.settings() == {"n_warmup_steps": 5}
    with pytest.raises(RecipeError, match=r"tune\.sampler: should be 'tpe', 'cmaes', .* or 'grid', got 'cma'"):
        load_recipe({**base, "tune": {"sampler": "cma", "space": space}})


def test_all_problems_of_a_space_are_told_at_once(tmp_path):
    text = HEAD + (
        "    optimizer.lr: {low: 1, high: 0.1}\n"
        "    optimizer.weight_decay: {low: 0, high: 0.1, log: true}\n"
        "    student.hidden: {choices: [[8], [16]], when: {optimizer.lrr: 3}}\n"
        "    crossval.folds: {low: 2, high: 5, int: true}\n"
        "    loader.batch_size: {low: 2.5, high: 8, int: true}\n"
        "    seed: {choices: [1, 2], low: 3}\n"
        "    optimizer.warmup: {low: 0.1}\n"
    )
    assert problems(tmp_path, text) == [
        (4, 25, "space.optimizer.lr.low", "should be at most `high` (0.1), got 1"),
        (
            5,
            35,
            "space.optimizer.weight_decay.low",
            "should be greater than 0 because of `log: true`, got 0",
        ),
        (
            6,
            66,
            "space.student.hidden.when.optimizer.lrr",
            (
                "`optimizer.lrr` is not in the search space; did you mean `optimizer.lr`? Valid fields: "
                "`optimizer.lr`, `optimizer.weight_decay`, `crossval.folds`, `loader.batch_size`, `seed`, "
                "`optimizer.warmup`"
            ),
        ),
        (7, 21, "space.crossval.folds", "`crossval` cannot be searched: it is not a setting of the training"),
        (8, 30, "space.loader.batch_size.low", "should be an integer because of `int: true`, got 2.5"),
        (9, 34, "space.seed.low", "`low` cannot be combined with `choices`; leave it out"),
        (
            10,
            23,
            "space.optimizer.warmup",
            "missing `high`; give a range, such as `{low: 0.1, high: 1}`, or `choices`",
        ),
    ]


@pytest.mark.parametrize(
    ("space", "told"),
    [
        (
            "a: {choices: [1, 2], when: {b: 1}}\n    b: {choices: [1, 2], when: {a: 1}}",
            "circular `when` condition: a -> b -> a",
        ),
        ("a: {choices: [1], when: {a: 1}}", "circular `when` condition: a -> a"),
        (
            "a: {choices: [1], when: {b: 1}}\n    b: {choices: [1], when: {c: 1}}\n    c: {choices: [1], when: {a: 1}}",
            "circular `when` condition: a -> b -> c -> a",
        ),
        ("a: {choices: [1, 2]}\n    b: {choices: [1], when: {a: 3}}", "should be one of the choices of `a`"),
        (
            "a: {low: 1, high: 2}\n    b: {choices: [1], when: {a: 1}}",
            "`a` has no `choices`",
        ),
        ("a: {choices: [[8], [8]]}", "duplicate choice"),
        ("a: {choices: []}", "should have at least 1 item, not 0"),
        ("a..b: {choices: [1]}", "invalid field name 'a..b'"),
        ("a: {low: 1, high: 2, log: true, step: 1}", "`step` cannot be combined with `log: true`"),
    ],
)
def test_what_makes_no_sense_is_refused(tmp_path, space, told):
    assert told in "\n".join(message for *_, message in problems(tmp_path, HEAD + f"    {space}\n"))


def test_a_grid_needs_steps(tmp_path):
    text = "extends: digits_half\ntune:\n  sampler: grid\n  space:\n    optimizer.lr: {low: 0.1, high: 1}\n"
    ((line, _, place, message),) = problems(tmp_path, text)
    assert (line, place) == (5, "space.optimizer.lr")
    assert message == "the `grid` sampler needs the values to try; add `step`, `int: true` or `choices`"


def test_a_pruner_that_can_never_be_sure_is_refused(tmp_path):
    text = "extends: digits_half\ntune:\n  pruner: wilcoxon\n  space:\n    optimizer.lr: {low: 0.1, high: 1}\n"
    ((*_, message),) = problems(tmp_path, text)
    assert "the smallest p-value over 3 folds is 0.125" in message


def test_conditions_name_a_value_or_a_component():
    assert chosen("concat", {"use": "concat", "hidden": 8})
    assert chosen([8], [8])
    assert not chosen(1, 1.0)
    assert not chosen("concat", {"use": "mean"})


def test_neither_optuna_nor_torch_is_loaded_for_a_recipe():
    code = (
        "import sys; from xdistill.recipe.load import load_recipe; "
        "load_recipe({'extends': 'digits_half', 'tune': {'space': {'seed': {'choices': [1, 2]}}}}); "
        "print(sorted({'optuna', 'torch'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
