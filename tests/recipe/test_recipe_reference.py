import re
import subprocess
import sys
from pathlib import Path

import pytest

from xdistill.recipe.load import load_recipe
from xdistill.recipe.schema.reference import SECTIONS, render

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "recipe.md"
EXAMPLES = re.findall(r"```yaml\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
COMMANDS = re.findall(r"^xdistill run (\S+) (.*)$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)


def test_the_page_is_current():
    assert PAGE.read_text(encoding="utf-8") == render(), (
        "run: python -m xdistill.recipe.schema.reference > docs/reference/recipe.md"
    )


def test_the_module_prints_the_page():
    done = subprocess.run([sys.executable, "-m", "xdistill.recipe.schema.reference"], capture_output=True, check=True)
    assert done.stdout.decode() == render()


def test_every_field_has_a_row_with_a_description():
    page = render()
    for title, model in SECTIONS:
        section = page.split(f"\n### {title}\n")[1].split("\n### ")[0]
        for name, info in model.model_fields.items():
            assert re.search(
                rf"^\| `{name}` \| .+ \| .+ \| {re.escape(info.description or '?')}", section, re.MULTILINE
            )


@pytest.mark.parametrize("text", EXAMPLES)
def test_the_examples_are_recipes(write, text):
    loaded = load_recipe(write(text))
    if "profiles" in text:
        assert load_recipe("recipe.yaml", profile="quick").recipe.crossval.folds == 2
    if "pre: null" in text:
        assert set(loaded.tree()["teacher"]["branches"]) == {"hbp"}


@pytest.mark.parametrize(("recipe", "options"), COMMANDS)
def test_the_commands_change_recipes(recipe, options):
    changes = re.findall(r"--set (?:'([^']*)'|(\S+))", options)
    assert changes
    load_recipe(recipe, overrides=[quoted or bare for quoted, bare in changes])


def test_the_python_example_runs():
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, object] = {}
    exec(code, names)  # noqa: S102 - the page's own example
    assert names["same"].recipe == names["loaded"].recipe
