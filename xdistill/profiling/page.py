"""The profile as a page: one self-contained HTML file without scripts."""

from __future__ import annotations

from importlib.resources import files
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdistill.profiling.profile import Profile

_WIDTH, _HEIGHT = 160.0, 36.0


def profile_page(profile: Profile) -> str:
    """The page as HTML: each column with its type, range, words, oddities and a histogram. All text is escaped."""
    import jinja2

    environment = jinja2.Environment(
        autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True, lstrip_blocks=True
    )
    source = files("xdistill.profiling").joinpath("templates", "profile.html.j2").read_text(encoding="utf-8")
    template = environment.from_string(source)
    drawn = [(column, bars_of(column.bars)) for column in profile.columns]
    return template.render(profile=profile, drawn=drawn, width=_WIDTH, height=_HEIGHT)


def bars_of(counts: tuple[int, ...]) -> list[tuple[float, float, float, float]]:
    """A histogram as rectangles: left, top, width and height of each, in pixels."""
    most = max(counts, default=0)
    if not most:
        return []
    step = _WIDTH / len(counts)
    tall = [_HEIGHT * count / most for count in counts]
    return [
        (round(place * step, 2), round(_HEIGHT - height, 2), round(step - 1, 2), round(height, 2))
        for place, height in enumerate(tall)
    ]
