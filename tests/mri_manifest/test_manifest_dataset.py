import math
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import nibabel
import numpy as np
import pytest

from xdistill.errors import DataError
from xdistill.interfaces import GridSummary, SubjectRow
from xdistill.types import ColumnSpec
from xdistill_mri.manifest import ManifestDataset

ROWS = ("p1,ill,a.npy,61,f", "p2,well,b.npy,,m", "p3,ill,c.npy,47.5,", "p4,well,,NA,f")


def test_columns_find_their_roles_by_themselves(folder):
    dataset = folder.rows(*ROWS)
    assert list(dataset.index()) == [
        SubjectRow("p1", "p1", 0),
        SubjectRow("p2", "p2", 1),
        SubjectRow("p3", "p3", 0),
        SubjectRow("p4", "p4", 1),
    ]
    schema = dataset.schema()
    assert schema.classes == ("ill", "well")
    assert list(schema.modalities) == ["t1", "clinical"]
    assert (schema.modalities["t1"].kind, schema.modalities["t1"].shape) == ("volume", (1, 2, 3, 4))
    assert schema.modalities["clinical"].columns == (
        ColumnSpec("age"),
        ColumnSpec("sex", "categorical", categories=("f", "m")),
    )


def test_values_come_subject_by_subject(folder):
    dataset = folder.rows(*ROWS)
    loaded = list(dataset.load_many([2, 3, 0, 1]))
    np.testing.assert_array_equal(loaded[0]["t1"], np.full((1, 2, 3, 4), 3, np.float32))
    assert loaded[1]["t1"] is None
    np.testing.assert_array_equal(loaded[0]["clinical"], [47.5, math.nan])
    np.testing.assert_array_equal(loaded[1]["clinical"], [math.nan, 0])
    np.testing.assert_array_equal(loaded[2]["clinical"], [61, 0])
    np.testing.assert_array_equal(loaded[3]["clinical"], [math.nan, 1])


def test_the_settings_name_the_roles(folder):
    dataset = folder.rows(
        "x1,A,a.npy,3,c.npy,u,1",
        "x2,A,b.npy,4,,v,1",
        "x3,B,d.npy,5,,u,2",
        header="id,person,scan,age,other,site,outcome",
        columns={"subject": "id", "patient": "person", "label": "outcome"},
        volumes={"liver": "scan"},
        clinical={"name": "table", "include": ["site", "age"], "units": {"age": "years"}},
        classes=[2, 1],
    )
    assert list(dataset.index()) == [SubjectRow("x1", "A", 1), SubjectRow("x2", "A", 1), SubjectRow("x3", "B", 0)]
    schema = dataset.schema()
    assert schema.classes == ("2", "1")
    assert list(schema.modalities) == ["liver", "table"]
    assert schema.modalities["table"].columns == (
        ColumnSpec("site", "categorical", categories=("u", "v")),
        ColumnSpec("age", unit="years"),
    )


def test_paths_without_a_role_are_no_clinical_values(folder):
    dataset = folder.rows("p1,ill,a.npy,b.npy", "p2,well,b.npy,", header="subject,label,t1,t2", volumes=["t1"])
    assert list(dataset.schema().modalities) == ["t1"]


def test_without_clinical_columns_there_is_no_clinical_modality(folder):
    dataset = folder.rows("p1,ill,a.npy", "p2,well,b.npy", header="subject,label,t1")
    assert list(dataset.schema().modalities) == ["t1"]
    assert list(dataset.load(0)) == ["t1"]


def test_clinical_null_drops_the_table(folder):
    assert list(folder.rows(*ROWS, clinical=None).schema().modalities) == ["t1"]


def test_a_table_alone_is_a_cohort(folder):
    dataset = folder.rows("p1,ill,3", "p2,well,4", header="subject,label,age")
    assert list(dataset.schema().modalities) == ["clinical"]


@pytest.mark.parametrize(
    ("labels", "classes"),
    [
        (("10", "9", "-1"), ("-1", "9", "10")),
        (("10", "9", "b"), ("10", "9", "b")),
        (("1.5", "1", "2"), ("1", "1.5", "2")),
    ],
)
def test_classes_are_sorted_by_value_where_all_are_numbers(folder, labels, classes):
    rows = [f"p{row},{label},{row}" for row, label in enumerate(labels)]
    assert folder.rows(*rows, header="subject,label,age").schema().classes == classes


def test_numbers_may_be_names(folder):
    dataset = folder.rows(
        "p1,ill,10", "p2,well,9", "p3,well,10", header="subject,label,stage", clinical={"categorical": ["stage"]}
    )
    assert dataset.schema().modalities["clinical"].columns[0].categories == ("9", "10")
    assert [values["clinical"][0] for values in dataset.load_many(range(3))] == [1, 0, 1]


