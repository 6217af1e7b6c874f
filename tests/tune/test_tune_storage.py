"""The journal: its lock dies with its holder, and half a line at its end is cut off."""

import fcntl
import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing

import optuna
import pytest

from xdistill.errors import UserError
from xdistill.tuning.search.sampling import quiet
from xdistill.tuning.storage.journal import FileLock
from xdistill.tuning.storage.open import open_storage, open_study
from xdistill.tuning.storage.sums import digest_of, owner_of
from xdistill.tuning.storage.trials import end_trial, trials_by_state


def test_half_a_line_of_a_writer_that_died_is_cut_off(tmp_path):
    path = tmp_path / "study.journal"
    with quiet():
        study = open_study(open_storage(str(path)), "s", {"identity": "1", "recipe": "r"}, maximise=True)
        study.tell(study.ask(), 0.5)
        whole = path.read_bytes()
        path.write_bytes(whole + b'{"op_code": 4, "wor')
        study = open_study(open_storage(str(path)), "s", {"identity": "1", "recipe": "r"}, maximise=True)
        study.tell(study.ask(), 0.7)
        assert path.read_bytes().startswith(whole + b"{")
        again = open_study(open_storage(str(path)), "s", {"identity": "1", "recipe": "r"}, maximise=True)
    assert [trial.value for trial in again.get_trials()] == [0.5, 0.7]


HOLD = """
import sys, time
from pathlib import Path
from xdistill.tuning.storage.journal import FileLock
FileLock(Path(sys.argv[1])).acquire()
print("held", flush=True)
time.sleep(3600)
"""


def test_a_killed_holder_leaves_no_lock(tmp_path):
    path = tmp_path / "study.journal"
    path.write_text("", encoding="utf-8")
    holder = subprocess.Popen([sys.executable, "-c", HOLD, path], stdout=subprocess.PIPE, text=True)
    assert holder.stdout.readline() == "held\n"
    assert not free(tmp_path)
    os.kill(holder.pid, signal.SIGKILL)
    holder.communicate()
    assert free(tmp_path), "nobody waits for a time to pass"
    lock = FileLock(path)
    assert lock.acquire()
    lock.release()


def free(folder):
    """Whether the lock in a folder can be had at once."""
    (path,) = folder.glob(".*.lock")
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
    return True


@pytest.mark.parametrize("size", [0, 1, 65536, 70000])
def test_a_journal_of_whole_lines_stays_as_it_is(tmp_path, size):
    path = tmp_path / "study.journal"
    path.write_bytes(b"x" * size + b"\n" if size else b"")
    lock = FileLock(path)
    lock.acquire()
    lock.release()
    assert path.stat().st_size == (size + 1 if size else 0)


def opened_with_two_trials(url):
    study = open_study(open_storage(url), "s", {"identity": "1", "recipe": "r"}, maximise=True)
    for value in (0.5, 0.75):
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        end_trial(study, trial, value=value, scores=[value], reason="")
    return study


def told(url):
    """What a search reads of its trials."""
    study = open_study(open_storage(url), "s", {"identity": "1", "recipe": "r"}, maximise=True)
    return [(trial.number, trial.params, trial.value) for trial in trials_by_state(study).counted]


def test_a_flipped_bit_of_a_journal_is_found_or_changes_nothing(tmp_path):
    path = tmp_path / "study.journal"
    with quiet():
        opened_with_two_trials(str(path))
        content, right, found = path.read_bytes(), told(str(path)), 0
        for place in range(0, len(content), 7):
            path.write_bytes(content[:place] + bytes([content[place] ^ 1 << place % 8]) + content[place + 1 :])
            try:
                assert told(str(path)) == right
            except UserError:
                found += 1
        assert found > 0.99 * len(range(0, len(content), 7))
        lines = content.splitlines(keepends=True)
        path.write_bytes(b"".join(lines[:4] + lines[5:]))
        with pytest.raises(UserError, match="line 5 is damaged, or one before it was changed or removed"):
            told(str(path))


def test_lines_of_optuna_itself_are_read_and_covered_by_the_next_sum(tmp_path):
    path = tmp_path / "study.journal"
    with quiet():
        old = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
        optuna.create_study(storage=old, study_name="s", direction="maximize")
        study = opened_with_two_trials(str(path))
        study.set_user_attr("seen", "yes")
        assert len(optuna.load_study(storage=old, study_name="s").trials) == 2, "Optuna reads it as before"
        path.write_bytes(path.read_bytes().replace(b'"study_name":"s"', b'"study_name":"t"'))
        with pytest.raises(UserError, match="line 2 is damaged"):
            told(str(path))


CHANGES = {
    "update trial_values set value = 0.99 where value = 0.5": "trial 0 of the study is damaged",
    "update trial_params set distribution_json = replace(distribution_json, '1.0', '3.0')": "trial 0 of the study is",
    "update trials set number = 2 where number = 1": "trial 1 of the study is damaged: it is missing",
    "update trials set study_id = 7 where number = 1": "a row of trials refers to a row that does not exist",
    """update study_user_attributes set value_json = replace(value_json, '"r"', '"s"')""": "its definition is not",
    "update study_user_attributes set value_json = replace(value_json, 'sum', 'sun')": "its definition is not",
}


def test_what_is_changed_in_a_database_is_found(tmp_path):
    path = tmp_path / "study.db"
    with quiet():
        opened_with_two_trials(f"sqlite:///{path}")
        whole = path.read_bytes()
        for change, message in CHANGES.items():
            path.write_bytes(whole)
            with closing(sqlite3.connect(path)) as database, database:
                database.execute(change)
            with pytest.raises(UserError, match=message):
                told(f"sqlite:///{path}")
        path.write_bytes(whole.replace(b"CREATE TABLE trials", b"CREATE TABLE \xf4rials"))
        with pytest.raises(UserError, match="is damaged"):
            told(f"sqlite:///{path}")


def test_trials_and_owners_of_earlier_versions_are_read():
    owner = {"identity": "1", "recipe": "r"}
    with quiet():
        study = optuna.create_study(direction="maximize")
        study.set_user_attr("xdistill", owner)
        assert owner_of(study) == owner
        trial = study.ask()
        trial.suggest_float("x", 0, 1)
        trial.set_user_attr("folds", [0.5])
        trial.set_user_attr("sum", digest_of([0, trial.params, 0.5, [0.5], ""]))
        study.tell(trial, 0.5)
        assert len(trials_by_state(study).counted) == 1
