"""A vector whose items are all missing is a modality that the subject lacks."""

import numpy as np

from data.toys import Toy
from xdistill.data import build_cohort, open_cohort
from xdistill.data.build import _has_blank_vectors
from xdistill.interfaces.component import Choice
from xdistill.recipe.schema.recipe import CacheRecipe


class Blank(Toy):
    """The toy, in which subject 1 has a row without any value and subject 2 one with a single value."""

    name = "blank"

    def load(self, row):
        values = dict(super().load(row))
        if row == 1:
            values["blood"] = np.full(3, np.nan)
        if row == 2:
            values["blood"] = np.array([np.nan, 1.0, np.nan])
        return values


def built(folder, dataset=Blank):
    return build_cohort(Choice(dataset, dataset.Config()), CacheRecipe(), directory=folder, workers=1)


def test_a_blank_vector_is_absent_and_one_value_is_enough_to_be_there(tmp_path):
    cohort = open_cohort(built(tmp_path))
    assert cohort.present("blood").tolist() == [False, False, True, True, True, False, *[True] * 4, False, True]
    assert cohort.values("blood", [1]).tolist() == [[0.0, 0.0, 0.0]]
    assert cohort.values("blood", [2])[0, 1] == 1.0


def test_a_file_in_which_blank_vectors_count_as_present_is_built_again(tmp_path, monkeypatch):
    with monkeypatch.context() as patch:
        patch.setattr("xdistill.data.subject.is_blank", lambda value, spec: value is None and bool(spec))
        old = built(tmp_path)
    assert open_cohort(old).present("blood")[1]
    assert _has_blank_vectors(open_cohort(old))
    new = built(tmp_path)
    assert new == old
    assert not open_cohort(new).present("blood")[1]


def test_a_file_without_blank_vectors_is_kept(tmp_path):
    first = built(tmp_path, Toy).read_bytes()
    assert built(tmp_path, Toy).read_bytes() == first
