"""`xdistill plugins show` and `new`, and plugins in single files."""

import json
import os
import sys

import pytest

from xdistill.plugin import KINDS

LOSS = '''
from xdistill.interfaces import DistillationLoss, Settings
from xdistill.plugin import hookimpl


class Halves(DistillationLoss):
    """Half of the squared difference [of] logits."""

    name = "halves"

    class Config(Settings):
        share: float = 0.5

    def forward(self, student, teacher, batch):
        return self.config.share * (student.logits - teacher.logits).square().mean()


@hookimpl
def xdistill_distillation_losses():
    return [Halves]
'''


@pytest.fixture(autouse=True)
def place(monkeypatch, shared_cache, tmp_path):
    monkeypatch.setenv("XDISTILL_CACHE", str(shared_cache))
    monkeypatch.setattr(sys, "path", list(sys.path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "halves.py").write_text(LOSS)
    yield
    sys.modules.pop("halves", None)


def test_a_component_is_shown(xdistill):
    ended = xdistill("plugins", "show", "distillation_loss", "feature_kl")
    assert (ended.code, ended.err) == (0, "")
    for part in ("Equation 5", "taps", "required", "temperature", "1.0", "from xdistill ", "divergence.py"):
        assert part in ended.out
    assert ended.out.endswith("in a recipe, under objective of a stage:\n- use: feature_kl\n  taps: [hbp]\n")
    ended = xdistill("plugins", "show", "task_loss", "focal")
    assert ended.out.endswith("in a recipe, under objective of a stage:\n- use: focal\n  on: student\n")
    ended = xdistill("plugins", "show", "fusion", "cross_attention")
    assert ended.out.endswith("in a recipe:\nuse: cross_attention\n")


def test_a_component_for_programs(xdistill):
    shown = json.loads(xdistill("plugins", "show", "encoder", "mri_only", "--json").out)
    assert (shown["kind"], shown["name"], shown["plugin"], shown["distribution"]) == (
        "encoder",
        "mri_only",
        "cmdnet",
        "xdistill",
    )
    assert shown["example"] == {"use": "mri_only", "inputs": ["hbp"]}
    assert shown["class"] == "xdistill_cmdnet.encoders.MriOnly"
    width = next(field for field in shown["settings"] if field["name"] == "width")
    assert (width["type"], width["default"]) == ("number, > 0", "1.0")
    assert "factor of the blocks' channels" in width["description"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("distillation_loss", "feature_lk"), "there is no distillation_loss 'feature_lk'; did you mean 'feature_kl'?"),
        (("distilation_loss", "feature_kl"), "there is no kind 'distilation_loss'; did you mean `distillation_loss`?"),
        (("encoder", "class_kl"), "'class_kl' is a distillation loss, and an encoder is required here"),
    ],
)
def test_what_is_not_there(xdistill, words, message):
    ended = xdistill("plugins", "show", *words)
    assert (ended.code, ended.out) == (2, "")
    assert message in ended.err


def test_a_single_file_is_listed_and_shown_as_what_it_is(xdistill):
    rows = json.loads(xdistill("plugins", "list", "--plugin", "halves.py", "--json").out)
    (row,) = [row for row in rows if row["name"] == "halves"]
    assert (row["kind"], row["distribution"], row["plugin"]) == ("distillation_loss", "halves.py", "halves")
    ended = xdistill("plugins", "show", "distillation_loss", "halves", "--plugin", "halves.py")
    assert "Half of the squared difference [of] logits." in ended.out
    assert "from halves.py " in ended.out
    assert xdistill("plugins", "show", "distillation_loss", "halves").code == 2, "only while it is named"
    assert not os.environ.get("XDISTILL_PLUGINS")


def test_a_single_file_in_a_recipe_that_is_checked(xdistill):
    changes = ("--set", "stages.joint.objective.class_kl.use=halves", "--set", "data.subjects=60")
    ended = xdistill("recipe", "check", "mvi_hcc", *changes, "--plugin", "halves.py")
    assert ended.code == 0
    assert "has no item `class_kl`" in ended.err, "its search names the loss that was exchanged; a run does not care"
    assert "halves" in ended.out
    ended = xdistill("recipe", "check", "mvi_hcc", *changes)
    assert ended.code == 2
    assert "unknown loss `halves`" in ended.err


@pytest.mark.parametrize("command", [("recipe", "check", "mvi_hcc"), ("run", "mvi_hcc"), ("plugins", "list")])
def test_a_file_or_a_name_that_is_not_there(xdistill, command):
    ended = xdistill(*command, "--plugin", "gone.py")
    assert (ended.code, ended.out) == (2, "")
    assert "there is no plugin file " in ended.err
    ended = xdistill(*command, "--disable-plugin", "mir")
    assert (ended.code, ended.out) == (2, "")
    assert "there is no plugin 'mir' to disable; did you mean `mri`?" in ended.err


def test_a_plugin_that_is_left_out_of_a_check(xdistill):
    ended = xdistill("recipe", "check", "mvi_hcc", "--disable-plugin", "networks")
    assert ended.code == 2
    assert "there is no teacher 'multibranch'" in ended.err


def test_a_new_plugin(xdistill, tmp_path):
    ended = xdistill("plugin", "new", "my-own", "--kind", "metric", "--to", "mine")
    assert ended.code == 0
    assert [line.rpartition("my-own/")[2] for line in ended.out.splitlines()] == [
        "my_own.py",
        "pyproject.toml",
        "README.md",
        "tests/test_my_own.py",
    ]
    assert "pip install -e mine/my-own" in ended.err
    ended = xdistill("plugins", "new", "my-own", "--kind", "metric", "--to", "mine")
    assert ended.code == 2
    assert "my-own already exists; choose another name" in ended.err
    document = json.loads(xdistill("plugins", "new", "my-other", "--kind", "metric", "--json").out)
    assert document["folder"] == "my-other"
    assert (tmp_path / "my-other" / "my_other.py").is_file()


def test_kinds_that_a_new_plugin_can_be_of(xdistill):
    ended = xdistill("plugins", "new", "my-own", "--kind", "zzz")
    assert ended.code == 2
    assert all(kind.name in ended.err for kind in KINDS)
