"""The documentation is true: links lead somewhere, commands parse, recipes load, and nothing public is left out."""

from __future__ import annotations

import functools
import re
import shlex
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import xdistill
from docs.pages import DOCS, ROOT, anchors, blocks, name_of, pages, prose, text_of
from xdistill.experiment.assemble import assemble
from xdistill.plugin import KINDS
from xdistill.recipe.bundled import bundled_names
from xdistill.recipe.load import load_recipe
from xdistill.recipe.yaml.reader import read_yaml

LINK = re.compile(r"\[[^\]\[]*(?:!?\[[^\]]*\]\([^)]*\))?[^\]\[]*\]\(([^)\s]+)\)")
SHELL = re.compile(r"^\$ |\s#\s.*$|\s>\s*\S+$|^(?:[A-Z_]+=\S+\s+)+", re.MULTILINE)
# Tested elsewhere: beside the recipe's code, with the plugin that the page makes, and as parts of a benchmark file.
OTHERS = frozenset(
    {
        "docs/reference/recipe.md",
        "docs/your-first-plugin.md",
        "docs/benchmarks.md",
        "docs/formats/benchmark.md",
    }
)


def links():
    return [(name_of(page), target) for page in pages() for target in LINK.findall(prose(page))]


def commands():
    """Every command line of xdistill that the pages show, in blocks and within the text."""
    found = []
    for page in pages():
        for block in blocks("sh", name_of(page)):
            found += [(name_of(page), SHELL.sub("", line).strip()) for line in block.text.splitlines()]
        found += [
            (name_of(page), SHELL.sub("", text))
            for text in re.findall(r"`((?:\.venv/bin/)?xdistill [^`]+)`", prose(page))
        ]
    return [
        (page, line.removeprefix(".venv/bin/"))
        for page, line in dict.fromkeys(found)
        if re.match(r"(\.venv/bin/)?xdistill\b", line)
    ]


@functools.cache
def program():
    from typer.main import get_command

    from xdistill.cli.app import app

    return get_command(app)


@pytest.mark.parametrize(("page", "target"), links())
def test_links_lead_somewhere(page, target):
    if re.match(r"https?://", target):
        return
    path, _, anchor = target.partition("#")
    place = (ROOT / page).parent / path if path else ROOT / page
    assert place.exists(), f"{page}: there is no {target}"
    if anchor:
        assert anchor in anchors(place), f"{page}: {place.name} has no heading #{anchor}"


def test_there_are_commands_to_look_at():
    assert len(commands()) > 30


def test_pages_are_found_from_the_index():
    linked = {
        ((ROOT / page).parent / target.partition("#")[0]).resolve()
        for page, target in links()
        if page in {"docs/index.md", "README.md"}
    }
    assert {page.resolve() for page in pages() if page.parent != ROOT} <= linked | {DOCS / "index.md"}


@pytest.mark.parametrize(("page", "line"), commands())
def test_commands_parse(page, line, catalog):
    command, words, path = program(), shlex.split(line)[1:], ["xdistill"]
    while getattr(command, "commands", None) and words and not words[0].startswith("-"):
        assert words[0] in command.commands, f"{page}: `{' '.join(path)}` has no command {words[0]!r}"
        path.append(words[0])
        command, words = command.commands[words[0]], words[1:]
    if words in (["--help"], ["--version"]) or not words:
        return
    # Parsing alone: what a command does is not started.
    context = command.make_context(" ".join(path), list(words))
    recipe = context.params.get("recipe")
    if recipe in bundled_names() and "XDISTILL_DATA" not in (ROOT / "recipes" / f"{recipe}.yaml").read_text():
        changes = context.params.get("changes") or context.params.get("overrides") or ()
        loaded = load_recipe(recipe, profile=context.params.get("profile"), overrides=changes)
        if page not in OTHERS:
            assemble(loaded, catalog)


@pytest.mark.parametrize("block", [block for block in blocks("yaml") if block.page not in OTHERS], ids=lambda b: b.page)
def test_recipes_load_and_assemble(block, tmp_path, catalog):
    path = tmp_path / "recipe.yaml"
    path.write_text(block.text, encoding="utf-8")
    loaded = load_recipe(path)
    if loaded.recipe.data.use != "manifest":  # cohorts of files: tests/docs/test_docs_cohort.py
        assemble(loaded, catalog)


