"""Matplotlib figures without pyplot, and their way into a page: inline SVG that follows the page's colours."""

from __future__ import annotations

import io
import math
import re
import warnings
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final
from xml.etree import ElementTree as ET

from matplotlib import rc_context
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties, fontManager
from matplotlib.ft2font import FT2Font
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.text import Text

from xdistill.report.palette import INK, MUTED, RULE, VARIABLES

PANEL: Final = (3.3, 3.0)  # inches: readable at the width of a phone, three side by side on a desk
LONGEST_NAME: Final = 18  # characters of a class name that fit next to an axis

_LATIN: Final = 0x24F  # up to here every font is complete enough
_NO_LETTERS: Final = "Last Resort"  # a font of boxes for everything
_WARNED: set[str] = set()  # letters that no font has

_STYLE: Final[dict[Any, Any]] = {
    "axes.axisbelow": True,
    "axes.edgecolor": MUTED,
    "axes.facecolor": "none",
    "axes.grid": True,
    "axes.labelcolor": MUTED,
    "axes.labelsize": 8.5,
    "axes.linewidth": 0.6,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "figure.facecolor": "white",
    "font.family": "sans-serif",
    "font.size": 8.5,
    "grid.color": RULE,
    "grid.linewidth": 0.6,
    "text.color": INK,
    "text.parse_math": False,
    "text.usetex": False,
    "xtick.color": MUTED,
    "xtick.labelcolor": MUTED,
    "xtick.labelsize": 8,
    "xtick.major.size": 2.5,
    "ytick.color": MUTED,
    "ytick.labelcolor": MUTED,
    "ytick.labelsize": 8,
    "ytick.major.size": 2.5,
}


class Picture(Figure):
    """A figure that notebooks show by themselves, whether or not pyplot was ever imported.

    Names from the data are drawn in an installed font that has their letters.
    """

    def draw(self, renderer: Any) -> None:
        """Draw the figure; matplotlib calls it, before saving twice: at first only to lay it out."""
        use_fonts_with_glyphs(self)
        layout = self.get_layout_engine()
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Glyph .* missing from")  # said once, in plain words
            if self.canvas.is_saving() and isinstance(layout, ConstrainedLayoutEngine):
                layout.execute(self)
            else:
                super().draw(renderer)

    def _repr_png_(self) -> bytes:
        buffer = io.BytesIO()
        self.savefig(buffer, format="png", dpi=144)
        return buffer.getvalue()


def new_picture(
    count: int, columns: int, *, panel: tuple[float, float] = PANEL, **grid: Any
) -> tuple[Picture, list[Axes]]:
    """An empty figure with ``count`` panels in rows of at most ``columns``.

    Args:
        count: number of panels, at least 1.
        columns: most panels side by side.
        panel: width and height of a panel, in inches.
        grid: passed on to ``Figure.subplots``.

    Returns:
        The figure and its axes, row by row.
    """
    columns = max(1, min(columns, count))
    rows = math.ceil(count / columns)
    with rc_context(_STYLE):
        picture = Picture(figsize=(panel[0] * columns, panel[1] * rows), layout="constrained")
        axes = list(picture.subplots(rows, columns, squeeze=False, **grid).flat)
        for unused in axes[count:]:
            unused.remove()
    return picture, axes[:count]


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
    new = sorted(missing - _WARNED)
    if new:
        _WARNED.update(new)
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
        if entry.name not in found and not entry.name.startswith(_NO_LETTERS):
            try:
                found[entry.name] = frozenset(FT2Font(entry.fname).get_charmap())
            except (OSError, RuntimeError):  # a font that was removed, or is damaged
                continue
    return found


def write(axes: Axes, x: float, y: float, text: str, **style: Any) -> None:
    """Put text into axes; nothing in it is taken for mathematics."""
    axes.text(x, y, text, **{"color": INK, "fontsize": 8.5, "parse_math": False, **style})


def entitle(axes: Axes, title: str, **style: Any) -> None:
    """Give a panel its title; nothing in it is taken for mathematics."""
    axes.set_title(title, **{"color": INK, "fontsize": 9.5, "loc": "left", "parse_math": False, **style})


def shorten(name: str, *, most: int = LONGEST_NAME) -> str:
    """A name from the data as one line of at most ``most`` printable characters."""
    line = " ".join("".join(letter if letter.isprintable() else " " for letter in name).split())
    return line if len(line) <= most else line[: most - 1].rstrip() + "…"


def svg_markup(figure: Figure, *, prefix: str, alt: str) -> str:
    """The figure as an ``<svg>`` element for an HTML page.

    Its colours become the page's variables, its text stays text in the page's font, its ids get the prefix so
    that several fit on one page, and the same figure gives the same bytes.

    Args:
        figure: a figure of this package.
        prefix: unique on the page.
        alt: alternative text for screen readers.
    """
    buffer = io.StringIO()
    with warnings.catch_warnings(), rc_context({"svg.fonttype": "none", "svg.hashsalt": prefix}):
        # The reader's browser has fonts that matplotlib lacks.
        warnings.filterwarnings("ignore", message="Glyph .* missing from|no installed font has")
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None})
    root = ET.fromstring(buffer.getvalue())  # noqa: S314 - written by matplotlib one line above
    _tidy(root, prefix)
    root.attrib.pop("version", None)
    root.attrib.update({"role": "img", "aria-label": alt, "class": "chart"})
    # Its natural width in CSS pixels: a chart is never blown up far beyond its own size.
    root.attrib["style"] = f"--natural: {figure.get_figwidth() * 96:.0f}px"
    root.attrib.pop("width", None)
    root.attrib.pop("height", None)
    return ET.tostring(root, encoding="unicode")


def _tidy(root: ET.Element, prefix: str) -> None:
    """Make one of several SVG documents in a page: no namespaces, no ids in common, the page's colours and font."""
    for parent in root.iter():
        for child in [child for child in parent if _local(child.tag) in {"metadata", "style"}]:
            parent.remove(child)
        for empty in [child for child in parent if _local(child.tag) == "defs" and not len(child)]:
            parent.remove(empty)
    for element in root.iter():
        element.tag = _local(element.tag)
        element.text = (element.text or "").strip() or None
        element.tail = (element.tail or "").strip() or None
        attributes = {_local(name): _tidied(_local(name), value, prefix) for name, value in element.attrib.items()}
        if element.tag == "g":
            attributes.pop("id", None)  # nothing refers to groups
        element.attrib.clear()
        element.attrib.update(attributes)


def _tidied(name: str, value: str, prefix: str) -> str:
    if name == "id":
        return f"{prefix}-{value}"
    if name == "href":
        return re.sub("^#", f"#{prefix}-", value)
    if name == "clip-path":
        return value.replace("url(#", f"url(#{prefix}-")
    if name == "style":
        value = re.sub(r"font-family:[^;]*;? ?|font-variant: normal;? ?", "", value)
        return _COLOUR.sub(lambda found: VARIABLES.get(found[0], found[0]), value)
    if name in _PLACES:
        return " ".join(_LONG_NUMBER.sub(lambda found: f"{float(found[0]):.2f}", value).split())
    return value


def _local(name: str) -> str:
    return name.rpartition("}")[2]


_COLOUR: Final = re.compile("#[0-9a-f]{6}")
_LONG_NUMBER: Final = re.compile(r"-?\d+\.\d{3,}")
_PLACES: Final = frozenset({"d", "x", "y", "width", "height", "points", "transform"})
