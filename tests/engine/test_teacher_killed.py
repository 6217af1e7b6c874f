"""Who waits for a teacher trains it after all when the process that had begun is killed."""

import signal
import subprocess
import sys
import threading
from pathlib import Path

from engine.missing_runs import trainer_of
from engine.offline import finished, offline, same, weights
from xdistill.crossval.events import TeacherCacheFailed
from xdistill.distillation.teacher_cache.store import FOLDER, kept_files

HERE = Path(__file__).parent


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
        trainer = trainer_of(offline(), tmp_path / "next", cache, catalog)
        events = []
        waiting = threading.Thread(target=lambda: events.extend(trainer.run()))
        waiting.start()
        waiting.join(1.5)
        assert waiting.is_alive()
        assert trainer.history == []
        holder.send_signal(signal.SIGKILL)
    waiting.join(120)
    assert holder.returncode == -signal.SIGKILL
    assert trainer.reused == []
    assert same(weights(plain), weights(trainer))
    assert not [event for event in events if isinstance(event, TeacherCacheFailed)]
    assert not list((cache / FOLDER).glob(".*.lock"))
    assert sorted(file.path.suffix for file in kept_files(cache / FOLDER)) == [".h5", ".safetensors"]
    third, _ = finished(offline(), tmp_path / "third", cache, catalog)
    assert third.reused == ["teach"]
    assert same(weights(plain), weights(third))
