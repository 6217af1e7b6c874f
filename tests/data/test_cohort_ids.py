"""The spellings of one id in Unicode are one subject."""

import unicodedata

import pytest

from data.toys import Toy
from xdistill.data import build_cohort, open_cohort
from xdistill.errors import DataError
from xdistill.interfaces.component import Choice
from xdistill.interfaces.dataset import SubjectRow
from xdistill.recipe.schema.recipe import CacheRecipe


def build(folder, ids, monkeypatch):
    monkeypatch.setattr(Toy, "index", lambda _: [SubjectRow(one, one, row % 2) for row, one in enumerate(ids)])
    choice = Choice(Toy, Toy.Config(subjects=len(ids)))
    return open_cohort(build_cohort(choice, CacheRecipe(), directory=folder, workers=1))


def test_ids_are_composed(tmp_path, monkeypatch):
    cohort = build(tmp_path, ["a", unicodedata.normalize("NFD", "Zoë")], monkeypatch)
    assert cohort.subjects == cohort.patients == ("a", "Zoë")


def test_two_spellings_of_an_id_are_one_subject_twice(tmp_path, monkeypatch):
    with pytest.raises(DataError, match="'Zoë' occurs twice"):
        build(tmp_path, [unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD")], monkeypatch)
