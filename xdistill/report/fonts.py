"""Fonts for names from the data whose letters the standard font does not have, such as Chinese ones."""

from __future__ import annotations

import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Final

from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.text import Text

_LATIN: Final = 0x24F  # up to here every font is complete enough
_NOTHING: Final = "Last Resort"  # has boxes for everything
_SAID: set[str] = set()


def use_fonts_with_glyphs(figure: Figure) -> None:
    """Give every text of a figure fonts that have its letters, of those that are installed.

    Warns once for each letter that no installed font has.
    """
    texts = [text for text in figure.findobj(Text) if _rare(text.get_text())]
    missing: set[str] = set()
    for text in texts:
        plain = list(text.get_fontfamily())
        found, unknown = families(_rare(text.get_text()), plain)
        text.set_fontfamily([*plain, *found])
        missing |= unknown
    new = sorted(missing - _SAID)
    if new:
        _SAID.update(new)
        warnings.warn(
            f"no installed font has the letters {''.join(new)}, so figures show boxes in their place; install one, "
            f"such as Noto Sans CJK",
            stacklevel=2,
        )


def families(
    letters: Iterable[str], plain: list[str], fonts: Mapping[str, frozenset[int]] | None = None
) -> tuple[list[str], set[str]]:
    """Further families that together have these letters, and the letters that no font has.

    Args:
        letters: that are needed.
        plain: families that are used already.
        fonts: letters of each installed family, as code points; None: looked up.
    """
    known = _installed() if fonts is None else fonts
    wanted = {ord(letter) for letter in letters} - _letters_of(plain, known)
    found: list[str] = []
    while wanted:
        best = max(sorted(known), key=lambda name: len(known[name] & wanted), default="")
        if not best or not known[best] & wanted:
            break
        found.append(best)
        wanted -= known[best]
    return found, {chr(code) for code in wanted}


def _letters_of(plain: list[str], known: Mapping[str, frozenset[int]]) -> set[int]:
    default = FontProperties(family=plain).get_name()
    return set().union(*(known.get(name, frozenset()) for name in (*plain, default)))


def _rare(text: str) -> str:
    return "".join(letter for letter in text if ord(letter) > _LATIN and not letter.isspace())


@cache
def _installed() -> Mapping[str, frozenset[int]]:
    """Code points of each installed family, of its upright face of normal weight where it has one."""
    entries = sorted(fontManager.ttflist, key=lambda entry: (entry.style != "normal", entry.weight != 400))  # noqa: PLR2004 -- normal weight
    found: dict[str, frozenset[int]] = {}
    for entry in entries:
        if entry.name not in found and not entry.name.startswith(_NOTHING):
            try:
                found[entry.name] = frozenset(FT2Font(entry.fname).get_charmap())
            except (OSError, RuntimeError):  # a font that was removed, or is damaged
                continue
    return found
