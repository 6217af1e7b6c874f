"""What plugins do while they are imported: they print, hang, fail; and plugins in single files."""

import json
import logging
import os
import signal
import subprocess
import sys
import threading
import time
from importlib.metadata import entry_points

import pytest

from plugin.toys import Share, hook_that_returns, plugin
from xdistill.errors import PluginError
from xdistill.plugin import hookimpl, load_catalog
from xdistill.plugin.catalog import build_catalog
from xdistill.plugin.importing import (
    DISABLE_VARIABLE,
    FILES_VARIABLE,
    OverdueError,
    disabled_plugins,
    import_file,
    plugin_files,
    selected,
    time_limit,
)

METRIC = """
from xdistill.interfaces import Metric
from xdistill.plugin import hookimpl

class Share(Metric):
    '''Share of the first class.'''
    name = "{name}"
    def __call__(self, target, probabilities, classes):
        return float((target == 0).mean())

@hookimpl
def xdistill_metrics():
    return [Share]
"""


@pytest.fixture
def file(tmp_path, monkeypatch):
    """Writes a plugin file; afterwards its module is forgotten."""
    written = []
    monkeypatch.setattr(sys, "path", list(sys.path))

    def write(name, source):
        path = tmp_path / f"{name}.py"
        path.write_text(source)
        written.append(name)
        return path

    yield write
    for name in written:
        sys.modules.pop(name, None)


def test_a_single_file_is_a_plugin(file):
    path = file("share_in_a_file", METRIC.format(name="share_in_a_file"))
    (entry,) = build_catalog([import_file(path)])
    assert (entry.kind, entry.name, entry.plugin) == ("metric", "share_in_a_file", "share_in_a_file")
    assert entry.distribution == "share_in_a_file.py"
    assert len(entry.version) == 12
    assert import_file(path).version == entry.version
    path.write_text(path.read_text() + "\n")
    assert import_file(path).version != entry.version, "another content is another version"


def test_selected_files_are_in_the_catalog_for_a_while(file):
    path = file("share_for_a_while", METRIC.format(name="share_for_a_while"))
    with selected(files=[path]):
        assert load_catalog().has("metric", "share_for_a_while")
        assert plugin_files() == (path,)
    assert not load_catalog().has("metric", "share_for_a_while")


def test_selections_add_up_and_end(monkeypatch, tmp_path):
    monkeypatch.setenv(DISABLE_VARIABLE, "one")
    monkeypatch.delenv(FILES_VARIABLE, raising=False)
    with selected(files=[tmp_path / "a.py"], disabled=["two"]), selected(files=["b.py"], disabled=["one", "three"]):
        assert disabled_plugins() == ("one", "two", "three")
        assert [path.name for path in plugin_files()] == ["a.py", "b.py"]
        assert all(path.is_absolute() for path in plugin_files())
    assert os.environ[DISABLE_VARIABLE] == "one"
    assert FILES_VARIABLE not in os.environ


@pytest.mark.parametrize(
    ("name", "source", "parts"),
    [
        ("gone", None, ["there is no plugin file ", "gone.py"]),
        (
            "not-a-module",
            "",
            ["not-a-module.py cannot be imported, because its name is not a Python identifier", "as in my_loss.py"],
        ),
        (
            "json",
            METRIC,
            [
                "json.py has the name of another module, 'json'; rename the file",
                "or omit it if the plugin is installed",
            ],
        ),
        ("no_hook_here", "value = 3", ["the plugin 'no_hook_here' of no_hook_here.py", "implements no hook"]),
        ("half_a_file", "def broken(:", ["half_a_file.py", "cannot be imported: SyntaxError", "repair the file"]),
    ],
)
def test_files_that_are_no_plugin(file, tmp_path, name, source, parts):
    path = tmp_path / f"{name}.py" if source is None else file(name, source)
    if name == "json":
        sys.modules.setdefault("json", json)
    before = list(sys.path)
    with pytest.raises(PluginError) as caught:
        build_catalog([import_file(path)])
    for part in parts:
        assert part in str(caught.value)
    if name == "json":
        assert sys.path == before
        sys.modules["json"] = json


def test_a_file_of_the_name_of_an_installed_plugin_is_told(file):
    path = file("focal_by_file", METRIC.format(name="share").replace("Share of", "Another share of"))
    with pytest.raises(PluginError, match=r"two plugins offer the metric 'share'.*focal_by_file\.py"):
        build_catalog([plugin(xdistill_metrics=[Share]), import_file(path)])


