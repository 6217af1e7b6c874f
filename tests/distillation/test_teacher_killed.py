"""Who waits for a teacher trains it after all when the process that had begun is killed."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from crossval.missing_runs import fold_run
from distillation.offline import finished, offline, same, weights
from xdistill.crossval.events import TeacherCacheFailed
from xdistill.distillation.teacher_cache.store import FOLDER, cached_files

HERE = Path(__file__).parent


@pytest.mark.slow
def test_the_next_trains_it(tmp_path, catalog):
    cache = tmp_path / "cache"
    plain, _ = finished(offline(teacher_cache={"use": "off"}), tmp_path / "plain", cache, catalog)
    holder = subprocess.Popen(
        [sys.executable, str(HERE / "teaching.py"), str(tmp_path / "killed"), str(cache)],
        stdout=subprocess.PIPE,
        env={"PYTHONPATH": str(HERE.parent), "OMP_NUM_THREADS": "1"},
        text=True,
    )
    with holder:
        assert holder.stdout.readline() == "there\n"
        fold = fold_run(offline(), tmp_path / "next", cache, catalog)
        events = []
        waiting = threading.Thread(target=lambda: events.extend(fold.events()))
        waiting.start()
        waiting.join(1.5)
        assert waiting.is_alive()
        assert fold.progress.history == []
        holder.send_signal(signal.SIGKILL)
    waiting.join(120)
    assert holder.returncode == -signal.SIGKILL
    assert fold.progress.reused == []
    assert same(weights(plain), weights(fold))
    assert not [event for event in events if isinstance(event, TeacherCacheFailed)]
    assert not list((cache / FOLDER).glob(".*.lock"))
    assert sorted(file.path.suffix for file in cached_files(cache / FOLDER)) == [".safetensors"]
    third, _ = finished(offline(), tmp_path / "third", cache, catalog)
    assert third.progress.reused == ["teach"]
    assert same(weights(plain), weights(third))
