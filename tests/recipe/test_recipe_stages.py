"""The two kinds of stage: what each takes, and what is said about one that is neither."""

import pytest

from xdistill.recipe.load import load_recipe
from xdistill.recipe.schema.recipe import FitStage, TrainStage

START = "name: x\ndata: {use: p}\nstudent: {use: s}\nstages:\n"


def test_each_stage_is_of_its_kind_and_stays_so_when_it_is_written_out(write):
    text = START + (
        "  - {name: a, train: [student], epochs: 1, objective: [{use: f}]}\n  - {name: b, fit: [student.head]}\n"
    )
    recipe = load_recipe(write(text)).recipe
    assert [type(stage) for stage in recipe.stages] == [TrainStage, FitStage]
    assert recipe.model_dump(mode="json")["stages"][1] == {"name": "b", "fit": ["student.head"]}
    assert load_recipe(recipe).recipe == recipe


@pytest.mark.parametrize(
    ("stage", "places", "words"),
    [
        ("{name: a}", {("stages.0", 5)}, "either `train`, with `epochs` and `objective`"),
        ("{name: a, fit: [student.h], train: [student]}", {("stages.0", 5)}, "write one stage for each"),
        (
            "{name: a, fit: [student.h], epochs: 3}",
            {("stages.0.epochs", 33)},
            "unknown field `epochs`; valid fields: `name`, `fit`",
        ),
        ("{name: a, fit: [student.h], batch_size: 3}", {("stages.0.batch_size", 33)}, "unknown field `batch_size`"),
        ("{name: a, fit: []}", {("stages.0.fit", 20)}, "should have at least 1 item, not 0"),
        ("{name: a, fit: student.h}", {("stages.0.fit", 20)}, "write `[student.h]`"),
        ("{fit: [student.h]}", {("stages.0.name", 5)}, "unique among the stages"),
        (
            "{name: a, train: [student]}",
            {("stages.0.epochs", 5), ("stages.0.objective", 5)},
            "this field is required",
        ),
        ("{name: a, epochs: 2, objective: [{use: f}]}", {("stages.0.train", 5)}, "this field is required"),
        (
            "{name: a, train: [student], epochz: 2, epochs: 1, objective: [{use: f}]}",
            {("stages.0.epochz", 33)},
            "did you mean `epochs`",
        ),
    ],
)
def test_problems_of_stages_have_their_place(write, problems_in, stage, places, words):
    problems = problems_in(load_recipe, write(f"{START}  - {stage}\n"))
    assert {(problem.path, problem.column) for problem in problems} == places
    assert {problem.line for problem in problems} == {5}
    assert all(words in problem.message for problem in problems)


def test_stages_of_both_kinds_have_names_of_their_own(write, problems_in):
    stages = "  - {name: a, fit: [student.h]}\n" * 2
    (problem,) = problems_in(load_recipe, write(START + stages))
    assert (problem.path, problem.line) == ("stages.1.name", 6)
