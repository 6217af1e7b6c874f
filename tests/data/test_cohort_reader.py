import gc
import multiprocessing
import pickle
from pathlib import Path

import h5py
import numpy as np
import pytest

from data.toys import SHAPE, build
from waiting import LONG
from xdistill.data import open_cohort
from xdistill.data.file.checksum import BLOCK, checksum
from xdistill.errors import CacheError, DataError
from xdistill.recipe.schema.recipe import CacheRecipe


@pytest.fixture(params=["none", "lzf"])
def cohort(request, tmp_path):
    return open_cohort(build(tmp_path, cache=CacheRecipe(compression=request.param)))


def test_rows_come_in_the_order_they_were_asked_for(cohort):
    whole = cohort.load()["mri"]
    rows = [7, 2, 2, 11, 0]
    np.testing.assert_array_equal(cohort.values("mri", rows), whole[rows])
    np.testing.assert_array_equal(cohort.values("mri", np.array([], dtype=int)), np.zeros((0, *SHAPE)))
    np.testing.assert_array_equal(cohort.values("mri", range(12)), whole)


def test_rows_and_names_that_are_not_there(cohort):
    with pytest.raises(IndexError, match="0 to 11"):
        cohort.values("mri", [12])
    with pytest.raises(IndexError):
        cohort.values("mri", [-1])
    with pytest.raises(DataError, match="unknown modality 'ct'"):
        cohort.values("ct", [0])
    with pytest.raises(DataError, match="no subject 's99'"):
        cohort.rows_of(["s01", "s99"])
    assert cohort.rows_of(["s11", "s03"]).tolist() == [11, 3]


def test_what_is_handed_out_can_be_changed_without_harm(cohort):
    cohort.targets[:] = 5
    cohort.present("blood")[:] = True
    cohort.values("mri", [0])[:] = 5
    assert cohort.targets.tolist() == [0, 1] * 6
    assert not cohort.present("blood")[0]
    assert cohort.values("mri", [0]).max() < 5


def test_a_pickled_cohort_reads(cohort):
    cohort.values("mri", [1])
    copy = pickle.loads(pickle.dumps(cohort))  # noqa: S301  # our own bytes
    np.testing.assert_array_equal(copy.values("mri", [1]), cohort.values("mri", [1]))


def test_a_pickled_cohort_refuses_another_file(tmp_path):
    path = build(tmp_path / "a")
    message = pickle.dumps(open_cohort(path))
    build(tmp_path / "b", scale=2).replace(path)
    with pytest.raises(CacheError, match="replaced by another cohort"):
        pickle.loads(message)  # noqa: S301  # our own bytes


def total(cohort, queue):
    queue.put(float(cohort.values("mri", [1, 5]).sum()))


def test_a_forked_process_reads(cohort):
    expected = float(cohort.values("mri", [1, 5]).sum())
    context = multiprocessing.get_context("fork")
    queue = context.Queue()
    child = context.Process(target=total, args=(cohort, queue))
    child.start()
    assert queue.get(timeout=LONG) == expected
    child.join()
    child.close()
    queue.close()
    queue.join_thread()
    assert float(cohort.values("mri", [1, 5]).sum()) == expected


def open_files():
    gc.collect()
    return sum(1 for _ in Path("/proc/self/fd").iterdir())


def test_files_are_closed(tmp_path):
    cohort = open_cohort(build(tmp_path))
    before = open_files()
    cohort.load()
    assert open_files() == before + 1
    cohort.close()
    assert open_files() == before
    cohort.load()
    del cohort
    assert open_files() == before


def test_a_plain_hdf5_reader_understands_the_file(tmp_path):
    path = build(tmp_path)
    cohort = open_cohort(path)
    with h5py.File(path) as file:
        values = file["modalities/mri/values"]
        assert values.chunks == (1, *SHAPE)
        assert values.fletcher32
        np.testing.assert_array_equal(values[()], cohort.load()["mri"])
        assert [text.decode() for text in file["subjects"]] == list(cohort.subjects)


def test_large_reads_in_threads_give_the_same(tmp_path, monkeypatch):
    cohort = open_cohort(build(tmp_path))
    alone = cohort.load()
    monkeypatch.setattr("xdistill.data.reader._BYTES_PER_THREAD", 100)
    monkeypatch.setattr("xdistill.data.reader.cores", lambda: 4)
    for name, values in cohort.load().items():
        np.testing.assert_array_equal(values, alone[name])
    np.testing.assert_array_equal(cohort.values("mri", [3, 1]), alone["mri"][[3, 1]])


def splitmix(number):
    """Vigna's reference, one number at a time."""
    mask = 2**64 - 1
    state = ((number + 1) * 0x9E3779B97F4A7C15) & mask
    state = ((state ^ (state >> 30)) * 0xBF58476D1CE4E5B9) & mask
    state = ((state ^ (state >> 27)) * 0x94D049BB133111EB) & mask
    return state ^ (state >> 31)


def test_the_generator_is_the_published_one():
    assert splitmix(0) == 0xE220A8397B1DCDAF


@pytest.mark.parametrize("size", [1, 7, 8, 100, BLOCK * 8 - 1, BLOCK * 8, BLOCK * 16 + 21, BLOCK * 8 * 65 + 3])
def test_the_checksum_is_what_the_format_says(size):
    data = np.random.default_rng(size).integers(0, 256, size, dtype=np.uint8)
    padded = data.tobytes() + bytes(-size % 8)
    words = [int.from_bytes(padded[start : start + 8], "little") for start in range(0, len(padded), 8)]
    expected = 0
    for index, word in enumerate(words):
        block, place = divmod(index, BLOCK)
        expected += (splitmix(BLOCK + block) | 1) * (splitmix(place) | 1) * (word ^ word >> 29)
    assert checksum(data) == expected % 2**64


def test_every_flipped_bit_changes_the_checksum():
    data = np.random.default_rng(0).integers(0, 256, 40, dtype=np.uint8)
    for place in range(320):
        changed = data.copy()
        changed[place // 8] ^= 1 << place % 8
        assert checksum(changed) != checksum(data)


def test_damage_to_many_values_changes_the_checksum():
    values = np.random.default_rng(0).standard_normal((3, 10_000), dtype=np.float32)
    sums = {
        checksum(values),
        checksum(-values),
        checksum(values[::-1].copy()),
        checksum(values * 2),
        checksum(values * 0),
    }
    for count in range(2, 10):
        negated = values.copy()
        negated[0, :count] *= -1
        swapped = values.copy()
        swapped[0, : 2 * count] = np.roll(swapped[0, : 2 * count], 2)
        shifted = np.roll(values.reshape(-1), count).reshape(values.shape)
        sums |= {checksum(negated), checksum(swapped), checksum(shifted)}
    assert len(sums) == 5 + 3 * 8
