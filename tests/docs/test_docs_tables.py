"""docs/tables.md: its table comes out as the page says, and so do the notes."""

import numpy as np
import pytest

from docs.pages import DOCS, blocks
from xdistill.experiment.assemble import assemble
from xdistill.recipe.load import load_recipe

PAGE = "docs/tables.md"


@pytest.fixture
def experiment(tmp_path, catalog):
    table = next(block.text for block in blocks("text", PAGE) if block.text.startswith("Pat.-Nr."))
    (recipe,) = blocks("yaml", PAGE)
    (tmp_path / "clinic.csv").write_bytes(table.replace("\n", "\r\n").encode("cp1252"))
    (tmp_path / "recipe.yaml").write_text(recipe.text, encoding="utf-8")
    return assemble(load_recipe(tmp_path / "recipe.yaml"), catalog)


def test_the_values_are_those_of_the_page(experiment):
    lines = [line for line in (DOCS / "tables.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    start = next(place for place, line in enumerate(lines) if line.startswith("| subject | GGT"))
    rows = [[cell.strip(" `") for cell in line.strip("|").split("|")] for line in lines[start : start + 7]]
    shown = {row[0]: dict(zip(rows[0], row, strict=True)) for row in rows[1:]}
    dataset = experiment.data.build()
    schema, vectors = dataset.schema(), dataset.vectors()
    for place, subject in enumerate(dataset.index()):
        expected = shown[subject.subject]
        assert schema.classes[subject.target] == expected["label"]
        for modality, matrix in vectors.items():
            for column, value in zip(schema.modalities[modality].columns, matrix[place], strict=True):
                cell = expected[column.name]
                if column.kind == "categorical":
                    assert column.categories[int(value)] == cell
                else:
                    np.testing.assert_equal(value, float(cell or "nan"))


def test_the_notes_are_those_of_the_page(experiment):
    notes = next(block.text for block in blocks("text", PAGE) if block.text.startswith("read  "))
    assert [f"read  {note}" for note in experiment.data.build().reading().notes] == notes.splitlines()
