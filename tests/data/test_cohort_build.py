import resource

import numpy as np
import pytest

from data.toys import SHAPE, Toy, build, toy
from xdistill.data import build_cohort, open_cohort, verify_cohort
from xdistill.data.loading import _portable
from xdistill.errors import CacheError, DataError, WorkerDiedError
from xdistill.recipe.schema.recipe import CacheRecipe


def names(directory):
    return sorted(path.name for path in directory.iterdir())


@pytest.mark.parametrize("compression", ["none", "lzf", "blosc2"])
@pytest.mark.parametrize("dtype", ["float32", "float16"])
def test_what_was_loaded_comes_back(tmp_path, compression, dtype):
    if compression == "blosc2":
        pytest.importorskip("hdf5plugin")
    cohort = open_cohort(build(tmp_path, cache=CacheRecipe(compression=compression, dtype=dtype)))

    source = Toy(Toy.Config())
    for row in range(12):
        expected = source.load(row)
        np.testing.assert_array_equal(cohort.values("mri", [row])[0], expected["mri"].astype(dtype))
        blood = expected["blood"] if expected["blood"] is not None else np.zeros(3)
        np.testing.assert_array_equal(cohort.values("blood", [row])[0], blood)
    assert cohort.values("mri", [0]).dtype == np.float32
    assert cohort.values("blood", [0]).dtype == np.float64
    assert cohort.present("blood").tolist() == [row % 5 != 0 for row in range(12)]
    assert cohort.present("mri").all()
    assert cohort.subjects[:2] == ("s00", "s01")
    assert cohort.targets.tolist() == [0, 1] * 6
    assert cohort.schema == source.schema()
    assert cohort.facts == source.facts()
    assert cohort.nbytes == 12 * (np.prod(SHAPE) * 4 + 3 * 8)
    assert verify_cohort(cohort.path) == []


def test_a_cohort_that_is_there_is_not_loaded_again(tmp_path):
    path = build(tmp_path)
    Toy.loaded.clear()
    assert build(tmp_path) == path
    assert Toy.loaded == []
    assert names(tmp_path) == [path.name]


def test_a_damaged_cohort_is_built_again(tmp_path):
    path = build(tmp_path)
    path.write_bytes(path.read_bytes()[:-3000])
    assert build(tmp_path) == path
    assert verify_cohort(path) == []


def test_workers_do_not_change_the_content(tmp_path):
    path = build(tmp_path / "two", workers=2, subjects=70)
    seen = []
    alone = build(tmp_path / "one", workers=1, subjects=70, on_progress=lambda done, total: seen.append((done, total)))
    assert path.name == alone.name
    first, second = open_cohort(path), open_cohort(alone)
    assert first.fingerprint == second.fingerprint
    for name, values in first.load().items():
        np.testing.assert_array_equal(values, second.load()[name])
    assert seen == [(done, 70) for done in range(71)]


def test_a_worker_error_reaches_the_caller(tmp_path):
    with pytest.raises(DataError) as caught:
        build(tmp_path, workers=2, subjects=70, fail_at=66)
    assert str(caught.value) == "subject 's66': scan.nii ends too early"
    assert names(tmp_path) == []


def test_a_killed_worker_is_reported(tmp_path):
    with pytest.raises(WorkerDiedError, match="reduce --workers"):
        build(tmp_path, workers=2, subjects=70, die_at=40)
    assert names(tmp_path) == []


def test_a_failed_build_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match="'s03'"):
        build(tmp_path, fail_at=3)
    assert names(tmp_path) == []


def test_values_too_large_for_float16(tmp_path):
    with pytest.raises(DataError, match=r"subject 's00', modality 'mri': the value .* float16; set `cache.dtype`"):
        build(tmp_path, cache=CacheRecipe(dtype="float16"), scale=1e5)
    assert open_cohort(build(tmp_path, scale=1e5)).values("mri", [0]).max() > 65504


def test_a_full_disk_is_told_and_leaves_nothing(tmp_path):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    for limit in (0, 3000, 20_000, 60_000):
        resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
        try:
            with pytest.raises(CacheError, match=r"cannot be written to .*File too large.*--cache"):
                build(tmp_path, subjects=200)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert names(tmp_path) == []
    assert verify_cohort(build(tmp_path, subjects=200)) == []


def test_a_folder_that_cannot_be_written(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(CacheError, match="choose another folder"):
        build(tmp_path / "file" / "cache")


def test_a_disk_without_room_is_told_before_anything_is_loaded(tmp_path, monkeypatch):
    monkeypatch.setattr("xdistill.data.build.shutil.disk_usage", lambda _path: type("Usage", (), {"free": 1000})())
    Toy.loaded.clear()
    with pytest.raises(CacheError, match=r"needs 0 MB, but .* has 0 MB left"):
        build(tmp_path)
    assert Toy.loaded == []


def test_blosc2_without_its_package(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "hdf5plugin", None)
    with pytest.raises(Exception, match=r"xdistill\[blosc2\]"):
        build_cohort(toy(), CacheRecipe(compression="blosc2"), directory=tmp_path)


def test_the_key_follows_content_not_place(tmp_path):
    for folder, text in (("a", "1"), ("b", "1"), ("c", "2")):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "table.csv").write_text(text)
    cache = tmp_path / "cache"
    first = build(cache, path=tmp_path / "a" / "table.csv")
    assert build(cache, path=tmp_path / "b" / "table.csv") == first
    assert build(cache, path=tmp_path / "c" / "table.csv") != first
    assert build(cache, path=tmp_path / "a" / "table.csv", scale=2) != first
    assert build(cache, path=tmp_path / "a" / "table.csv", cache=CacheRecipe(dtype="float16")) != first


def test_a_new_version_of_the_importer_is_another_cohort(tmp_path, monkeypatch):
    first = build(tmp_path)
    monkeypatch.setattr(Toy, "version", "2")
    assert build(tmp_path) != first


def test_a_source_that_is_gone(tmp_path):
    with pytest.raises(DataError, match=r"gone.csv: cannot be read: no such file"):
        build(tmp_path, path=tmp_path / "gone.csv")


class BreadError(DataError):
    def __init__(self, *, crumbs):
        super().__init__(f"{crumbs} crumbs")


def test_errors_that_do_not_survive_pickling_keep_their_message():
    error = _portable(BreadError(crumbs=3))
    assert type(error) is DataError
    assert str(error) == "3 crumbs"
    fine = CacheError("as it is")
    assert _portable(fine) is fine
