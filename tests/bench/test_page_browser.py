"""The leaderboard in a real browser: sorting, dark mode, phones, and nothing asked of the network."""

import json

import pytest

from bench.chromium import BROWSER, Page
from bench.toy_standings import toy_standings
from xdistill.bench.export import render

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

ORDER = "[...document.querySelectorAll('.ranked .board tbody .name')].map((one) => one.textContent)"
PAPER = {"light": "rgb(255, 255, 255)", "dark": "rgb(21, 24, 28)"}
TAB, ENTER, SPACE = ("Tab", 9), ("Enter", 13, "\r"), (" ", 32, " ")


@pytest.fixture(scope="module")
def standings():
    return toy_standings()


@pytest.fixture(scope="module")
def file(tmp_path_factory, standings):
    path = tmp_path_factory.mktemp("leaderboard") / "page.html"
    path.write_text(render(standings, "html"), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with Page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.fixture
def by_rank(standings):
    return [standing.title for standing in standings.entries if standing.rank is not None]


def sorted_by(page):
    return page.value(
        "[...document.querySelectorAll('.ranked .board th[aria-sort]')]"
        ".map((one) => [one.className, one.getAttribute('aria-sort')])"
    )


def test_a_click_sorts_and_another_turns_it_round(page, file, by_rank):
    page.open(file)
    assert page.value(ORDER) == by_rank
    assert sorted_by(page) == [["rank", "ascending"]]
    page.click(".ranked .board th.method button")
    assert page.value(ORDER) == sorted(by_rank)
    assert sorted_by(page) == [["method", "ascending"]]
    assert page.value("document.getElementById('sorted').textContent") == "Sorted by Method, ascending."
    page.click(".ranked .board th.method button")
    assert page.value(ORDER) == sorted(by_rank, reverse=True)
    page.click(".ranked .board th.score button")
    assert page.value(ORDER) == by_rank
    assert sorted_by(page) == [["score", "descending"]]


def test_keys_sort_as_clicks_do(page, file, by_rank):
    page.open(file)
    focused = "document.activeElement.closest('th') ? document.activeElement.closest('th').className : ''"
    for _ in range(30):
        page.press(*TAB)
        if page.value(focused) == "score":
            break
    assert page.value("document.activeElement.tagName") == "BUTTON"
    assert page.value("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.press(*ENTER)
    assert sorted_by(page) == [["score", "descending"]]
    page.press(*SPACE)
    assert sorted_by(page) == [["score", "ascending"]]
    assert page.value(ORDER) == by_rank[::-1]
    # The focus stays where it was.
    assert page.value(focused) == "score"


def test_what_has_no_value_stands_last_either_way(page, file):
    page.open(file)
    for _ in range(2):
        page.click(".ranked .board th.difference button")
        assert page.value(ORDER)[-1] == "S-pre-hbp"


def test_the_second_table_sorts_as_well(page, file, standings):
    page.open(file)
    page.click(".ranked .figures th[data-name='reported Macro F1'] button")
    order = page.value("[...document.querySelectorAll('.ranked .figures tbody th')].map((one) => one.textContent)")
    stated = {one.title: one.reported["f1_macro"].mean for one in standings.entries if one.reported}
    assert order[:-1] == sorted(stated, key=stated.get, reverse=True)


def test_without_a_script_it_is_a_sorted_table(page, file, by_rank):
    page.without_scripts()
    try:
        page.open(file)
        assert page.value(ORDER) == by_rank
        assert page.value("document.querySelectorAll('button').length") == 0
    finally:
        page.without_scripts(off=False)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_colours_follow_the_scheme(page, file, scheme):
    page.open(file, scheme=scheme)
    assert page.value("getComputedStyle(document.body).backgroundColor") == PAPER[scheme]
    pairs = page.value(
        "['h1', '.notice', '.board .sd', '.board .under', '.figures td.reported', '.figures th.reported', '.note']"
        ".map((name) => { const one = document.querySelector(name); let behind = one;"
        "while (getComputedStyle(behind).backgroundColor === 'rgba(0, 0, 0, 0)') behind = behind.parentElement;"
        "return [name, getComputedStyle(one).color, getComputedStyle(behind).backgroundColor] })"
    )
    for name, ink, paper in pairs:
        assert contrast(ink, paper) >= 4.5, (name, ink, paper)
    mark, paper = page.value(
        "[getComputedStyle(document.querySelector('svg .bar')).stroke, getComputedStyle(document.body).backgroundColor]"
    )
    assert contrast(mark, paper) >= 3


@pytest.mark.parametrize("width", [320, 390, 768, 1151, 1153, 1280, 1800])
def test_the_page_is_no_wider_than_the_screen(page, file, width):
    page.open(file, width=width)
    assert page.value("document.documentElement.scrollWidth") <= width
    # Only the table of all figures may be wider than its region; that one is scrolled, by keyboard too.
    regions = page.value(
        "[...document.querySelectorAll('.scroll')].map((one) => "
        "[one.scrollWidth > one.clientWidth, one.tabIndex, one.firstElementChild.classList.contains('figures')])"
    )
    assert regions
    for wider, focusable, figures in regions:
        assert figures or not wider
        assert focusable == 0


def test_a_landscape_sheet_of_paper_holds_the_tables(page, file):
    page.open(file, width=1032, scheme="dark")  # A4 without its margins
    dark = {"name": "prefers-color-scheme", "value": "dark"}
    page.call("Emulation.setEmulatedMedia", media="print", features=[dark])
    try:
        assert page.value("document.documentElement.scrollWidth") <= 1032
        assert page.value("getComputedStyle(document.body).backgroundColor") == PAPER["light"]
        assert page.value("getComputedStyle(document.querySelector('.board tbody tr')).display") == "table-row"
    finally:
        page.call("Emulation.setEmulatedMedia", media="")


def test_a_phone_shows_cards_with_every_figure(page, file, standings):
    page.open(file, width=390, height=844)
    first = standings.entries[0]
    text = " ".join(page.value("document.querySelector('.ranked .board tbody tr').innerText").split())
    assert text.startswith("1 CMD-Net")
    assert f"{100 * first.rows['auc_ovo'].scores.mean:.2f}" in text
    heights = page.value(
        "[...document.querySelectorAll('.ranked .board tbody tr')].map((one) => one.getBoundingClientRect().height)"
    )
    assert min(heights) > 80
    page.click(".ranked .board th.difference button")
    assert sorted_by(page) == [["difference", "descending"]]
    # The first column stays where it is while the rest of a wide table moves.
    places = page.value(
        "(() => { const region = document.querySelectorAll('.ranked .scroll')[1]; region.scrollLeft = 150;"
        "return [region.scrollLeft, region.querySelector('tbody th').getBoundingClientRect().x"
        " - region.getBoundingClientRect().x] })()"
    )
    assert places == [150, 0]


def test_nothing_is_asked_of_the_network_and_nothing_is_wrong(page, file):
    page.open(file)
    page.click(".ranked .board th.p button")
    asked = [
        event["params"]["request"]["url"] for event in page.events if event.get("method") == "Network.requestWillBeSent"
    ]
    assert asked == [file.as_uri()]
    said = [
        event
        for event in page.events
        if event.get("method") in {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"}
    ]
    assert not said, json.dumps(said)


def contrast(ink: str, paper: str) -> float:
    """Contrast of two ``rgb(…)`` as the Web Content Accessibility Guidelines 2.1 have it."""
    first, second = sorted((luminance(ink), luminance(paper)), reverse=True)
    return (first + 0.05) / (second + 0.05)


def luminance(colour: str) -> float:
    parts = [int(part) / 255 for part in colour[colour.index("(") + 1 : -1].split(",")[:3]]
    red, green, blue = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue
