"""Recipes of thousands of stages, terms or branches are refused at once, and equal terms are checked once."""

import json
import time

import pytest

from tiny import joint, tiny
from xdistill.errors import RecipeError
from xdistill.experiment.assemble import assemble
from xdistill.experiment.stages import terms
from xdistill.plugin import load_catalog
from xdistill.recipe.load import load_recipe


def stages(count):
    return [{**joint("focal", {"use": "class_kl"}, epochs=1), "name": f"s{index}"} for index in range(count)]


def branches(count):
    teacher = tiny()["teacher"]
    return {**teacher, "branches": {f"b{index}": teacher["branches"]["hbp"] for index in range(count)}}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"stages": stages(2000)}, "at most 256 items"),
        ({"teacher": branches(3000)}, "at most 256 items"),
        ({"stages": [joint("focal", *[{"use": "class_kl"}] * 2000, epochs=1)]}, "at most 64 items"),
    ],
)
def test_thousands_are_refused_at_once(changes, message):
    begin = time.process_time()
    with pytest.raises(RecipeError, match=message) as refused:
        assemble(load_recipe(tiny(**changes)), load_catalog())
    assert time.process_time() - begin < 5
    assert len(refused.value.problems) == 1


def test_reading_takes_time_in_proportion_to_the_size(tmp_path):
    seconds = {}
    for count in (20, 80):
        path = tmp_path / f"{count}.yaml"
        path.write_text(json.dumps(tiny(stages=stages(count))))
        begin = time.process_time()
        load_recipe(str(path))
        seconds[count] = time.process_time() - begin
    assert seconds[80] < 12 * seconds[20]  # four times as much, with room for a busy machine


def test_equal_terms_are_called_once(monkeypatch):
    called = []
    kept = terms.dry_run
    monkeypatch.setattr(terms, "dry_run", lambda term, *rest: called.append(term) or kept(term, *rest))
    assemble(load_recipe(tiny(stages=stages(5))), load_catalog())
    assert len(called) == 3  # two task losses and one of distillation, in the first of five stages
