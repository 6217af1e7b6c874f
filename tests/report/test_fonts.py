"""Names in other scripts are drawn in a font that has their letters, or one warning says that there is none."""

import io
import warnings

import pytest

from xdistill.report import picture as fonts
from xdistill.report.picture import new_picture, svg_markup, write

LATIN = frozenset(range(0x20, 0x250))
FONTS = {"Plain": LATIN, "Han": LATIN | {ord("阴"), ord("性")}, "Cyrillic": frozenset({ord("ж")})}


def test_the_fewest_fonts_that_have_all_letters():
    assert fonts.families("阴性", ["Plain"], FONTS) == (["Han"], set())
    assert fonts.families("阴ж", ["Plain"], FONTS) == (["Cyrillic", "Han"], set())
    assert fonts.families("阴", ["Han"], FONTS) == ([], set())
    assert fonts.families("阴क", ["Plain"], FONTS) == (["Han"], {"क"})


def drawn(text):
    picture, (axes,) = new_picture(1, 1)
    write(axes, 0.5, 0.5, text)
    picture.savefig(io.BytesIO(), format="png")
    return picture, axes.texts[0]


def test_letters_without_a_font_are_said_once(monkeypatch):
    monkeypatch.setattr(fonts, "_installed", lambda: {"DejaVu Sans": LATIN})
    monkeypatch.setattr(fonts, "_WARNED", set())
    with pytest.warns(UserWarning, match="no installed font has the letters 性阴") as caught:
        picture, _ = drawn("阴性")
    assert len(caught) == 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        drawn("性")
        assert "阴性" in svg_markup(picture, prefix="a", alt="")


def test_a_font_that_has_them_is_used(monkeypatch):
    monkeypatch.setattr(fonts, "_installed", lambda: {"DejaVu Sans": LATIN, "DejaVu Serif": LATIN | {ord("ж")}})
    _, text = drawn("ж")
    assert text.get_fontfamily()[-1] == "DejaVu Serif"
