import numpy as np
import pytest
from pydantic import ValidationError

from tabular.omics import write
from xdistill.errors import DataError
from xdistill.types import ColumnSpec
from xdistill_tabular.mogonet import Mogonet


def dataset(folder, settings=None, **changes):
    return Mogonet(Mogonet.Config(**{**write(folder, **changes), **(settings or {})}))


def test_subjects_are_the_rows_training_part_first(tmp_path):
    data = dataset(tmp_path)
    assert [(row.subject, row.target) for row in data.index()] == [
        ("train-0001", 0),
        ("train-0002", 1),
        ("train-0003", 1),
        ("train-0004", 0),
        ("test-0001", 1),
        ("test-0002", 0),
    ]
    assert data.official_test() == ["test-0001", "test-0002"]


def test_values_of_both_parts_and_a_missing_one(tmp_path):
    subjects = list(dataset(tmp_path).load_many(range(6)))
    mrna = np.stack([subject["mrna"] for subject in subjects])
    np.testing.assert_array_equal(mrna, [[0.5, 1.5], [2.5, np.nan], [4.5, 5.5], [6.5, 7.5], [8.5, 9.5], [0.1, 200]])
    assert [subject["mirna"].tolist() for subject in subjects] == [[1], [2], [3], [4], [5], [6]]


def test_columns_have_names_where_there_is_a_file_of_them(tmp_path):
    modalities = dataset(tmp_path).schema().modalities
    assert modalities["mrna"].columns == (ColumnSpec("ENSG1"), ColumnSpec("ENSG2"))
    assert (modalities["mirna"].columns, modalities["mirna"].shape) == ((), (1,))


def test_its_sources_are_the_files_it_reads_and_their_place_does_not_matter(tmp_path):
    data = dataset(tmp_path)
    assert {path.name for path in data.sources()} == {
        "1_tr.csv",
        "1_te.csv",
        "3_tr.csv",
        "3_te.csv",
        "labels_tr.csv",
        "labels_te.csv",
        "1_featname.csv",
    }
    assert "path" not in Mogonet.cache_settings(data.config)
    assert Mogonet.cache_settings(data.config)["views"] == {"mrna": 1, "mirna": 3}


def test_title(tmp_path):
    assert dataset(tmp_path).facts().title == tmp_path.name
    assert dataset(tmp_path, {"title": "Omics", "source": "somebody"}).facts().source == "somebody"


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"1_tr": "0.5,x\n"}, r"1_tr\.csv: not a table of numbers: could not convert string"),
        ({"1_tr": "1,2\n3\n"}, r"1_tr\.csv: not a table of numbers: .*column"),
        ({"1_tr": ""}, r"1_tr\.csv: the file is empty"),
        ({"1_te": "1,2\n"}, r"1_te\.csv: 1 rows, but labels_te\.csv has 2"),
        ({"1_te": "1\n2\n"}, r"1_te\.csv: 1 columns, but the training part has 2"),
        ({"1_featname": "a\n"}, r"1_featname\.csv: 1 names, but the view has 2 columns"),
        ({"labels_te": "1\n2\n"}, r"labels_te\.csv, line 2: 2 is not one of the labels 0 to 1; name all classes"),
        ({"labels_te": "1\nnan\n"}, r"labels_te\.csv, line 2: nan is not one of the labels"),
        ({"labels_tr": "1,0\n1,0\n1,0\n1,0\n"}, r"labels_tr\.csv: 2 columns; labels are one column"),
    ],
)
def test_files_that_cannot_be_used(tmp_path, changes, message):
    data = dataset(tmp_path, **changes)
    with pytest.raises(DataError, match=message):
        (data.schema(), data.index())


def test_a_view_that_is_not_there(tmp_path):
    with pytest.raises(DataError, match=r"2_tr\.csv: cannot be read: no such file; `data\.path` must name a folder"):
        dataset(tmp_path, {"views": {"methylation": 2}}).schema()


def test_a_file_that_is_no_text(tmp_path):
    data = dataset(tmp_path)
    (tmp_path / "1_tr.csv").write_bytes(b"\xff\xfe1")
    with pytest.raises(DataError, match=r"1_tr\.csv: cannot be read: it is not UTF-8"):
        data.schema()


def test_two_views_of_one_number():
    with pytest.raises(ValidationError, match="two modalities have the same number"):
        Mogonet.Config(path="x", views={"a": 1, "b": 1}, classes=["a", "b"])


def test_rosmap_is_as_published(real_data):
    views = {"mrna": 1, "methylation": 2, "mirna": 3}
    data = Mogonet(Mogonet.Config(path=real_data / "rosmap", views=views, classes=["control", "alzheimer"]))
    assert len(data.index()) == 351
    assert len(data.official_test()) == 106
    assert {name: spec.shape for name, spec in data.schema().modalities.items()} == dict.fromkeys(views, (200,))
    assert sum(row.target for row in data.index()) == 182  # 169 controls, as the paper counts them