def test_what_a_plugin_prints_is_told_and_kept_from_the_results(file, capfd, caplog):
    noisy = "print('hello', 'there')\n" + METRIC.format(name="noisy")
    with caplog.at_level(logging.WARNING, "xdistill"):
        import_file(file("noisy_plugin", noisy))
    assert "the plugin 'noisy_plugin' of noisy_plugin.py" in caplog.text
    assert "prints to standard output while it is imported: hello there" in caplog.text
    assert capfd.readouterr().out == ""


def test_a_hook_that_prints_is_told(caplog, capsys):
    @hookimpl
    def xdistill_metrics():
        sys.stdout.write("one of mine\n" * 100)
        return [Share]

    with caplog.at_level(logging.WARNING, "xdistill"):
        assert list(build_catalog([plugin(xdistill_metrics=xdistill_metrics)]))
    assert "of xdistill-toy 1.2 prints to standard output while it calls xdistill_metrics" in caplog.text
    assert caplog.text.rstrip().endswith("…")
    assert capsys.readouterr().out == ""


def test_a_hook_that_ends_the_program_is_a_fault():
    @hookimpl
    def xdistill_metrics():
        sys.exit("no licence")

    with pytest.raises(PluginError, match=r"xdistill_metrics of the plugin 'toy' .* failed: SystemExit: no licence"):
        build_catalog([plugin(xdistill_metrics=xdistill_metrics)])


@pytest.mark.parametrize("sleep", ["time.sleep(3600)", "while_caught()"])
def test_a_plugin_that_hangs_is_given_up(tmp_path, sleep):
    """In a process of its own, since this one has the alarm of the test's own time limit."""
    (tmp_path / "hanging_plugin.py").write_text(
        "import time\ndef while_caught():\n    while True:\n        try:\n            time.sleep(9)\n"
        f"        except Exception:\n            pass\n{sleep}\n"
    )
    info = tmp_path / "hanging_plugin-0.3.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: hanging-plugin\nVersion: 0.3\n")
    (info / "entry_points.txt").write_text("[xdistill]\nhanging = hanging_plugin\n")
    others = ",".join(point.name for point in entry_points(group="xdistill"))  # which may take their time
    done = subprocess.run(
        [sys.executable, "-c", "from xdistill.cli import main; main()", "plugins", "list", "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={
            **os.environ,
            "PYTHONPATH": str(tmp_path),
            "XDISTILL_CACHE": str(tmp_path / "cache"),
            "XDISTILL_PLUGIN_SECONDS": "0.3",
            "XDISTILL_DISABLE_PLUGINS": others,
        },
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert (
        "the plugin 'hanging' of hanging-plugin 0.3 takes longer than 0.3 seconds while it is imported" in done.stderr
    )
    assert "disable it with XDISTILL_DISABLE_PLUGINS=hanging" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture
def no_alarm():
    """For a while, nobody else's alarm."""
    rest = signal.setitimer(signal.ITIMER_REAL, 0)
    yield
    signal.setitimer(signal.ITIMER_REAL, *rest)


@pytest.mark.usefixtures("no_alarm")
def test_a_time_limit_ends_what_takes_too_long():
    handler = signal.getsignal(signal.SIGALRM)
    with pytest.raises(OverdueError), time_limit(0.05):
        time.sleep(3600)
    with time_limit(3600):
        pass
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)
    assert signal.getsignal(signal.SIGALRM) is handler


@pytest.mark.usefixtures("no_alarm")
def test_somebody_elses_alarm_is_left_alone():
    signal.setitimer(signal.ITIMER_REAL, 5000)
    with time_limit(0.01):
        time.sleep(0.05)
    assert 4000 < signal.getitimer(signal.ITIMER_REAL)[0] <= 5000


@pytest.mark.usefixtures("no_alarm")
def test_other_threads_have_no_limit():
    def work():
        with time_limit(0.01):
            time.sleep(0.05)
            finished.append(True)

    finished: list[bool] = []
    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert finished == [True]


@pytest.mark.parametrize("text", ["soon", "-1", "inf", "nan"])
def test_a_limit_that_is_no_number_is_told(monkeypatch, text):
    monkeypatch.setenv("XDISTILL_PLUGIN_SECONDS", text)
    with pytest.raises(PluginError, match="XDISTILL_PLUGIN_SECONDS must be a number of seconds"):
        build_catalog([plugin(xdistill_metrics=hook_that_returns("xdistill_metrics", [Share]))])
