"""Workers: in order, replaced when they die, and gone when nobody needs them."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from waiting import alive, until, until_ended
from xdistill.workers import Message, pool, run_tasks

TESTS = Path(__file__).parents[1]


def run(function, payloads, workers=1, **options):
    return list(run_tasks(f"workers.toy_tasks:{function}", payloads, workers=workers, **options))


def test_one_worker_takes_the_tasks_in_order():
    assert run("count", [2, 0, 1]) == [
        Message(0, "event", 0),
        Message(0, "event", 1),
        Message(0, "done"),
        Message(1, "done"),
        Message(2, "event", 0),
        Message(2, "done"),
    ]


def test_nothing_to_do():
    assert run("count", [], workers=3) == []


def test_several_workers_say_everything_once():
    messages = run("count", [3] * 8, workers=3)
    for task in range(8):
        mine = [message for message in messages if message.task == task]
        assert mine == [*(Message(task, "event", value) for value in range(3)), Message(task, "done")]


def test_a_worker_serves_many_tasks_and_has_its_own_environment():
    messages = run("whoami", [0.2] * 6, workers=2, environment=[{"TOY_RANK": "a"}, {"TOY_RANK": "b"}])
    seen = {message.value for message in messages if message.kind == "event"}
    assert len(seen) == 2
    assert {rank for _, rank in seen} == {"a", "b"}


def test_no_more_workers_than_tasks():
    started = {message.value[0] for message in run("whoami", [0.0], workers=5) if message.kind == "event"}
    assert len(started) == 1


def test_what_a_library_prints_goes_to_standard_error(capfd):
    messages = run("talkative", [1000])
    assert [message.kind for message in messages] == ["event", "done"]
    printed = capfd.readouterr()
    assert printed.out == ""
    assert printed.err.count("a library says hello") == 1000
    assert "its C code" in printed.err


def test_a_failure_comes_with_the_traceback_as_a_note():
    begun, failed, second, again = run("fail", ["value", "fine"])[:4]
    assert (begun.value, failed.kind) == ("begun", "failed")
    assert isinstance(failed.value, ValueError)
    assert str(failed.value) == "the third volume is upside down"
    (note,) = failed.value.__notes__
    assert note.startswith("In the worker:\nTraceback")
    assert "in fail" in note
    assert (second.task, again.kind) == (1, "done"), "the worker goes on with the next task"


@pytest.mark.parametrize(
    ("payload", "kind", "text"),
    [
        ("unpicklable", RuntimeError, "Unpicklable: left and right"),
        ("unreadable", RuntimeError, "this cannot be read in the driver"),
        ("unsendable", Exception, "lambda"),
        ("exit", SystemExit, "enough"),
    ],
)
def test_every_failure_ends_its_task_and_no_other(payload, kind, text):
    messages = run("fail", [payload, "fine"])
    (failed,) = [message for message in messages if message.kind not in {"event", "done"}]
    assert failed.task == 0
    assert isinstance(failed.value, kind)
    assert text in str(failed.value)
    assert messages[-1] == Message(1, "done")


def test_an_error_of_xdistill_arrives_whole():
    from xdistill.errors import Problem, RecipeError

    error = RecipeError([Problem("there is no field 'x' here", "data.x", "a.yaml", 3, 4), Problem("is missing")])
    sent = run("raise_it", [error])[0].value
    assert isinstance(sent, RecipeError)
    assert sent.problems == error.problems
    assert str(sent) == str(error)


@pytest.mark.parametrize(("payload", "status"), [("killed", -signal.SIGKILL), ("exit", 3)])
def test_a_worker_that_dies_is_replaced(payload, status):
    messages = run("die", [payload, "fine", "fine"])
    assert [message.kind for message in messages] == ["event", "died", "event", "done", "event", "done"]
    assert messages[1] == Message(0, "died", status)
    assert messages[0].value != messages[2].value
    assert messages[2].value == messages[4].value


@pytest.fixture
def inboxes(monkeypatch):
    """Where what workers say arrives, a worker each, for tests that have to know that it has."""
    start, found = pool._start, []

    def started(target, extra, rank, inbox):
        found.append(inbox)
        return start(target, extra, rank, inbox)

    monkeypatch.setattr(pool, "_start", started)
    return found


@pytest.mark.parametrize(("given", "end"), [(False, "done"), (True, "died")])
def test_a_worker_that_was_killed_between_two_tasks_costs_one_at_most(inboxes, given, end):
    """It has done the first and said so; it is killed before the second is given to it, or before it has begun it."""
    messages = run_tasks("workers.toy_tasks:whoami", [0, 0, 0], workers=1)
    process, _ = next(messages).value
    until(lambda: not inboxes[0].empty(), "the worker says that it is done")
    ends = []
    if given:
        os.kill(process, signal.SIGSTOP)
        ends.append(next(messages))
    os.kill(process, signal.SIGKILL)
    until(lambda: inboxes[0].qsize() == 2 - given, "its death is noticed")
    ends += [message for message in messages if message.kind != "event"]
    assert [(message.task, message.kind) for message in ends] == [(0, "done"), (1, end), (2, "done")]


def test_ctrl_c_while_a_worker_starts_is_for_the_driver_to_hear(monkeypatch, capfd):
    """Python alone takes a moment to start, and would end with a traceback."""
    start = pool._start

    def interrupted(*arguments):
        worker = start(*arguments)
        os.kill(worker.process.pid, signal.SIGINT)
        return worker

    monkeypatch.setattr(pool, "_start", interrupted)
    assert run("count", [1]) == [Message(0, "event", 0), Message(0, "done")]
    assert signal.SIGINT not in signal.pthread_sigmask(signal.SIG_BLOCK, ())
    assert run("interrupts", [None])[0].value == (signal.SIG_IGN, False)
    assert capfd.readouterr().err == ""


def test_workers_may_start_processes_of_their_own():
    messages = run("fork_children", [2, 2], workers=2)
    assert [message.value for message in messages if message.kind == "event"] == [[0, 0], [0, 0]]


def test_a_dead_worker_is_noticed_though_its_child_lives_on(tmp_path):
    go = tmp_path / "go"
    messages = run("die_with_a_child_left", [str(go), None])
    child = messages[0].value
    assert alive(child)
    go.touch()
    until_ended([child])
    assert [message.kind for message in messages] == ["event", "died", "event", "done"]
    assert messages[1].value == -signal.SIGKILL


def test_closing_ends_the_workers():
    messages = run_tasks("workers.toy_tasks:rest", [600, 600], workers=2)
    processes = [next(messages).value, next(messages).value]
    assert all(map(alive, processes))
    messages.close()
    assert not any(map(alive, processes))


def test_a_function_that_does_not_exist_ends_every_task(capfd):
    assert [message.kind for message in run("none_such", [1, 2])] == ["died", "died"]
    assert "none_such" in capfd.readouterr().err


DRIVER = """
import sys
sys.path.insert(0, sys.argv[1])
from xdistill.workers import run_tasks
for message in run_tasks("workers.toy_tasks:rest", [600, 600], workers=2):
    print(message.value, flush=True)