def test_texts_for_missing_values_hold_in_every_column(folder):
    dataset = folder.rows("p1,ill,n/a,-,?", "p2,well,b.npy,4,m", missing=["N/A", "-", "?"])
    assert dataset.load(0)["t1"] is None
    assert dataset.load(0)["clinical"] is None


def test_a_class_may_be_called_like_a_missing_value(folder):
    rows = ("p1,NA,1", "p2,well,2")
    dataset = folder.rows(*rows, header="subject,label,age", classes=["NA", "well"])
    assert [row.target for row in dataset.index()] == [0, 1]
    with pytest.raises(DataError, match=r"label is missing \(line 2\)"):
        folder.rows(*rows, "p3,ill,3", header="subject,label,age").index()


@pytest.mark.parametrize("start", [b"", b"\xef\xbb\xbf"])
def test_utf_8_is_read_with_and_without_a_mark(folder, start):
    text = "subject,label,größe\r\np1,ill,3\r\np2,well,4\r\n".encode()
    columns = folder.dataset(start + text).schema().modalities["clinical"].columns
    assert [column.name for column in columns] == ["größe"]


def test_other_encodings_and_delimiters_are_settings(folder):
    text = "subject;label;größe\np1;ill;3\np2;well;4\n".encode("cp1252")
    dataset = folder.dataset(text, encoding="cp1252", delimiter=";")
    assert dataset.schema().modalities["clinical"].columns[0].name == "größe"


def test_quotes_blanks_and_blank_lines_do_no_harm(folder):
    dataset = folder.dataset('subject,label,"size, mm"\n\n p1 , ill ,"3"\n,,\np2,well,4\n\n')
    assert [row.subject for row in dataset.index()] == ["p1", "p2"]
    assert dataset.schema().modalities["clinical"].columns[0].name == "size, mm"


def test_a_volume_has_its_own_preprocessing_over_the_common_one(folder):
    dataset = folder.rows(
        "p1,ill,a.npy,a.npy",
        "p2,well,b.npy,b.npy",
        header="subject,label,t1,t2",
        preprocess={"size": [4, 4, 4], "zscore": True, "constant": "zeros"},
        volumes={"t1": {"preprocess": {"zscore": False}}, "t2": {"preprocess": {"size": None}}},
    )
    modalities = dataset.schema().modalities
    assert (modalities["t1"].shape, modalities["t1"].unit) == ((1, 4, 4, 4), "")
    assert (modalities["t2"].shape, modalities["t2"].unit) == ((1, 2, 3, 4), "z-score")
    loaded = dataset.load(1)
    np.testing.assert_array_equal(loaded["t1"], np.full((1, 4, 4, 4), 2))
    np.testing.assert_array_equal(loaded["t2"], np.zeros((1, 2, 3, 4)))


@pytest.mark.parametrize("header", ["subject,label,t1,age,sex", "subject,label,t1,patient,sex"])
def test_a_data_set_is_the_same_once_its_settings_are_written_out(folder, header):
    dataset = folder.rows(*ROWS[:1], "p2,well,b.npy,62,m", header=header)
    again = ManifestDataset(ManifestDataset.Config.model_validate(dataset.config.model_dump(mode="json")))
    assert again.index() == dataset.index()
    assert again.schema() == dataset.schema()


def test_settings_mean_the_same_once_they_are_written_out():
    """An override that equals a default is an override all the same, also after a round trip through a record."""
    common = {"zscore": True}
    plain = ManifestDataset.Config.model_validate({"path": "x.csv", "preprocess": common, "volumes": {"t1": {}}})
    own = ManifestDataset.Config.model_validate(
        {"path": "x.csv", "preprocess": common, "volumes": {"t1": {"preprocess": {"zscore": False}}}}
    )
    assert plain.model_dump(mode="json") != own.model_dump(mode="json")
    for config in (plain, own):
        again = ManifestDataset.Config.model_validate(config.model_dump(mode="json"))
        assert again == config
        assert again.prepared("t1") == config.prepared("t1")


def test_sources_are_the_table_the_volumes_and_the_masks(folder):
    np.save(folder.path / "mask.npy", np.ones((2, 3, 4), np.uint8))
    dataset = folder.rows(
        "p1,ill,a.npy,mask.npy",
        "p2,well,,",
        "p3,well,b.npy,mask.npy",
        header="subject,label,t1,organ",
        preprocess={"crop": {"mask": "organ"}},
    )
    names = [source.name for source in dataset.sources()]
    assert names == ["cohort.csv", "a.npy", "mask.npy", "b.npy"]
    assert list(dataset.schema().modalities) == ["t1"]


