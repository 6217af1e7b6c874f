"""The page in a browser: it loads nothing, shows all slices, and fits a phone."""

import pytest

from bench.chromium import BROWSER, Page
from explain.toy_students import linear, model_of, multibranch, random_arrays, vector, volumes
from xdistill.deployment.explain import Options, explain_arrays, write_explanations

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium")


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    folder = tmp_path_factory.mktemp("pages")
    made = {}
    modalities = {
        "images": (multibranch("hbp", "pre"), volumes("hbp", "pre"), "gradcam"),
        "columns": (
            linear("blood"),
            {"blood": vector(*(f"a_rather_long_name_of_an_item_{k}" for k in range(30)))},
            "ig",
        ),
    }
    for name, (student, specs, method) in modalities.items():
        model = model_of(student, specs, members=2)
        options = Options(method, check=True)
        found = explain_arrays(model, random_arrays(specs, subjects=3), options, device="cpu")
        made[name] = write_explanations(model, found, folder / name, options).path / "explain.html"
    return made


@pytest.mark.parametrize("width", [1280, 360])
@pytest.mark.parametrize("name", ["images", "columns"])
def test_the_page(pages, name, width, tmp_path):
    with Page(tmp_path / "profile") as page:
        page.open(pages[name], width=width)
        problems = [one for one in page.events if one["method"] == "Log.entryAdded"]
        asked = [one["params"]["request"]["url"] for one in page.events if one["method"] == "Network.requestWillBeSent"]
        assert problems == []
        assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
        assert page.value("document.documentElement.scrollWidth") <= width
        assert page.value("[...document.images].every(image => image.naturalWidth > 0 && image.alt)")
        assert page.value("document.images.length") == (3 * 2 * 3 * 2 if name == "images" else 0)
        assert page.value("document.querySelectorAll('svg.chart').length") == 1
