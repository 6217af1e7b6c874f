"""The page of an evaluation in a real browser: it fits a phone, shows its first score at once, and loads nothing."""

import pytest

from bench.chromium import BROWSER, Page
from xdistill.data import open_cohort
from xdistill.data.export import export_cohort
from xdistill.deployment.evaluate import evaluate, write_evaluation
from xdistill.models import load_model

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

BOTTOM = "document.querySelector('main strong, header strong, strong').getBoundingClientRect().bottom"
STICKING_OUT = """[...document.querySelectorAll('h1, h2, p, figure, svg, dl, nav')]
    .filter(one => one.getBoundingClientRect().right > document.documentElement.clientWidth + 1)
    .map(one => one.tagName + ': ' + one.textContent.trim().slice(0, 40))"""
CROPPED = """[...document.querySelectorAll('table')].filter(one => {
    const box = one.parentElement, style = getComputedStyle(box);
    return one.scrollWidth > box.clientWidth + 1 && !['auto', 'scroll'].includes(style.overflowX);
}).length"""


@pytest.fixture(scope="module")
def report(run, fitted, tmp_path_factory):
    folder = tmp_path_factory.mktemp("evaluated")
    table = export_cohort(open_cohort(run.cohort.path), folder / "cohort", modalities=["hbp", "pre"])
    return write_evaluation(evaluate(load_model(fitted), table, resamples=20), folder / "evaluation") / "report.html"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with Page(tmp_path_factory.mktemp("profile")) as page:
        yield page


@pytest.mark.parametrize(("width", "scheme"), [(1280, "light"), (400, "light"), (360, "dark")])
def test_the_page_fits_and_loads_nothing(page, report, width, scheme):
    page.events.clear()
    page.open(report, width=width, height=900, scheme=scheme)
    assert page.value("document.documentElement.scrollWidth") <= width
    assert page.value(STICKING_OUT) == []
    assert page.value(CROPPED) == 0
    assert page.value(BOTTOM) < 900
    asked = [
        event["params"]["request"]["url"] for event in page.events if event["method"] == "Network.requestWillBeSent"
    ]
    assert [url for url in asked if not url.startswith("data:")] == [report.as_uri()]
    assert [event for event in page.events if event["method"] == "Log.entryAdded"] == []


def test_charts_and_tables_are_there(page, report):
    page.open(report)
    titles = page.value("[...document.querySelectorAll('h2')].map(one => one.textContent)")
    assert {"ROC curves", "Calibration", "Decision curve", "Drift of the inputs"} <= set(titles)
    assert page.value("[...document.querySelectorAll('svg')].every(one => one.getBoundingClientRect().height > 50)")
    page.value("document.querySelector('nav a[href=\"#drift\"]').click()")
    assert page.value("location.hash") == "#drift"
