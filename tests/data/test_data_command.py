import json
import subprocess
import sys

import pytest
from typer.testing import CliRunner

from data.toys import build
from xdistill.cli.data.app import app
from xdistill.data import open_cohort
from xdistill.errors import CacheError, RecipeError


def invoke(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def test_build_prints_path_subjects_and_bytes(tmp_path):
    arguments = ["build", "mvi_hcc", "--set", "data.subjects=30", "--cache", tmp_path, "--workers", 1]
    result = invoke(*arguments, "--json")
    assert result.exit_code == 0, result.output
    printed = json.loads(result.stdout)
    cohort = open_cohort(tmp_path / printed["path"])
    assert printed == {"path": str(cohort.path), "subjects": 30, "bytes": cohort.path.stat().st_size}
    assert "30 subjects cached" in result.stderr

    again = invoke(*arguments)
    assert again.stdout.startswith(f"{cohort.path}: 30 subjects, ")
    assert again.stderr == ""


def test_an_error_in_the_recipe_names_the_field(tmp_path):
    result = invoke("build", "mvi_hcc", "--set", "data.subject=30", "--cache", tmp_path)
    assert isinstance(result.exception, RecipeError)
    assert "data.subject" in str(result.exception)
    assert list(tmp_path.iterdir()) == []


def test_inspect_shows_what_the_file_holds_and_no_subject(tmp_path):
    path = build(tmp_path)
    result = invoke("inspect", path)
    assert result.exit_code == 0
    for text in (
        "a toy",
        "synthetic cohort: no subject is real",
        "best possible macro OvO AUC from image: 0.750",
        "12 subjects of 12 patients: benign 6, malign 6",
        open_cohort(path).fingerprint,
    ):
        assert text in result.stdout
    assert "s01" not in result.stdout

    printed = json.loads(invoke("inspect", path, "--json").stdout)
    assert printed["classes"] == {"benign": 6, "malign": 6}
    assert printed["modalities"]["blood"]["present"] == 9
    assert printed["modalities"]["mri"]["shape"] == [1, 3, 5, 7]
    assert printed["facts"]["synthetic"] is True
    assert "s01" not in json.dumps(printed)


def test_verify_reports_success(tmp_path):
    path = build(tmp_path)
    result = invoke("verify", path)
    assert (result.exit_code, result.stdout) == (0, f"{path}: all values match their checksums\n")
    assert json.loads(invoke("verify", path, "--json").stdout) == {"path": str(path), "problems": []}


def test_verify_names_the_subject_and_exits_with_2(tmp_path):
    path = build(tmp_path)
    data = bytearray(path.read_bytes())
    values = open_cohort(path).values("mri", [6]).tobytes()
    data[data.index(values) + 33] ^= 4
    path.write_bytes(data)
    result = invoke("verify", path)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert "error: subject 's06', modality 'mri': HDF5 cannot read the values" in result.stderr
    assert len(json.loads(invoke("verify", path, "--json").stdout)["problems"]) == 1


def test_a_file_that_is_not_a_cohort(tmp_path):
    for command in ("inspect", "verify"):
        result = invoke(command, tmp_path / "nothing.h5")
        assert isinstance(result.exception, CacheError)


@pytest.mark.parametrize("command", ["build", "inspect", "verify"])
def test_help_shows_an_example(command):
    assert f"xdistill data {command} " in invoke(command, "--help").stdout


def test_the_commands_are_imported_without_heavy_libraries():
    script = "import sys, xdistill.cli.data.app; print({'h5py', 'numpy', 'torch', 'rich.table'} & set(sys.modules))"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert result.stdout == "set()\n"


def test_a_plugin_file_provides_the_data_set(tmp_path):
    plugin = tmp_path / "my_dataset.py"
    plugin.write_text(
        "from data.toys import Toy\n"
        "from xdistill.plugin import hookimpl\n\n\n"
        "class MyToy(Toy):\n"
        '    name = "my_toy"\n\n\n'
        "@hookimpl\n"
        "def xdistill_datasets():\n"
        "    return [MyToy]\n"
    )
    arguments = ["build", "mvi_hcc", "--set", "data={use: my_toy, subjects: 15}", "--cache", tmp_path, "--json"]
    printed = json.loads(invoke(*arguments, "--plugin", plugin).stdout)
    assert printed["subjects"] == 15
    assert "my_toy" in str(invoke(*arguments).exception), "the plugin is used by that command alone"
