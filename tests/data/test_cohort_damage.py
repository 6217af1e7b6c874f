"""Damaged cohort files."""

import h5py
import numpy as np
import pytest

from data.toys import build
from xdistill.data import open_cohort, verify_cohort
from xdistill.errors import CacheError
from xdistill.recipe.schema.recipe import CacheRecipe


def flip(path, offset, bit=0):
    data = bytearray(path.read_bytes())
    data[offset] ^= 1 << bit
    path.write_bytes(data)


def chunk(path, name, row=0):
    """Where a chunk of a data set lies."""
    with h5py.File(path) as file:
        return file[name].id.get_chunk_info(row).byte_offset


@pytest.fixture
def path(tmp_path):
    return build(tmp_path)


@pytest.mark.parametrize("compression", ["none", "lzf"])
@pytest.mark.parametrize("bit", [0, 7])
def test_a_flipped_bit_in_a_volume_names_the_subject(tmp_path, compression, bit):
    path = build(tmp_path, cache=CacheRecipe(compression=compression))
    flip(path, chunk(path, "modalities/mri/values", 7) + 50, bit)

    (problem,) = verify_cohort(path)
    assert problem.startswith("subject 's07', modality 'mri': HDF5 cannot read the values")
    cohort = open_cohort(path)
    cohort.values("mri", [0, 6, 8])
    with pytest.raises(
        CacheError, match=r"values of subject 's07' in modality 'mri' do not match their checksum; .* data build"
    ):
        cohort.values("mri", [6, 7])
    with pytest.raises(CacheError, match="'s07'"):
        cohort.load()


def test_a_flipped_bit_in_a_vector_names_the_subject(path):
    flip(path, chunk(path, "modalities/blood/values", 3))
    (problem,) = verify_cohort(path)
    assert problem.startswith("subject 's04', modality 'blood'")
    with pytest.raises(CacheError, match="'s04'"):
        open_cohort(path).values("blood", [4])


@pytest.mark.parametrize(
    ("table", "size", "subject"), [("targets", 8, "s05"), ("subjects", 3, "s05"), ("modalities/mri/digests", 32, "s05")]
)
def test_a_flipped_bit_in_a_table_names_the_subject(path, table, size, subject):
    flip(path, chunk(path, table) + 5 * size, 1)
    with pytest.raises(CacheError, match=r"tables cannot be read .* build it again"):
        open_cohort(path)
    problems = verify_cohort(path)
    assert any("tables cannot be read" in problem for problem in problems)
    named = "s" if table == "subjects" else subject
    assert any(problem.startswith("subject ") and named in problem for problem in problems)


def test_a_target_changed_behind_every_checksum_of_hdf5_names_the_subject(path):
    with h5py.File(path, "r+") as file:
        file["targets"][2] = 1
    assert verify_cohort(path) == ["subject 's02': its id, patient, target or list of values does not match its digest"]
    with pytest.raises(CacheError, match="the entries of subject 's02' do not match their digest"):
        open_cohort(path)


def test_values_changed_behind_every_checksum_of_hdf5_name_the_subject(path):
    with h5py.File(path, "r+") as file:
        values = file["modalities/mri/values"]
        values[9, 0, 0, 0, 0] += 1
    assert verify_cohort(path) == ["subject 's09', modality 'mri': the values do not match their SHA-256"]
    with pytest.raises(CacheError, match="'s09'"):
        open_cohort(path).load()


def test_values_where_there_should_be_none(path):
    with h5py.File(path, "r+") as file:
        file["modalities/blood/values"][5] = 1.0
    assert verify_cohort(path) == [
        "subject 's05', modality 'blood': there are values, but the subject does not have this modality"
    ]
    with pytest.raises(CacheError, match="'s05'"):
        open_cohort(path).values("blood", [5])


def test_a_changed_class_name(path):
    with h5py.File(path, "r+") as file:
        schema = file["schema"][()]
        schema[schema.tobytes().index(b"malign")] = ord("M")
        file["schema"][...] = schema
    assert verify_cohort(path) == ["the schema or the list of subjects does not match the fingerprint"]
    with pytest.raises(CacheError, match="content does not match its fingerprint"):
        open_cohort(path)


@pytest.mark.parametrize("keep", [0, 10, 100, 3000, -1])
def test_a_truncated_file(path, keep):
    path.write_bytes(path.read_bytes()[:keep])
    with pytest.raises(CacheError, match="build"):
        open_cohort(path)


def test_another_format_version(path):
    with h5py.File(path, "r+") as file:
        file.attrs["format_version"] = 2
    for read in (open_cohort, verify_cohort):
        with pytest.raises(
            CacheError, match=r"has format version 2; this version of xdistill reads version 1\. Build it again"
        ):
            read(path)


def test_files_that_are_no_cohort(tmp_path):
    with pytest.raises(CacheError, match="no such file"):
        open_cohort(tmp_path / "nothing.h5")
    (tmp_path / "text.h5").write_text("not HDF5")
    with pytest.raises(CacheError, match="not an HDF5 file"):
        open_cohort(tmp_path / "text.h5")
    with h5py.File(tmp_path / "other.h5", "w") as file:
        file["x"] = np.zeros(3)
    with pytest.raises(CacheError, match="is not a cohort"):
        open_cohort(tmp_path / "other.h5")
    with pytest.raises(CacheError, match="it is a folder"):
        verify_cohort(tmp_path)
