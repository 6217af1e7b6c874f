"""Documentation and code use the standard terms of the field: a table of words that are not used, with replacements."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.pages import DOCS, ROOT, name_of, text_of

# A regular expression for whole words, and what to write instead.
WORDS = {
    # errors
    r"faults?": "error, problem",
    r"(?:is|are) at fault": "is invalid",
    r"strangers?": "unknown fields",
    r"go(?:es)? astray|went astray": "diverge",
    r"stumble[sd]? over": "fail on",
    r"stands? in the way": "prevent",
    r"tell-?tales?": "errors of a trial",
    r"(?:is|are|was|were) no (?:subclass|instance)\b[^.]{0,3}": "is not a subclass of",
    # what a network returns
    r"(?:networks?|teachers?|students?)(?: \w+)? (?:says?|said)": "output, prediction",
    r"by what is said|what is said of": "output, prediction",
    r"(?:is|are|was|were) handed": "receives, is called with, is passed",
    r"told": "reported, passed",
    r"handed (?:down|over|on|back)": "passed",
    r"asked about": "called for",
    # plain words for private ones
    r"beforehand": "before",
    r"anew": "again",
    r"wherefore": "why",
    r"whoever|whomever": "a user who, a process that",
    r"nobody(?:'s)?|somebody(?:'s)?": "no subject, a user, a process",
    r"everybody(?:'s)?": "every subject",
    r"thrifty": "lazy",
    r"stand-?ins?|stand_ins?": "control, replacement",
    r"rehears(?:al|als|e|ed|es|ing)": "dry run",
    r"bury|buries|buried": "mark as failed",
    r"wherever it lies|where(?:ver)? (?:it|they) lies?": "location",
    r"as it lies": "as it is",
    r"lent|lends?|lending": "assigned",
    r"same command goes on|goes on where": "rerun the command to resume",
    r"runs? that goes? on": "resumed run",
    r"at (?:its|his|one's) side": "with it",
    r"the recipe's business": "set in the recipe",
    r"over and done|makes? do with": "finished; uses",
    r"kept teachers?": "cached teachers",
    r"beside": "next to, in addition to",
    r"wants": "needs",
    r"dealt out": "distributed",
    r"by looking": "detected",
    r"bit by bit": "bit for bit",
    r"kept aside": "held out",
    r"laid over": "merged into, applied to",
    r"trained apart": "trained separately",
    r"by heart": "memorises",
    # "a" for "per"
    r"(?:rows?|lines?) an? (?:subject|post|epoch|fold|patient|entry)": "one row per subject",
    r"(?:seconds?|ms|trials?|threads?|folds?|bytes|subjects) an? (?:subject|epoch|fold|step|batch|job|run)": "per",
    r"one (?:folder|file|curve|column|network|branch|encoder) an? \w+": "per",
    r"(?:one|\d+|trials?|findings|labels|numbers) a (?:seed|cohort|split|subject|entry|search)": "per",
    # names
    r"places of (?:the )?subjects": "indices",
    r"no medical device": "not a medical device",
    r"(?<!there )(?:is|are) no (?:metrics?|records?|volumes?|dates?|thresholds?|numbers?|labels?)": "is not a",
}
# Files in which a word may appear, with the reason.
CONFORMANCE = "names of conformance tests, by which plugins list expected failures"
ALLOWED = {
    r"faults?": {"xdistill/errors.py": "the deprecated aliases `Fault` and `faults`"},
    r"told": {"xdistill/testing/dataset.py": CONFORMANCE, "xdistill/testing/tracker.py": CONFORMANCE},
    r"runs? that goes? on": {"xdistill/testing/tracker.py": CONFORMANCE},
}
PATTERNS = {word: re.compile(rf"(?<![\w-])(?:{word})(?![\w-])", re.IGNORECASE) for word in WORDS}
PROSE = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md", "ARCHITECTURE.md")),
    *sorted((ROOT / "benchmarks").glob("*/README.md")),
    *sorted(DOCS.rglob("*.md")),
    *sorted(DOCS.rglob("*.ipynb")),
    *sorted((ROOT / "recipes").rglob("*.yaml")),
    *sorted((ROOT / "benchmarks").glob("*.yaml")),
    *sorted(path for room in ("xdistill", "plugins") for path in (ROOT / room).rglob("templates/*") if path.is_file()),
]
GENERATED = ("docs/reference/", "docs/kinds/")  # made from docstrings and help texts, which are code
ROOMS = sorted(path for room in ("xdistill", "plugins") for path in (ROOT / room).iterdir() if path.name[0] != "_")
NAME = re.compile(r"_+|(?<=[a-z0-9])(?=[A-Z])")


def found(text: str, page: str) -> Iterator[str]:
    """Each word of the table in a text, with its line and the replacement."""
    for word, pattern in PATTERNS.items():
        if page in ALLOWED.get(word, {}):
            continue
        for match in pattern.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            used = " ".join(match[0].split())
            yield f"{page}:{line}: `{used}`; write: {WORDS[word]}"


def code_text(path: Path) -> str:
    """A module with its names split into their words."""
    return NAME.sub(" ", path.read_text(encoding="utf-8"))


PAGES = [page for page in PROSE if not name_of(page).startswith(GENERATED)]


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_documentation_uses_standard_terms(page):
    text = text_of(page) if page.suffix in {".md", ".ipynb"} else page.read_text(encoding="utf-8")
    hits = list(found(text, name_of(page)))
    assert not hits, "\n".join(hits)


@pytest.mark.parametrize("room", ROOMS, ids=name_of)
def test_code_uses_standard_terms(room):
    files = sorted(room.rglob("*.py")) if room.is_dir() else [room]
    hits = [hit for path in files if path.suffix == ".py" for hit in found(code_text(path), name_of(path))]
    assert not hits, "\n".join(hits)


def test_private_words_are_found():
    text = "All strangers among\nthe fields are faults.\nThe teacher says nothing."
    assert list(found(text, "page.md")) == [
        "page.md:2: `faults`; write: error, problem",
        "page.md:1: `strangers`; write: unknown fields",
        "page.md:3: `teacher says`; write: output, prediction",
    ]


def test_parts_of_words_are_not_found():
    assert not list(found("default values, defaults, a talented student, silent, renewed", "page.md"))


def test_names_in_code_are_split_into_words(tmp_path):
    path = tmp_path / "module.py"
    path.write_text('class RecipeFault:  # anew\n    """Told."""\n    all_faults = 1\n', encoding="utf-8")
    assert [hit.split(";")[0] for hit in found(code_text(path), "module.py")] == [
        "module.py:1: `Fault`",
        "module.py:3: `faults`",
        "module.py:2: `Told`",
        "module.py:1: `anew`",
    ]


@pytest.mark.parametrize(("word", "page"), [(word, page) for word, pages in ALLOWED.items() for page in pages])
def test_exceptions_are_needed(word, page):
    assert PATTERNS[word].search(code_text(ROOT / page))
