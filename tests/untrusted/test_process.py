"""Commands as processes: closed and full output, Ctrl-C pressed five times, memory that runs out, escape sequences."""

import errno
import io
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from rich.table import Table
from rich.text import Text

from xdistill.cli import app
from xdistill.cli.console import echo, print_json
from xdistill.cli.process import OutputError, explained
from xdistill.cli.process.safe_console import SafeConsole
from xdistill.cli.process.streams import Descriptor

VERSION = [sys.executable, "-m", "xdistill", "--version"]


def test_output_that_is_full_closed_or_unread_is_at_most_one_message():
    with Path("/dev/full").open("w") as full:
        ended = subprocess.run(VERSION, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (
        1,
        "error: standard output cannot be written: No space left on device\n",
    )
    closed = subprocess.run(
        ["sh", "-c", f"{sys.executable} -m xdistill --version >&-"], stderr=subprocess.PIPE, text=True, check=False
    )
    assert (closed.returncode, closed.stderr) == (1, "error: standard output cannot be written: it is closed\n")


def test_the_first_error_of_output_is_the_only_one():
    read, write = os.pipe()
    os.close(read)
    stream = io.TextIOWrapper(io.BufferedWriter(Descriptor(write)))
    with pytest.raises(BrokenPipeError):
        print("text", file=stream, flush=True)
    stream.flush()
    os.close(write)
    with pytest.raises(OutputError, match="closed"):
        Descriptor(None).write(b"text")


FIVE_TIMES = """
import os, signal, sys, time
signal.signal(signal.SIGINT, signal.default_int_handler)
from xdistill import cli
import xdistill.cli.app

def command():
    try:
        for _ in range(5):
            os.kill(os.getpid(), signal.SIGINT)
    finally:
        for _ in range(5):
            os.kill(os.getpid(), signal.SIGINT)
        print("cleaned up", flush=True)

xdistill.cli.app.main = command
cli.main()
"""


def test_ctrl_c_five_times_is_one_message_and_what_cleans_up_is_not_broken_off():
    ended = subprocess.run([sys.executable, "-c", FIVE_TIMES], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (130, "cleaned up\n", "error: stopped\n")
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler  # of this process, as before


@pytest.mark.parametrize(
    ("error", "what"),
    [
        (MemoryError(), "memory ran out; close"),
        (ImportError("libgomp.so: failed to map segment from shared object", name="_openmp"), "while '_openmp'"),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), "memory ran out; close"),
        (RuntimeError("can't start new thread"), "memory ran out; close"),
        (OSError(errno.ENOSPC, "No space left on device"), "files cannot be written: No space left on device; free"),
        (FileNotFoundError(errno.ENOENT, "No usable temporary directory found in ['/tmp']"), "or set TMPDIR"),
    ],
)
def test_memory_or_a_disk_that_runs_out_anywhere_is_one_message(error, what):
    assert what in explained(error)


def test_a_name_that_no_system_takes_is_one_message(monkeypatch, capsys):
    monkeypatch.setattr(sys, "argv", ["xdistill", "model", "show", "x" * 5000])
    assert app.main() == 2
    said = capsys.readouterr().err
    assert said.startswith(f"error: {'x' * 120}... (50")
    assert said.endswith(" characters) the name is longer than the operating system allows\n")


def test_other_errors_are_shown_as_they_are():
    assert explained(ImportError("No module named 'x'", name="x")) == ""


def test_escape_sequences_of_data_reach_no_terminal(capsys):
    echo("a\x1b[2Jb")
    print_json({"column": "a\x1b[2J\x9b", "ü": "ü"})
    out = capsys.readouterr().out
    assert out.startswith("a\\x1b[2Jb\n")
    assert '"a\\u001b[2J\\u009b"' in out
    assert '"ü": "ü"' in out
    console = SafeConsole(file=io.StringIO(), force_terminal=True, color_system="standard", width=60)
    table = Table(title=Text("t\x1b]0;title\x07"))
    table.add_column(Text("c\u202ed"))
    table.add_row(Text("\x1b[31mred", style="bold"))
    console.print(table)
    console.print(Text("error \x9b31m", style="red"))
    text = console.file.getvalue()
    assert "\\x1b[31" in text
    assert "\x1b[1m" in text  # its own styles
    for bad in ("\x1b]0", "\x07", "\u202e", "\x9b", "\x1b[31mred"):
        assert bad not in text
