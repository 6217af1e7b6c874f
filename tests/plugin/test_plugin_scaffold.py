"""New plugins: names are checked, nothing is overwritten, what is written is a plugin of its kind."""

import ast
import sys
import tomllib

import pytest

from xdistill.errors import PluginError
from xdistill.plugin import KINDS
from xdistill.plugin.catalog import build_catalog
from xdistill.plugin.importing import import_file
from xdistill.plugin.scaffold import plugin_files, write_plugin
from xdistill.recipe.yaml.reader import read_yaml


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_files_of_every_kind(kind, tmp_path, monkeypatch):
    files = write_plugin(f"made-up-{kind.name}", kind.name, parent=tmp_path)
    module = f"made_up_{kind.name}"
    folder = tmp_path / f"made-up-{kind.name.replace('_', '-')}"
    expected = [f"{module}.py", "pyproject.toml", "README.md", f"tests/test_{module}.py"]
    assert files == [folder / name for name in expected]
    project = tomllib.loads(files[1].read_text())["project"]
    assert project["entry-points"]["xdistill"] == {module: module}
    assert project["name"] == folder.name
    ast.parse(files[3].read_text())
    monkeypatch.setattr("sys.path", list(sys.path))
    plugin = import_file(files[0])
    (entry,) = build_catalog([plugin])
    assert (entry.kind, entry.name) == (kind.name, module)
    readme = files[2].read_text()
    assert "$" not in readme
    (block,) = [part.split("```")[0] for part in readme.split("```yaml\n")[1:]]
    assert f"use: {module}" in block
    assert not read_yaml(block, "README.md").problems


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("My-Loss", "'My-Loss' is not a valid plugin name: use lower-case letters"),
        ("../escape", "is not a valid plugin name"),
        ("", "'' is not a valid plugin name"),
        ("9lives", "is not a valid plugin name"),
        ("my--loss", "is not a valid plugin name"),
        ("a" * 61, "is not a valid plugin name"),
        ("lambda", "means something else in the plugin's code; choose another, such as my-lambda"),
        ("settings", "means something else in the plugin's code"),
        ("distillation-loss", "means something else in the plugin's code"),
        ("torch", "there is another Python module 'torch' already"),
        ("json", "there is another Python module 'json' already"),
        ("mri", "xdistill has a plugin named 'mri'; choose another name"),
    ],
)
def test_names_that_cannot_be_used(name, reason, tmp_path):
    with pytest.raises(PluginError) as caught:
        write_plugin(name, "distillation_loss", parent=tmp_path)
    assert reason in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_kind_that_is_not_there():
    with pytest.raises(PluginError, match="there is no kind 'distilation_loss'; did you mean `distillation_loss`"):
        plugin_files("my-loss", "distilation_loss")


def test_nothing_is_overwritten(tmp_path):
    (tmp_path / "my-loss").mkdir()
    (tmp_path / "my-loss" / "my_loss.py").write_text("precious")
    with pytest.raises(PluginError, match="my-loss already exists; choose another name"):
        write_plugin("my-loss", "distillation_loss", parent=tmp_path)
    assert (tmp_path / "my-loss" / "my_loss.py").read_text() == "precious"


def test_a_folder_that_cannot_be_made(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(PluginError, match=r"my-loss cannot be written: .*choose another folder with --to"):
        write_plugin("my-loss", "metric", parent=tmp_path / "file")


def test_underscores_and_dashes_mean_the_same(tmp_path):
    (first, *_) = write_plugin("my_own_metric", "metric", parent=tmp_path)
    assert first == tmp_path / "my-own-metric" / "my_own_metric.py"
    assert "class MyOwnMetric(Metric)" in first.read_text()


@pytest.mark.parametrize("of", ["features", "logits"])
def test_a_loss_of_features_and_one_of_logits_are_a_few_lines_away(of, pytester):
    """What the comment of the template says to delete and to change, done by hand; its own tests go on passing."""
    module, tests = "own_loss.py", "tests/test_own_loss.py"
    files = plugin_files("own-loss", "distillation_loss")
    lines = files[module].splitlines(keepends=True)
    at_taps = next(place for place, line in enumerate(lines) if "taps: tuple" in line)
    first = next(place for place, line in enumerate(lines) if "pairs = [" in line)
    if of == "logits":
        del lines[first + 1], lines[at_taps]
        files[module] = "".join(lines)
        files[tests] = "".join(line for line in files[tests].splitlines(keepends=True) if "settings" not in line)
    else:
        del lines[first]
        files[module] = "".join(lines).replace("default=()", "min_length=1").replace(" or pairs", "")
    pytester.makepyfile(own_loss=files[module], test_own_loss=files[tests])
    result = pytester.runpytest_inprocess("-p", "no:cacheprovider", "-q")
    outcomes = result.parseoutcomes()
    assert set(outcomes) <= {"passed", "skipped"}, result.stdout.str()
    assert outcomes["passed"] > 5
