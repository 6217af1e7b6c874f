"""The deprecated names of a recipe's problems, and their order."""

import pytest

from xdistill import errors
from xdistill.errors import Problem, RecipeError


def test_the_deprecated_names_warn_and_name_the_new_ones():
    error = RecipeError([Problem("is missing", "data.x", "a.yaml", 3, 4)])
    with pytest.warns(DeprecationWarning, match=r"use RecipeError\.problems"):
        assert error.faults == error.problems
    with pytest.warns(DeprecationWarning, match=r"use xdistill\.errors\.Problem"):
        assert errors.Fault is Problem
    with pytest.raises(AttributeError, match="'Nothing'"):
        _ = errors.Nothing


def test_problems_in_files_come_first_from_top_to_bottom():
    found = [Problem("c"), Problem("b", source="a.yaml", line=9, column=1), Problem("a", source="a.yaml", line=2)]
    assert [problem.message for problem in sorted(found, key=lambda problem: problem.sort_key)] == ["a", "b", "c"]
