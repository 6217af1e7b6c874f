"""The page in a real browser: files in, probabilities and slices out, and nothing asked of other sites."""

import base64
import json
import time

import numpy as np
import pytest
from PIL import Image

from bench.chromium import BROWSER, Page
from serve.dicom_series import archive
from serve.served import volume
from waiting import LONG

pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

SHOWN = "document.getElementById('viewer').dataset.shown || ''"
NOTE = "document.getElementById('view-status').textContent"
STATUS = "document.getElementById('status').textContent"
RESULT = "!document.getElementById('result').hidden"


@pytest.fixture(scope="module")
def page(tmp_path_factory):
    with Page(tmp_path_factory.mktemp("profile"), "--enable-unsafe-swiftshader") as page:
        yield page


@pytest.fixture
def opened(page, url):
    page.open_url(f"{url}/")
    return page


@pytest.fixture(scope="module")
def paths(tmp_path_factory, contents):
    folder = tmp_path_factory.mktemp("patient")
    for name, content in contents.items():
        (folder / f"{name}.nii.gz").write_bytes(content)
    (folder / "series.zip").write_bytes(archive(volume(1)))
    (folder / "broken.nii.gz").write_bytes(b"broken")
    return folder


def select(page, field, path):
    root = page.call("DOM.getDocument")["root"]["nodeId"]
    node = page.call("DOM.querySelector", nodeId=root, selector=f"input[name={field}]")["nodeId"]
    page.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])


def wait(page, expression):
    until = time.monotonic() + LONG
    while not (found := page.value(expression)):
        assert time.monotonic() < until, (expression, page.value(STATUS), page.value(NOTE))
        time.sleep(0.05)
    return found


def drawn(page, file):
    """The share of pixels of the canvas that are not black."""
    box = page.value(
        "(() => { const box = document.getElementById('canvas').getBoundingClientRect();"
        "return [box.left, box.top, box.right, box.bottom] })()"
    )
    page.screenshot(file, whole=False)
    pixels = np.asarray(Image.open(file).convert("L").crop([int(place) for place in box]))
    return (pixels > 40).mean()


def bars(page):
    return page.value("[...document.querySelectorAll('.bar')].map((one) => one.innerText.split(/\\n+/))")


def complaints(page):
    kinds = {"Log.entryAdded", "Runtime.exceptionThrown", "Runtime.consoleAPICalled"}
    found = [event for event in page.events if event.get("method") in kinds]
    # Drawing without a graphics card is slow, which the browser notes.
    return [event for event in found if event["params"].get("entry", {}).get("source") != "rendering"]


def test_chosen_files_are_shown_and_predicted(opened, paths, url, client, files, tmp_path):
    select(opened, "hbp", paths / "hbp.nii.gz")
    select(opened, "pre", paths / "pre.nii.gz")
    wait(opened, f"({SHOWN}) === 'pre'")
    assert "16 \u00d7 16 \u00d7 8 voxels" in opened.value(NOTE)
    until = time.monotonic() + LONG
    while drawn(opened, tmp_path / "shot.png") < 0.05:
        assert time.monotonic() < until, "the slices are not drawn"
    opened.click("#predict")
    wait(opened, RESULT)
    expected = client.post("/predict", files=files).json()
    assert bars(opened) == [[name, f"{100 * value:.1f}%"] for name, value in expected["probabilities"].items()]
    best = opened.value("document.querySelector('.bar.best').innerText.split(/\\n+/)[0]")
    assert best == expected["prediction"]
    lefts = "new Set([...document.querySelectorAll('.track')].map((one) => one.getBoundingClientRect().left)).size"
    assert opened.value(lefts) == 1  # so that lengths of bars can be compared
    facts = opened.value("document.getElementById('facts').innerText")
    assert "Prediction set (90%)" in facts
    assert ", ".join(expected["set"]) in facts
    width = opened.value("document.querySelector('.bar.best .fill').style.width")
    assert float(width.rstrip("%")) == pytest.approx(100 * max(expected["probabilities"].values()))
    opened.click("#explain")
    wait(opened, "document.getElementById('viewer').dataset.overlay === 'pre'")
    asked = [
        event["params"]["request"]["url"]
        for event in opened.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert not [one for one in asked if not one.startswith((url, "data:", "blob:"))]
    assert not complaints(opened), json.dumps(complaints(opened))


def test_dropped_files_go_where_their_names_say(opened, contents):
    made = "; ".join(
        f"data.items.add(new File([Uint8Array.from(atob('{base64.b64encode(contents[name]).decode()}'), "
        f"(one) => one.charCodeAt(0))], 'jane_{name}.nii.gz'))"
        for name in ("pre", "hbp")
    )
    drop = "document.body.dispatchEvent(new DragEvent('drop', {dataTransfer: data, bubbles: true, cancelable: true}))"
    opened.value(f"(() => {{ const data = new DataTransfer(); {made}; {drop}; }})()")
    names = opened.value(
        "[...document.querySelectorAll('input[type=file]')].map((one) => [one.name, one.files[0].name])"
    )
    assert names == [["hbp", "jane_hbp.nii.gz"], ["pre", "jane_pre.nii.gz"]]
    opened.click("#predict")
    wait(opened, RESULT)
    sent = [
        event["params"]["request"].get("postData", "")
        for event in opened.events
        if event.get("method") == "Network.requestWillBeSent"
    ]
    assert not [one for one in sent if "jane" in one]


def test_a_dicom_series_is_shown(opened, paths):
    select(opened, "hbp", paths / "series.zip")
    wait(opened, f"({SHOWN}) === 'hbp'")
    assert "16 \u00d7 16 \u00d7 8 voxels" in opened.value(NOTE)


def test_errors_are_shown_as_text(opened, paths):
    select(opened, "hbp", paths / "broken.nii.gz")
    select(opened, "pre", paths / "pre.nii.gz")
    opened.click("#predict")
    wait(opened, f"{STATUS}.includes('is damaged or not a .nii.gz file')")
    assert not opened.value(RESULT)
    opened.click("button[type=reset]")
    wait(opened, f"{STATUS} === ''")


@pytest.mark.parametrize("width", [360, 768, 1280])
def test_the_page_is_no_wider_than_the_screen(page, url, width):
    for path in ("/", "/card", "/docs"):
        page.open_url(url + path, width=width)
        assert page.value("document.documentElement.scrollWidth") <= width