def test_the_citation_is_well_formed():
    reading = read_yaml((ROOT / "CITATION.cff").read_text(encoding="utf-8"), "CITATION.cff")
    assert not reading.problems
    fields = set(reading.root.entries)
    assert {"cff-version", "message", "title", "authors", "version"} <= fields
    assert f"version: {xdistill.__version__}\n" in (ROOT / "CITATION.cff").read_text(encoding="utf-8")
    assert f"## [{xdistill.__version__}]" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")


def test_generated_pages_are_current():
    done = subprocess.run(
        [sys.executable, DOCS / "generate.py", "--check"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def everything() -> str:
    return "\n".join(text_of(page) for page in pages())


def test_public_names_are_described():
    text = everything()
    for name in xdistill.__all__:
        assert f"`xdistill.{name}" in text


def test_hooks_are_described():
    page = (DOCS / "your-first-plugin.md").read_text(encoding="utf-8")
    for kind in KINDS:
        assert f"`{kind.hook}`" in page, f"the hook {kind.hook} is missing among the kinds"
        assert f"../xdistill/interfaces/{kind.module}.py" in page


def test_components_are_described(catalog):
    page = (DOCS / "reference" / "components.md").read_text(encoding="utf-8")
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    for entry in catalog:
        if entry.distribution == "xdistill":
            assert f"### {entry.kind} `{entry.name}`" in page
            assert f"`{entry.name}`" in changes, f"{entry.name} has no line in the changelog"


def test_commands_and_options_are_described():
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    seen = 0
    waiting = [("xdistill", program())]
    while waiting:
        path, command = waiting.pop()
        section = page.split(f"\n## {path}\n")[1].split("\n## ")[0]
        options = {option for parameter in command.params for option in parameter.opts if option.startswith("--")}
        for option in options - {"--help", "--install-completion", "--show-completion"}:
            assert f"`{option}" in section, f"{path} {option}"
            seen += 1
        waiting += [(f"{path} {name}", child) for name, child in getattr(command, "commands", {}).items()]
    assert seen > 20


def test_environment_variables_are_described():
    page = (DOCS / "reference" / "cli.md").read_text(encoding="utf-8")
    sources = [path for room in ("xdistill", "plugins", "recipes") for path in (ROOT / room).rglob("*.*")]
    sources = [path for path in sources if path.suffix in {".py", ".yaml"}]
    names = {name for path in sources for name in re.findall(r"XDISTILL_[A-Z_]+", path.read_text(encoding="utf-8"))}
    # The version of the plugin interface is no environment variable, and the rank is the executor's own.
    for name in names - {"XDISTILL_API", "XDISTILL_WORKER_RANK"}:
        assert f"`{name}`" in page


def test_the_layers_are_those_that_are_checked():
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]
    layers = next(contract["layers"] for contract in contracts["contracts"] if contract["type"] == "layers")
    assert [block.text.splitlines() for block in blocks("text", "ARCHITECTURE.md")] == [layers]
    page = (ROOT / "ARCHITECTURE.md").read_text(encoding="utf-8")
    for room in re.findall(r"\w+", " ".join(layers)):
        assert re.search(rf"`(?:xdistill/)?{room}(?:\.py)?`", page), f"the room {room} is not described"


def test_targets_of_make_exist():
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for target in set(re.findall(r"(?:^|`)make ([a-z]+)", everything(), re.MULTILINE)):
        assert re.search(rf"^{target}:", makefile, re.MULTILINE), f"there is no `make {target}`"


def test_recipes_that_ship_are_in_the_gallery():
    page = (DOCS / "recipes.md").read_text(encoding="utf-8")
    for name in bundled_names():
        assert f"[`{name}`](../recipes/{name}.yaml)" in page


def test_pictures_load_nothing_from_elsewhere():
    svg = (DOCS / "pictures" / "terminal.svg").read_text(encoding="utf-8")
    assert not re.search(r"(?:href|src|url\()\W*https?:", svg)
    assert Path(DOCS / "pictures" / "report.png").read_bytes().startswith(b"\x89PNG")
