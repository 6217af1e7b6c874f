"""Cohort files that were changed or made by others: metadata, links, unknown objects, sizes that are only stated."""

import json
import os
import tracemalloc

import h5py
import numpy as np
import pytest

from data.toys import build
from xdistill.data import open_cohort, verify_cohort
from xdistill.data.file.guard import METADATA, WEAKER
from xdistill.errors import CacheError


@pytest.fixture
def path(tmp_path):
    return build(tmp_path)


def rewritten(file, name, values):
    del file[name]
    file.create_dataset(name, data=values, chunks=values.shape, fletcher32=True)


def with_facts(file, **changes):
    facts = json.loads(file["facts"][()].tobytes()) | changes
    rewritten(file, "facts", np.frombuffer(json.dumps(facts).encode(), dtype=np.uint8))


CHANGES = {
    "synthetic": lambda file: with_facts(file, synthetic=False),
    "bounds": lambda file: with_facts(file, bounds={"image": 0.9}),
    "key": lambda file: file.attrs.modify("key", np.bytes_("0" * 64)),
    "created": lambda file: file.attrs.modify("created", np.bytes_("2020-01-01T00:00:00+00:00")),
    "versions": lambda file: file.attrs.modify("versions", np.bytes_("{}")),
    "another attribute": lambda file: file.attrs.create("licence", np.bytes_("mine")),
    "grids": lambda file: rewritten(file, "grids", np.frombuffer(b"{}", dtype=np.uint8)),
    "checksums": lambda file: rewritten(file, "modalities/mri/checksums", file["modalities/mri/checksums"][()][::-1]),
    "the checksum": lambda file: file.attrs.modify(METADATA, np.bytes_("0" * 64)),
}


@pytest.mark.parametrize("change", CHANGES)
def test_changed_metadata_are_found(path, change):
    with h5py.File(path, "r+") as file:
        CHANGES[change](file)
    assert verify_cohort(path)
    if change != "checksums":
        assert "do not match their checksum" in verify_cohort(path)[0]
    with pytest.raises(CacheError, match="do not match their checksum"):
        open_cohort(path)


def test_a_file_without_the_checksum_is_read_and_said_to_be_less_sure(path):
    assert open_cohort(path).notes == ()
    with h5py.File(path, "r+") as file:
        del file.attrs[METADATA]
    assert verify_cohort(path) == []
    assert open_cohort(path).notes == (WEAKER,)


def unsealed(path, change):
    with h5py.File(path, "r+") as file:
        del file.attrs[METADATA]
        change(file)


def linked(file):
    del file["facts"]
    file["facts"] = h5py.ExternalLink("other.h5", "/facts")


def present_twice(file):
    present = file["modalities/mri/present"][()]
    present[2] = 2
    file["modalities/mri/present"][...] = present


UNSOUND = {
    "an external link": (linked, "'facts' is a link"),
    "a soft link": (lambda file: file.__setitem__("alias", h5py.SoftLink("/facts")), "'alias' is a link"),
    "an unknown table": (lambda file: file.create_dataset("extra", data=[1]), "'/extra', which is not part"),
    "an unknown group": (lambda file: file.create_group("extra"), "'/extra', which is not part"),
    "an unknown part": (lambda file: file.create_dataset("modalities/mri/x", data=[1]), "which is not part"),
    "values of present": (present_twice, "other values than 0 and 1"),
    "facts of other types": (lambda file: with_facts(file, synthetic="no"), "another type"),
    "format_version": (lambda file: file.attrs.create("format_version", [1, 1]), r"format version \[1 1\]"),
    "facts that are a list": (lambda file: rewritten(file, "facts", np.frombuffer(b"[1]", np.uint8)), "cannot be read"),
    "nested facts": (
        lambda file: rewritten(file, "facts", np.frombuffer(b"[" * 100_000, np.uint8)),
        "cannot be read",
    ),
}


@pytest.mark.parametrize("what", UNSOUND)
def test_what_is_not_of_the_format_is_refused(path, what):
    change, message = UNSOUND[what]
    unsealed(path, change)
    with pytest.raises(CacheError, match=message):
        open_cohort(path)


@pytest.mark.parametrize("table", ["facts", "subjects", "schema", "digests", "modalities/mri/present"])
def test_a_table_that_states_billions_of_rows_is_refused_before_it_is_read(path, table):
    def change(file):
        dtype = file[table].dtype
        del file[table]
        shape = (6 * 10**9, *((32,) if table == "digests" else ()))
        file.create_dataset(table, shape=shape, dtype=dtype, chunks=(1000, *shape[1:]))

    unsealed(path, change)
    tracemalloc.start()
    try:
        with pytest.raises(CacheError, match=rf"{table}.*(takes [\d,]+ MB.*XDISTILL_MAX_TABLE_MB|states)"):
            open_cohort(path)
        assert tracemalloc.get_traced_memory()[1] < 2**24
    finally:
        tracemalloc.stop()


def test_bytes_behind_the_end_are_found(path):
    assert int.from_bytes(path.read_bytes()[28:36], "little") == path.stat().st_size
    with path.open("ab") as file:
        file.write(b"more")
    with pytest.raises(CacheError, match="4 bytes after the end that it states"):
        open_cohort(path)
    assert "4 bytes after the end that it states" in verify_cohort(path)[0]


def test_a_pipe_is_no_cohort(tmp_path):
    os.mkfifo(tmp_path / "pipe.h5")
    with pytest.raises(CacheError, match="it is a named pipe"):
        open_cohort(tmp_path / "pipe.h5")
