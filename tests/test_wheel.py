"""The wheel: everything is in it, and it runs far from the checkout."""

import configparser
import json
import os
import subprocess
import sys
import sysconfig
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SMALL = [
    "data.subjects=30",
    "data.shape=[8, 16, 16]",
    "crossval.folds=3",
    "stages.joint.epochs=1",
    *(f"{role}.branches.{phase}.width=0.03125" for role in ("teacher", "student") for phase in ("hbp", "pre")),
]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", folder, ROOT],
        check=True,
        capture_output=True,
        cwd=folder,
    )
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def scripts(wheel):
    """The folder of programs of an empty environment in which only the wheel is installed.

    The libraries come from the environment of the tests, so that nothing is downloaded; xdistill does not, since the
    checkout is on no path there.
    """
    environment = wheel.parent / "environment"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", environment], check=True)
    python = environment / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--python", python, "--disable-pip-version-check", "install", "--quiet"]
    subprocess.run([*pip, "--no-index", "--no-deps", wheel], check=True)
    paths = dict.fromkeys([sysconfig.get_path("purelib"), sysconfig.get_path("platlib")])
    (packages,) = environment.glob("lib/python*/site-packages")
    (packages / "libraries.pth").write_text("\n".join(paths) + "\n")
    return environment / "bin"


def run(program, *arguments, cwd):
    kept = {name: value for name, value in os.environ.items() if name not in {"PYTHONPATH", "VIRTUAL_ENV"}}
    return subprocess.run(
        [program, *arguments],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        env={**kept, "XDISTILL_CACHE": str(cwd / "cache"), "OMP_NUM_THREADS": "1"},
    )


def sources():
    """Every file of the packages in the checkout, by its place in the wheel; recipes beside."""
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["build"]["targets"]["wheel"]
    for package in map(Path, settings["packages"]):
        for path in (ROOT / package).rglob("*"):
            if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith("."):
                yield (package.name / path.relative_to(ROOT / package)).as_posix()
    for path in (ROOT / "recipes").rglob("*.yaml"):
        yield f"xdistill/_recipes/{path.relative_to(ROOT / 'recipes').as_posix()}"


def test_everything_is_in_the_wheel_and_nothing_else(wheel):
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
    packed = {name for name in names if ".dist-info/" not in name}
    assert packed == set(sources())
    assert {
        "xdistill/py.typed",
        "xdistill/report/templates/report.html.j2",
        "xdistill/report/templates/report.css",
        "xdistill/_recipes/mvi_hcc.yaml",
        "xdistill_mri/__init__.py",
        "xdistill_cmdnet/py.typed",
        "xdistill_losses/task/classification.py",
        "xdistill_networks/__init__.py",
        "xdistill_tabular/__init__.py",
    } <= packed
    assert [name for name in names if name.endswith("licenses/LICENSE")]


def test_the_bundled_plugins_are_found_as_anybody_elses_are(wheel):
    with zipfile.ZipFile(wheel) as archive:
        (name,) = [name for name in archive.namelist() if name.endswith("entry_points.txt")]
        parser = configparser.ConfigParser()
        parser.read_string(archive.read(name).decode())
    assert {"core", "mri", "cmdnet", "losses", "networks", "tabular"} <= set(parser["xdistill"])
    assert parser["console_scripts"]["xdistill"] == "xdistill.cli:main"


def test_it_is_imported_from_the_wheel(scripts, tmp_path):
    packages = ["xdistill", "xdistill_mri", "xdistill_cmdnet", "xdistill_networks", "xdistill_tabular"]
    code = "import importlib, sys; [print(importlib.import_module(name).__file__) for name in sys.argv[1:]]"
    done = run(scripts / "python", "-c", code, *packages, cwd=tmp_path)
    files = done.stdout.split()
    assert len(files) == len(packages), done.stderr
    for file in files:
        assert Path(file).is_relative_to(scripts.parent)


def test_help_and_check(scripts, tmp_path):
    shown = run(scripts / "xdistill", "--help", cwd=tmp_path)
    assert shown.returncode == 0, shown.stderr
    assert "xdistill run mvi_hcc" in shown.stdout
    checked = run(scripts / "xdistill", "recipe", "check", "mvi_hcc", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "The recipe is valid." in checked.stdout


@pytest.mark.slow
def test_the_flagship_recipe_runs_from_another_folder(scripts, tmp_path):
    changes = [part for change in SMALL for part in ("--set", change)]
    done = run(scripts / "xdistill", "run", "mvi_hcc", *changes, "--jobs", "1", "--json", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert len(result["summary"]["student"]["auc_ovo"]["folds"]) == 3
    assert (tmp_path / result["report"]).stat().st_size > 100_000
