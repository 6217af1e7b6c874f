"""The folder of the teacher cache: files are whole, the least recently used go first, and errors are reported."""

import os
import threading
from pathlib import Path

import pytest
import torch

from tiny import tiny
from xdistill.distillation.teacher_cache.key import rows_digest, state_digest
from xdistill.distillation.teacher_cache.store import TeacherCache, cached_files, clear
from xdistill.recipe.load import as_loaded


@pytest.fixture
def cache(tmp_path):
    return TeacherCache(tmp_path / "cache", {}, disk_mb=1)


def test_whoever_wants_the_same_waits(cache):
    order, about_to_wait = [], threading.Event()

    def second():
        about_to_wait.set()
        with cache.one_at_a_time("key"):
            order.append("second")

    thread = threading.Thread(target=second)
    with cache.one_at_a_time("key"):
        thread.start()
        about_to_wait.wait()
        thread.join(0.3)  # long enough to come in, were it let
        order.append("first")
    thread.join()
    assert order == ["first", "second"]
    assert not list(cache.folder.glob(".*.lock"))


def test_who_wants_something_else_does_not(cache):
    with cache.one_at_a_time("key"), cache.one_at_a_time("other"):
        pass


def test_what_is_kept_is_there_whole_and_nothing_beside_it(cache):
    path = cache.teacher("abcdef")
    cache.write(path, b"some")
    cache.write(path, b"other")
    assert path.read_bytes() == b"other"
    assert [file.path for file in cached_files(cache.folder)] == [path]


def test_what_is_found_is_of_use_and_what_cannot_be_read_is_refused(cache):
    path = cache.teacher("abcdef")
    assert cache.read(path, Path.read_bytes, "damaged") is None
    assert cache.warnings == [], "nothing is there, and nothing is wrong"
    cache.write(path, b"12 ")
    os.utime(path, (1, 1))
    assert cache.read(path, lambda path: int(path.read_bytes()), "damaged") == 12
    assert path.stat().st_mtime > 1e9
    cache.write(path, b"twelve")
    assert cache.read(path, lambda path: int(path.read_bytes()), "it is damaged") is None
    assert cache.warnings[0].startswith(f"{path}: it is damaged (invalid literal")
    assert not path.exists()


def test_the_folder_shrinks_to_what_it_may_hold(cache):
    for age, key in enumerate(("new", "old", "older")):
        cache.write(cache.teacher(key), bytes(400_000))
        os.utime(cache.teacher(key), (1e9 - age, 1e9 - age))
    left = cache.teacher("zz").with_name(".zz.safetensors.99.tmp")  # of a writer that was killed
    left.write_bytes(bytes(400_000))
    os.utime(left, (1, 1))
    cache.used(cache.teacher("older"))
    cache.trim()
    assert {file.path for file in cached_files(cache.folder)} == {cache.teacher("older"), cache.teacher("new")}
    cache.teacher("old").write_bytes(bytes(10**6))
    cache.trim()  # nothing was kept since
    assert cache.teacher("old").is_file()


def test_a_full_disk_is_told_once(cache, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("pathlib.Path.write_bytes", full)
    cache.write(cache.teacher("abc"), b"some")
    cache.write(cache.teacher("abd"), b"some")
    assert cache.warnings == [
        f"{cache.folder}: cannot be written (No space left on device); the run continues without the cache"
    ]
    assert list(cached_files(cache.folder)) == []


def test_clearing_an_empty_folder(tmp_path):
    clear(tmp_path / "none")


def test_digests_hold_every_bit():
    state = {"weight": torch.ones(2, 3), "mean": torch.zeros(3)}
    base = state_digest(state)
    assert base == state_digest(dict(reversed(state.items())))
    assert base == state_digest({**state, "weight": torch.ones(3, 2).t()})
    others = [
        {**state, "weight": torch.ones(3, 2)},
        {**state, "mean": torch.tensor([0.0, 0.0, -0.0])},
        {**state, "mean": torch.zeros(3, dtype=torch.float64)},
        {"weight": state["weight"], "average": state["mean"]},
        {"weight": state["weight"]},
    ]
    assert len({base, *map(state_digest, others)}) == 6
    assert rows_digest([1, 2, 3]) != rows_digest([1, 3, 2])


def test_a_recipe_that_says_nothing_of_it_is_dumped_as_before():
    assert "teacher_cache" not in as_loaded(tiny()).recipe.model_dump(mode="json")
    dumped = as_loaded(tiny(teacher_cache={"disk_mb": 5})).recipe.model_dump(mode="json")["teacher_cache"]
    assert dumped == {"use": "auto", "outputs_mb": 1024, "disk_mb": 5}
