"""docs/your-cohort.md: its CSV file and recipe make a cohort, and its errors are those that come."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path

import nibabel
import numpy as np
import pytest

from docs.pages import ROOT, blocks
from xdistill.data import build_cohort, make_splits, open_cohort
from xdistill.errors import CacheError, DataError
from xdistill.experiment.assemble import assemble, choose_dataset
from xdistill.recipe.load import load_recipe

PAGE = "docs/your-cohort.md"
SUBJECTS = 12


@pytest.fixture
def liver(tmp_path) -> Path:
    """`liver.csv`, its volumes and `liver.yaml`, as the page shows them but with more rows."""
    (example,) = blocks("csv", PAGE)
    header, first, second = csv.reader(io.StringIO(example.text))
    assert second[header.index("AFP")] == "", "the page shows a missing value"
    rows = []
    for number in range(1, SUBJECTS + 1):
        row = dict(zip(header, [cell.replace("P001", f"P{number:03d}") for cell in first], strict=True))
        rows.append({**row, "label": f"M{number % 3}", "AFP": "" if number == 2 else str(number)})
        for phase in ("hbp", "pre"):
            write_volume(tmp_path / row[phase], np.random.default_rng(number).normal(size=(8, 9, 10)))
    with (tmp_path / "liver.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, header)
        writer.writeheader()
        writer.writerows(rows)
    recipe = next(block.text for block in blocks("yaml", PAGE) if "path: liver.csv" in block.text)
    (tmp_path / "liver.yaml").write_text(recipe, encoding="utf-8")
    return tmp_path


def write_volume(path: Path, values: np.ndarray, affine: np.ndarray | None = None) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    spacing = np.diag([2.0, 2.0, 4.0, 1.0]) if affine is None else affine
    nibabel.save(nibabel.Nifti1Image(values.astype("float32"), spacing), path)


def build(folder: Path, catalog, *changes: str) -> Path:
    loaded = load_recipe(folder / "liver.yaml", overrides=changes)
    return build_cohort(choose_dataset(loaded, catalog), loaded.recipe.cache, directory=folder / "cache", workers=1)


def edit(folder: Path, before: str, after: str) -> None:
    path = folder / "liver.csv"
    text = path.read_text(encoding="utf-8")
    assert before in text
    path.write_text(text.replace(before, after), encoding="utf-8")


def explained(message: str) -> str:
    """The page's line for a message, matched by the words that do not depend on the file."""
    rows = re.findall(r"^\| (.+?) \| .+ \|$", (ROOT / PAGE).read_text(encoding="utf-8"), re.MULTILINE)
    found = [row for row in rows if row in message]
    assert found, f"the page does not explain: {message}"
    return found[0]


def test_the_recipe_assembles_and_the_cohort_is_built(liver, catalog):
    experiment = assemble(load_recipe(liver / "liver.yaml"), catalog)
    assert experiment.privileged == ("clinical",)
    cohort = open_cohort(build(liver, catalog))
    assert len(cohort) == SUBJECTS
    assert cohort.schema.classes == ("M0", "M1", "M2")
    assert cohort.schema.modalities["hbp"].shape == (1, 12, 24, 24)
    assert [column.name for column in cohort.schema.modalities["clinical"].columns] == ["AFP", "sex"]
    assert np.isnan(cohort.values("clinical", np.array([1]))[0, 0])


def test_the_five_lines_of_the_readme_assemble(liver, catalog):
    block = blocks("yaml", "README.md")[0]
    assert len(block.text.splitlines()) == 5
    (liver / "five.yaml").write_text(block.text, encoding="utf-8")
    experiment = assemble(load_recipe(liver / "five.yaml"), catalog)
    assert experiment.facts["student"].inputs == ("hbp", "pre")
    assert experiment.privileged == ("clinical",)


def duplicate(folder: Path) -> tuple[str, ...]:
    edit(folder, "P002,", "P001,")
    return ()


def missing_file(folder: Path) -> tuple[str, ...]:
    edit(folder, "scans/P002_hbp", "scans/P02_hbp")
    return ()


def unknown_label(folder: Path) -> tuple[str, ...]:
    edit(folder, "P003,M0", "P003,m0")
    return ("data.classes=[M0, M1, M2]",)


def other_delimiter(folder: Path) -> tuple[str, ...]:
    edit(folder, ",", ";")
    return ('data.delimiter=","',)


def cell_too_many(folder: Path) -> tuple[str, ...]:
    edit(folder, "P003_pre.nii.gz,3,", "P003_pre.nii.gz,3,5,")
    return ()


def not_a_number(folder: Path) -> tuple[str, ...]:
    values = np.random.default_rng(0).normal(size=(8, 9, 10))
    values[0, 0, 0] = np.nan
    write_volume(folder / "scans/P004_pre.nii.gz", values)
    return ()


def truncated(folder: Path) -> tuple[str, ...]:
    path = folder / "scans/P004_pre.nii.gz"
    path.write_bytes(path.read_bytes()[:500])
    return ()


def no_spacing(folder: Path) -> tuple[str, ...]:
    image = nibabel.Nifti1Image(np.random.default_rng(0).normal(size=(8, 9, 10)).astype("float32"), None)
    nibabel.save(image, folder / "scans/P004_pre.nii.gz")
    return ("data.preprocess.spacing=[4, 2, 2]",)


def other_shape(folder: Path) -> tuple[str, ...]:
    write_volume(folder / "scans/P004_pre.nii.gz", np.random.default_rng(0).normal(size=(5, 9, 10)))
    return ("data.preprocess.size=null",)


FAULTS = (
    duplicate,
    missing_file,
    unknown_label,
    other_delimiter,
    cell_too_many,
    not_a_number,
    truncated,
    no_spacing,
    other_shape,
)


@pytest.mark.parametrize("spoil", FAULTS)
def test_errors_of_the_source_are_explained(spoil, liver, catalog):
    changes = spoil(liver)
    with pytest.raises(DataError) as caught:
        build(liver, catalog, *changes)
    assert explained(str(caught.value))


@pytest.mark.parametrize(("folds", "keep"), [(20, SUBJECTS), (2, 4)])
def test_errors_of_the_splits_are_explained(folds, keep, liver, catalog):
    cohort = open_cohort(build(liver, catalog))
    crossval = load_recipe(liver / "liver.yaml", overrides=[f"crossval.folds={folds}"]).recipe.crossval
    with pytest.raises(DataError) as caught:
        make_splits(
            cohort.subjects[:keep], cohort.patients[:keep], cohort.targets[:keep], cohort.schema.classes, crossval, "x"
        )
    assert explained(str(caught.value))


def test_a_damaged_cohort_file_is_explained(liver, catalog):
    path = build(liver, catalog)
    cohort = open_cohort(path)
    values = cohort.values("hbp", np.array([3])).tobytes()[:64]
    content = bytearray(path.read_bytes())
    content[content.index(values)] ^= 1
    path.write_bytes(content)
    with pytest.raises(CacheError) as caught:
        open_cohort(path).values("hbp", np.array([3]))
    assert explained(str(caught.value))