def test_boxes_may_stand_in_the_table(folder):
    np.save(folder.path / "big.npy", np.arange(64, dtype=np.float32).reshape(4, 4, 4))
    np.save(folder.path / "big2.npy", np.arange(64, dtype=np.float32).reshape(4, 4, 4))
    dataset = folder.rows(
        "p1,ill,big.npy,0,2",
        "p2,well,big2.npy,2,4",
        header="subject,label,t1,top,bottom",
        preprocess={"crop": {"box": {"depth": ["top", "bottom"], "height": [1, 2], "width": [0, 1]}}},
    )
    assert list(dataset.schema().modalities) == ["t1"]
    np.testing.assert_array_equal(dataset.load(0)["t1"].ravel(), [4, 20])
    np.testing.assert_array_equal(dataset.load(1)["t1"].ravel(), [36, 52])


def test_facts_are_what_the_settings_say(folder):
    dataset = folder.rows(*ROWS, title="Our cohort", source="CC BY 4.0", synthetic=True)
    assert (dataset.facts().title, dataset.facts().source, dataset.facts().synthetic) == (
        "Our cohort",
        "CC BY 4.0",
        True,
    )
    assert (folder.rows(*ROWS).facts().title, folder.rows(*ROWS).facts().synthetic) == ("cohort.csv", False)


def test_facts_hold_the_grids_of_the_files(folder):
    np.save(folder.path / "e.npy", np.zeros((6, 3, 4), np.float32))
    dataset = folder.rows(*ROWS, "p5,ill,e.npy,1,f", preprocess={"spacing_of_arrays": [5, 1, 0.5]})
    # Of the arrays' depth, height and width, x is the last.
    assert dataset.facts().grids == {
        "t1": GridSummary(4, ((4, 4, 4), (3, 3, 3), (2, 2, 6)), ((0.5, 0.5, 0.5), (1, 1, 1), (5, 5, 5)))
    }
    assert folder.rows(*ROWS).facts().grids["t1"].spacing == ()


def test_grids_come_from_the_headers_of_nifti_files(folder):
    affine = np.diag([0.8, 0.9, -3.0, 1.0])
    nibabel.save(nibabel.Nifti1Image(np.zeros((5, 6, 7, 1), np.float32), affine), folder.path / "f.nii.gz")
    (grid,) = folder.rows("p1,ill,f.nii.gz,61,f", "p2,well,,,m").facts().grids.values()
    assert (grid.files, [axis[1] for axis in grid.size]) == (1, [5, 6, 7])
    assert [axis[1] for axis in grid.spacing] == pytest.approx([0.8, 0.9, 3.0])


def test_the_index_opens_no_volume(folder):
    (folder.path / "a.npy").write_text("damaged")
    assert len(folder.rows(*ROWS).index()) == 4


def test_volumes_of_different_shape_are_refused_with_both_shapes(folder):
    np.save(folder.path / "b.npy", np.ones((2, 3, 5)))
    dataset = folder.rows(*ROWS)
    assert dataset.load(0)["t1"].shape == (1, 2, 3, 4)
    with pytest.raises(DataError) as caught:
        dataset.load(1)
    said = str(caught.value)
    assert "subject 'p2', modality 't1'" in said
    assert "a volume of [2, 3, 5] and that of subject 'p1' one of [2, 3, 4] (depth, height, width)" in said
    assert "preprocess.size" in said


@pytest.mark.parametrize(
    ("values", "part"),
    [
        (np.array([[[1.0, math.nan]]]), "1 of 2 voxels are NaN or infinite"),
        (np.ones((2, 2)), "holds 2 dimensions (2 x 2); a 3-D volume is needed"),
    ],
)
def test_a_volume_at_fault_is_named_with_its_subject(folder, values, part):
    np.save(folder.path / "b.npy", values)
    dataset = folder.rows(*ROWS)
    with pytest.raises(DataError) as caught:
        dataset.load(1)
    assert f"subject 'p2', modality 't1': {folder.path / 'b.npy'}: " in str(caught.value)
    assert part in str(caught.value)


def test_the_schema_takes_the_first_volume_that_can_be_read(folder):
    (folder.path / "a.npy").write_bytes(b"\x93NUMPY")
    assert folder.rows(*ROWS).schema().modalities["t1"].shape == (1, 2, 3, 4)
    for name in "bcd":
        (folder.path / f"{name}.npy").write_bytes(b"\x93NUMPY")
    with pytest.raises(DataError, match=r"subject 'p1', modality 't1'.*is damaged"):
        folder.rows(*ROWS).schema()


def test_other_processes_read_the_same_values(folder):
    dataset = folder.rows(*ROWS)
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        there = list(pool.map(ManifestDataset(dataset.config).load, range(4)))
    for row, values in enumerate(there):
        for name, expected in dataset.load(row).items():
            np.testing.assert_array_equal(values[name], expected)
