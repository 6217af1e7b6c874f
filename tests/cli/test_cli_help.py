"""Help that can be read at 80 columns, and commands that start at once."""

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import START, environment

COMMANDS = [
    "",
    "init",
    "run",
    "diagnose",
    "fit",
    "predict",
    "evaluate",
    "explain",
    "export",
    "serve",
    "model",
    "model show",
    "model card",
    "tune",
    "recipe",
    "recipe check",
    "recipe show",
    "recipe schema",
    "data",
    "data profile",
    "data build",
    "data inspect",
    "data verify",
    "data export",
    "data clean",
    "data dicom",
    "plugins",
    "plugins list",
    "plugins show",
    "plugins new",
    "bench",
    "bench run",
    "bench show",
    "bench export",
    "bench compare",
    "bench submit",
    "bench verify",
    "bench schema",
]


@pytest.fixture
def narrow(monkeypatch):
    monkeypatch.setenv("COLUMNS", "80")


def all_commands(group, words=()):
    """Every command and group of the command line."""
    yield " ".join(words)
    for name, command in getattr(group, "commands", {}).items():
        yield from all_commands(command, (*words, name))


def test_the_list_above_is_whole():
    import typer

    from xdistill.cli.app import app

    assert sorted(all_commands(typer.main.get_command(app))) == sorted(COMMANDS)


@pytest.mark.usefixtures("narrow")
@pytest.mark.parametrize("command", COMMANDS)
def test_examples_stand_line_by_line(xdistill, command):
    ended = xdistill(*command.split(), "--help")
    assert (ended.code, ended.err) == (0, "")
    lines = [line.strip() for line in ended.out.splitlines()]
    at = lines.index("Examples:")
    examples = lines[at + 1 : lines.index("", at)]
    assert examples
    for example in examples:
        assert example.startswith(f"xdistill {command}".strip()), "an example is broken over two lines"
    assert max(map(len, ended.out.splitlines())) <= 80
    assert "[bold]" not in ended.out


@pytest.mark.usefixtures("narrow")
def test_the_examples_of_the_whole_say_what_they_do(xdistill):
    lines = [line.rstrip() for line in xdistill("--help").out.splitlines()]
    assert "   xdistill run mvi_hcc                     train and test the flagship recipe" in lines


def test_python_m_xdistill_is_the_same_command():
    shown = subprocess.run([sys.executable, "-m", "xdistill", "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"xdistill \d\S*\n", shown.stdout)


def test_h_is_help_too_and_the_version_is_told(xdistill):
    from xdistill import __version__

    assert xdistill("-h").out == xdistill("--help").out
    assert xdistill("--version").out == f"xdistill {__version__}\n"


@pytest.mark.parametrize("arguments", [[], ["run"], ["data", "inspect"], ["plugins", "list", "--kind"], ["nonsense"]])
def test_wrong_usage_ends_with_two(xdistill, arguments):
    ended = xdistill(*arguments)
    assert ended.code == 2
    assert "Usage: xdistill" in ended.out + ended.err or "Option '--kind' requires an argument" in ended.err


LOADED = f"""
import sys
try:
    {START}
finally:
    heavy = [name for name in ("torch", "monai", "nibabel", "sklearn", "matplotlib", "scipy") if name in sys.modules]
    print("heavy:", heavy, file=sys.stderr)
"""


def test_what_only_looks_loads_nothing_heavy(tmp_path):
    env = environment(XDISTILL_CACHE=str(tmp_path))

    def loaded(*arguments):
        done = subprocess.run(
            [sys.executable, "-c", LOADED, *arguments], capture_output=True, text=True, check=True, env=env
        )
        return done.stderr.splitlines()[-1]

    nothing = "heavy: []"
    assert loaded("--help") == nothing
    assert loaded("run", "--help") == nothing
    assert loaded("recipe", "schema") == nothing
    assert loaded("plugins", "list") != nothing, "the control: the first listing imports the plugins"
    assert loaded("plugins", "list") == nothing
    assert loaded("plugins", "list", "--json") == nothing


HEAVY = (
    "torch numpy h5py scipy sklearn pandas matplotlib jinja2 lightning_fabric monai nibabel optuna ray "
    "ruamel safetensors tensorboard mlflow pytorch_lightning"
)
ALL_HELP = f"""
import contextlib, io, sys
from xdistill.cli import main
for words in {COMMANDS!r}:
    sys.argv = ["xdistill", *words.split(), "--help"]
    with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
        main()
    loaded = [name for name in {HEAVY!r}.split() if name in sys.modules]
    assert not loaded, (words, loaded)
"""


def test_help_of_no_command_loads_anything_heavy():
    subprocess.run([sys.executable, "-c", ALL_HELP], check=True, env=environment())


BENCHMARK = Path(__file__).parents[2] / "benchmarks" / "null_control.yaml"
NEEDED = f"""
import sys
from xdistill.cli import main
try:
    main()
finally:
    print("loaded:", *(name for name in {HEAVY!r}.split() if name in sys.modules), file=sys.stderr)
"""


@pytest.mark.parametrize(
    ("command", "needed"),
    [
        (("recipe", "check", "mvi_hcc"), {"torch", "numpy", "h5py", "optuna", "ruamel"}),  # it has a search
        (("recipe", "show", "lupi_clean_labels"), {"torch", "numpy", "h5py", "ruamel"}),
        (("bench", "show", BENCHMARK, "--from", "records"), {"numpy", "scipy", "ruamel"}),
    ],
)
def test_what_computes_a_little_loads_what_it_computes_with(process, command, needed):
    done = process(*command, code=NEEDED)
    assert done.code == 0, done.err
    assert set(done.err.splitlines()[-1].split()[1:]) <= needed


def test_looking_into_a_cohort_loads_no_torch(xdistill, tmp_path):
    small = ("--set", "data.subjects=30", "--set", "data.shape=[8,16,16]")
    built = xdistill("data", "build", "mvi_hcc", *small, "--cache", tmp_path, "--workers", 1)
    assert built.code == 0
    (file,) = tmp_path.glob("*.h5")
    shown = subprocess.run(
        [sys.executable, "-c", LOADED, "data", "inspect", file],
        capture_output=True,
        text=True,
        check=True,
        env=environment(),
    )
    assert shown.stderr.splitlines()[-1] == "heavy: []"


def test_markup_is_text_on_a_terminal_too(cohort):
    """What is printed in colour goes through rich, which would take [red] for a colour."""
    cohort.change("use: class_kl", 'use: "[red]kl[/red]"')
    master, slave = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", START, "recipe", "check", "recipe.yaml"],
        stdout=slave,
        stderr=slave,
        env=environment(TERM="xterm-256color", COLUMNS="200"),
    )
    os.close(slave)
    shown = b""
    try:
        while piece := os.read(master, 4096):
            shown += piece
    except OSError:  # the terminal is gone with the process
        pass
    os.close(master)
    assert process.wait(120) == 2
    text = shown.decode()
    assert "\x1b[" in text, "the control: this is a terminal"
    assert "unknown loss `[red]kl[/red]`" in re.sub(r"\x1b\[[0-9;]*m", "", text)
