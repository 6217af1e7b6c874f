"""The page on the format is true: its reader understands a file, and finds what was changed."""

import re
from pathlib import Path

import h5py
import numpy as np
import pytest

from data.toys import build
from xdistill.data import open_cohort

PAGE = Path(__file__).parents[2] / "docs" / "formats" / "cohort.md"


def read_as_the_page_says(path):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {"path": path}
    exec(compile(code, str(PAGE), "exec"), names)  # noqa: S102  # the page's own example
    return names


def test_the_reader_of_the_page(tmp_path):
    path = build(tmp_path)
    read = read_as_the_page_says(path)
    cohort = open_cohort(path)
    assert tuple(read["subjects"]) == cohort.subjects
    np.testing.assert_array_equal(read["values"]["mri"], cohort.load()["mri"])
    with h5py.File(path, "r+") as file:
        file["modalities/blood/values"][1, 2] = 0
    with pytest.raises(AssertionError):
        read_as_the_page_says(path)


def test_the_page_names_every_part_of_a_file(tmp_path):
    text = PAGE.read_text(encoding="utf-8")
    with h5py.File(build(tmp_path)) as file:
        assert all(f"attribute `{name}`" in text for name in file.attrs)
        parts = []
        file.visititems(lambda name, item: parts.append(name) if isinstance(item, h5py.Dataset) else None)
    for name in parts:
        assert f"`/{re.sub('^modalities/[^/]+', 'modalities/<name>', name)}`" in text
