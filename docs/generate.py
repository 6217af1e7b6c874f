"""Write the pages of docs/reference and docs/kinds that are made from the program itself.

python docs/generate.py             write them
python docs/generate.py --check     only say whether they are current
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

import generate_cli
import generate_components
import generate_kinds

from xdistill.recipe.schema.reference import render as recipe_page

DOCS = Path(__file__).parent
PAGES: dict[str, Callable[[], str]] = {
    "reference/recipe.md": recipe_page,
    "reference/components.md": generate_components.render,
    "reference/cli.md": generate_cli.render,
    **{f"kinds/{name}": render for name, render in generate_kinds.pages().items()},
}


def outdated() -> list[str]:
    """The pages that differ from what would be written."""
    return [name for name, render in PAGES.items() if _text(DOCS / name) != render()]


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8") if path.is_file() else ""


def main(arguments: list[str]) -> int:
    """Write the pages, or check them; the exit status."""
    if arguments == ["--check"]:
        names = outdated()
        print(f"outdated: {', '.join(names)}; run `make docs`" if names else "all pages are current")
        return int(bool(names))
    for name, render in PAGES.items():
        (DOCS / name).write_text(render(), encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
