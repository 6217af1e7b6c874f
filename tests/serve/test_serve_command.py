"""The command: it starts, says where, and ends with Ctrl-C; what is wrong is one message."""

import re
import signal
import socket
import subprocess
import sys

import httpx
import pytest
from typer.testing import CliRunner

from waiting import LONG
from xdistill.cli.app import app
from xdistill.errors import UserError
from xdistill.serving.run import is_loopback, names_of


def command(*arguments):
    return [sys.executable, "-m", "xdistill", "serve", *map(str, arguments)]


def test_it_serves_until_it_is_interrupted(model, files):
    process = subprocess.Popen(
        command(model.path, "--port", "0"), stderr=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stderr is not None
        line = process.stderr.readline()
        while "http://" not in line:
            assert line, "it ended"
            line = process.stderr.readline()
        found = re.search(r"http://127\.0\.0\.1:\d+", line)
        assert found is not None
        with httpx.Client(base_url=found[0], timeout=LONG, trust_env=False) as client:
            assert client.post("/predict", files=files).status_code == 200
        process.send_signal(signal.SIGINT)
        out, rest = process.communicate(timeout=LONG)
    finally:
        process.kill()
    assert process.returncode == 0
    assert out == ""
    assert re.fullmatch(r"\d\d:\d\d:\d\d POST /predict 200 \d+ ms\n", rest)


def test_a_port_in_use_is_said(model):
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        result = CliRunner().invoke(app, ["serve", str(model.path), "--port", str(other.getsockname()[1])])
    assert isinstance(result.exception, UserError)
    assert "cannot listen on 127.0.0.1" in str(result.exception)


def test_a_folder_without_a_model(tmp_path):
    result = CliRunner().invoke(app, ["serve", str(tmp_path)])
    assert isinstance(result.exception, UserError)
    assert "there is no model here" in str(result.exception)


def test_a_missing_library_is_named(model, monkeypatch):
    monkeypatch.setattr("xdistill.serving.installed.LIBRARIES", ("no_such_library",))
    result = CliRunner().invoke(app, ["serve", str(model.path)])
    assert (
        str(result.exception)
        == "serving needs no-such-library, which is not installed; run `pip install 'xdistill[serve]'`"
    )


def test_other_addresses_come_with_a_warning(model, monkeypatch):
    called = []
    monkeypatch.setattr("xdistill.serving.run.run_server", lambda *arguments, **_: called.append(arguments[2]))
    result = CliRunner().invoke(app, ["serve", str(model.path), "--host", "0.0.0.0", "--port", "0"])  # noqa: S104 - the case
    assert result.exit_code == 0
    assert "other machines can reach 0.0.0.0" in result.stderr
    assert called == [["127.0.0.1", "localhost", socket.gethostname().lower()]]
    assert "other machines" not in CliRunner().invoke(app, ["serve", str(model.path), "--port", "0"]).stderr


@pytest.mark.parametrize(
    ("host", "loopback"),
    [
        ("127.0.0.1", True),
        ("localhost", True),
        ("::1", True),
        ("0.0.0.0", False),  # noqa: S104 - the case
        ("192.168.1.2", False),
        ("a.b", False),
    ],
)
def test_what_other_machines_reach(host, loopback):
    assert is_loopback(host) is loopback


def test_a_pattern_is_no_name():
    with pytest.raises(UserError, match="is not the name of a host"):
        names_of("127.0.0.1", ["*"])
