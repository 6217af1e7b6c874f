import re

import pytest

from docs.pages import DOCS, blocks
from xdistill.errors import DataError
from xdistill.recipe.yaml.nodes import to_plain
from xdistill.recipe.yaml.reader import read_yaml
from xdistill_text.table import TextTable

TABLE = """\
subject,label,text,attributes,writer
p1,yes,"So great, so great",rain mud,anna
p2,no,lovely,beach,anna
p3,no,,beach,bert
"""
TEXTS = {"text": {"size": 64}, "picture": {"column": "attributes", "size": 32}}


def table(folder, text=TABLE, **settings):
    (folder / "posts.csv").write_text(text, encoding="utf-8")
    return TextTable(TextTable.Config(**{"path": folder / "posts.csv", "texts": TEXTS, **settings}))


def test_subjects_and_their_counts(tmp_path):
    data = table(tmp_path)
    assert data.schema().classes == ("no", "yes")
    assert {name: spec.shape for name, spec in data.schema().modalities.items()} == {"text": (64,), "picture": (32,)}
    assert [(row.subject, row.patient, row.target) for row in data.index()] == [
        ("p1", "p1", 1),
        ("p2", "p2", 0),
        ("p3", "p3", 0),
    ]
    first, second, third = data.load_many(range(3))
    assert sorted(first["text"][first["text"] > 0].tolist()) in ([2, 2], [4])
    assert first["picture"].sum() == 2
    assert (second["picture"] == third["picture"]).all()
    assert third["text"] is None


def test_posts_of_one_writer_stay_together(tmp_path):
    assert [row.patient for row in table(tmp_path, patient="writer", label="subject").index()] == [
        "anna",
        "anna",
        "bert",
    ]


def test_title_and_sources(tmp_path):
    data = table(tmp_path)
    assert data.facts().title == "posts.csv"
    assert data.sources() == [tmp_path / "posts.csv"]
    assert "path" not in TextTable.cache_settings(data.config)


PRIVATE = "I am Anna Smith"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("subject,", "name,"), r"posts\.csv: unknown column 'subject'; the columns are: name, label"),
        (TABLE.replace(",attributes,", ",attribute,"), "unknown column 'attributes'"),
        (TABLE.replace("label,text", "text,text"), "two columns have the same name"),
        (TABLE.replace("p2,no", "p2,"), r"posts\.csv, line 3: the column 'label' is empty"),
        (TABLE.replace("p2,no", "p1,no"), r"posts\.csv, line 3: the subject of line 2 occurs again"),
        (TABLE + f"p4,no,{PRIVATE},a,b,c\n", r"posts\.csv, line 5: 6 cells, but the header has 5"),
        (TABLE + f'p4,no,"{PRIVATE}', r"posts\.csv, line 5: not valid CSV"),
        ("subject,label,text,attributes\n", "it needs a header and one row per subject"),
        ("", "it needs a header"),
    ],
)
def test_tables_that_cannot_be_used(tmp_path, text, message):
    with pytest.raises(DataError, match=message) as caught:
        table(tmp_path, text).index()
    assert PRIVATE not in str(caught.value)


def test_a_file_that_is_missing_or_no_text(tmp_path):
    data = table(tmp_path)
    (tmp_path / "posts.csv").write_bytes(b"subject,\xff\n")
    with pytest.raises(DataError, match="cannot be read: it is not UTF-8"):
        data.index()
    (tmp_path / "posts.csv").unlink()
    with pytest.raises(DataError, match="no such file"):
        data.index()


def test_the_table_and_the_settings_of_the_gallery(tmp_path):
    (example,) = blocks("csv", "docs/gallery.md")
    (tmp_path / example.file).write_text(example.text, encoding="utf-8")
    (flow,) = re.findall(r"`data: (\{.*?\}\})`", (DOCS / "gallery.md").read_text(encoding="utf-8"))
    reading = read_yaml(flow, "gallery")
    settings = to_plain(reading.root)
    assert settings.pop("use") == TextTable.name
    data = TextTable(TextTable.Config(**{**settings, "path": tmp_path / settings["path"]}))
    assert [row.patient for row in data.index()] == ["anna", "bert"]
    assert [values["attributes"].sum() for values in data.load_many(range(2))] == [3, 3]