"""


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGTERM])
def test_workers_die_with_their_driver(signal_number):
    driver = subprocess.Popen(
        [sys.executable, "-c", DRIVER, TESTS], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    processes = [int(driver.stdout.readline()), int(driver.stdout.readline())]
    assert all(map(alive, processes))
    os.kill(driver.pid, signal_number)
    until_ended(processes)
    assert "Traceback" not in driver.communicate()[1]


SCRIPT = """
from xdistill.workers import run_tasks
import toy_task
print([message.value for message in run_tasks("toy_task:say", [1, 2], workers=2) if message.kind == "event"])
"""


def test_a_script_without_a_guard_may_start_workers_and_its_neighbours_are_found(tmp_path):
    (tmp_path / "script.py").write_text(SCRIPT)
    (tmp_path / "toy_task.py").write_text("def say(payload):\n    yield 'said'\n")
    done = subprocess.run([sys.executable, tmp_path / "script.py"], capture_output=True, text=True, check=True)
    assert done.stdout == "['said', 'said']\n"


def test_files_of_the_working_folder_do_not_stand_in_for_modules(tmp_path, monkeypatch):
    for name in ("queue", "pickle", "signal", "random"):
        (tmp_path / f"{name}.py").write_text("raise RuntimeError('a file of the user, who has never heard of us')\n")
    monkeypatch.chdir(tmp_path)
    assert [message.kind for message in run("count", [0])] == ["done"]


def test_a_module_beside_an_interactive_session_is_found(tmp_path):
    (tmp_path / "toy_task.py").write_text("def say(payload):\n    yield 'said'\n")
    done = subprocess.run([sys.executable, "-c", SCRIPT], capture_output=True, text=True, check=True, cwd=tmp_path)
    assert done.stdout == "['said', 'said']\n"
