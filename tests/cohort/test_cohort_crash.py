"""Builds that are killed, and builds that meet."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

from cohort.toys import build
from xdistill.cohort import open_cohort, verify_cohort

SCRIPT = """
import sys
from pathlib import Path
from cohort.toys import build
if __name__ == "__main__":
    build(Path(sys.argv[1]), subjects=70, workers=int(sys.argv[2]))
    print("built")
"""


def start(folder, pause, workers=1):
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1]), "TOY_PAUSE": str(pause)}
    script = folder.parent / "builder.py"
    script.write_text(SCRIPT)
    return subprocess.Popen(
        [sys.executable, script, folder, str(workers)],
        env=environment,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )


def wait_for(condition, seconds=60):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return
        time.sleep(0.02)
    raise AssertionError("waited too long")


def partial(folder):
    return list(folder.glob(".*.part"))


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
    builder = start(folder, 0.3, workers=2)  # about ten seconds
    wait_for(lambda: partial(folder) and len(members(builder.pid)) >= 3)
    builder.kill()
    builder.communicate()
    assert builder.returncode == -signal.SIGKILL
    assert list(folder.glob("*.h5")) == []
    assert partial(folder)
    wait_for(lambda: not members(builder.pid))

    path = build(folder, subjects=70)
    assert verify_cohort(path) == []
    assert [entry.name for entry in folder.iterdir()] == [path.name]


def test_two_builds_at_once_make_one_cohort(tmp_path):
    folder = tmp_path / "cache"
    builders = [start(folder, 0.02) for _ in range(2)]
    wait_for(lambda: partial(folder))
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
    first = start(folder, 10.0)
    wait_for(lambda: partial(folder))
    stuck = partial(folder)[0]
    second = start(folder, 0.0)
    time.sleep(2)
    assert second.poll() is None
    assert partial(folder) == [stuck]
    os.killpg(first.pid, signal.SIGKILL)
    first.communicate()
    assert second.communicate(timeout=60)[0] == b"built\n"
    (path,) = folder.iterdir()
    assert len(open_cohort(path)) == 70
