"""Taking the documentation apart."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
_FENCE = re.compile(r"^(?P<lead>[^\n]*)\n\n?```(?P<language>\w*)\n(?P<text>.*?)^```$", re.MULTILINE | re.DOTALL)
_NAMED = re.compile(r"^`(?P<file>[\w./-]+)`$")


@dataclass(frozen=True)
class Block:
    """A fenced block: its language, its text, and the line before it."""

    page: str
    lead: str
    language: str
    text: str

    @property
    def file(self) -> str:
        """The file that the line before it names; empty when it names none."""
        match = _NAMED.match(self.lead.strip())
        return match["file"] if match else ""

    @property
    def runnable(self) -> bool:
        return self.lead.strip() == "<!-- runnable -->"


def pages() -> list[Path]:
    """Every page, the front ones first."""
    front = [ROOT / name for name in ("README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "CHANGELOG.md")]
    return [*front, *sorted(DOCS.rglob("*.md")), *sorted(DOCS.rglob("*.ipynb"))]


def name_of(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


def text_of(page: Path) -> str:
    """The Markdown of a page; of a notebook, that of its cells."""
    text = page.read_text(encoding="utf-8")
    if page.suffix != ".ipynb":
        return text
    cells = json.loads(text)["cells"]
    return "\n\n".join("".join(cell["source"]) for cell in cells if cell["cell_type"] == "markdown")


def blocks(language: str, *names: str) -> list[Block]:
    """The blocks of a language, in all pages or in those named."""
    return [
        block
        for page in pages()
        if not names or name_of(page) in names
        for block in _blocks(page)
        if block.language == language
    ]


def _blocks(page: Path) -> Iterator[Block]:
    for match in _FENCE.finditer(text_of(page)):
        yield Block(name_of(page), match["lead"], match["language"], match["text"])


def prose(page: Path) -> str:
    """A page without its fenced blocks."""
    return _FENCE.sub(lambda match: match["lead"], text_of(page))


def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as code hosts make them."""
    found: set[str] = set()
    for heading in re.findall(r"^#+ (.*)$", prose(page), re.MULTILINE):
        slug = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        number = 0
        while (anchor := f"{slug}-{number}" if number else slug) in found:
            number += 1
        found.add(anchor)
    return found
