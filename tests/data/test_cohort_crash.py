"""Builds that are killed, and builds that meet."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

from data.toys import build
from waiting import LONG, until
from xdistill.data import open_cohort, verify_cohort

SCRIPT = """
import sys
from pathlib import Path
from data.toys import build
if __name__ == "__main__":
    build(Path(sys.argv[1]), subjects=70, workers=int(sys.argv[2]))
    print("built")
"""


def start(folder, workers=1):
    """A build in a process of its own, which stops in the middle until there is a file ``go`` beside the folder."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "TOY_GO": str(go(folder))}
    script = folder.parent / "builder.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, script, folder, str(workers)],
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def go(folder):
    return folder.with_name("go")


def partial(folder):
    return list(folder.glob(".*.part"))


def at_the_lock(builder):
    """Whether a process has the file open by which builders wait for each other."""
    return any(file.path.endswith(".lock") for file in psutil.Process(builder.pid).open_files())


def members(group):
    """Processes of a group that still live."""
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if fields[2] == str(group) and fields[0] != "Z":
                found.append(entry.name)
    return found


def test_a_killed_build_leaves_nothing_that_looks_finished(tmp_path):
    folder = tmp_path / "cache"
    builder = start(folder, workers=2)
    until(lambda: partial(folder) and len(members(builder.pid)) >= 3, "a builder and its two workers are at it")
    builder.kill()
    builder.communicate()
    assert builder.returncode == -signal.SIGKILL
    assert list(folder.glob("*.h5")) == []
    assert partial(folder)
    until(lambda: not members(builder.pid), "the workers of the killed build end")

    path = build(folder, subjects=70)
    assert verify_cohort(path) == []
    assert [entry.name for entry in folder.iterdir()] == [path.name]


def test_two_builds_at_once_make_one_cohort(tmp_path):
    folder = tmp_path / "cache"
    builders = [start(folder) for _ in range(2)]
    until(lambda: partial(folder) and all(map(at_the_lock, builders)), "one builds, and the other waits")
    go(folder).touch()
    most = 1
    while any(builder.poll() is None for builder in builders):
        most = max(most, len(partial(folder)))
        time.sleep(0.02)
    assert [builder.communicate()[0] for builder in builders] == [b"built\n"] * 2
    assert most == 1
    (path,) = folder.iterdir()
    assert verify_cohort(path) == []


def test_the_second_goes_on_when_the_first_is_killed(tmp_path):
    folder = tmp_path / "cache"
    first = start(folder)
    until(lambda: partial(folder), "the first builds")
    stuck = partial(folder)[0]
    second = start(folder)
    until(lambda: at_the_lock(second), "the second waits")
    time.sleep(0.5)  # long enough to begin, were it let
    assert second.poll() is None
    assert partial(folder) == [stuck]
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    go(folder).touch()
    assert second.communicate(timeout=LONG)[0] == b"built\n"
    (path,) = folder.iterdir()
    assert len(open_cohort(path)) == 70
