"""The page in a real browser: it fits a phone, it follows dark mode, and it asks the network for nothing."""

import html as markup
import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from report.toy_cohort import make_cohort
from report.toy_run import make_run
from waiting import LONG
from xdistill.report import write_report

BROWSER = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome", "chrome"))), None)
pytestmark = pytest.mark.skipif(BROWSER is None, reason="no Chromium is installed")

SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--disable-gpu",
    "--hide-scrollbars",
)


@pytest.fixture(scope="module")
def report(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("browser")
    cohort = make_cohort(folder / "cache", subjects=30)
    return write_report(make_run(folder / "run", subjects=30, folds=2, fingerprint=cohort.fingerprint), cohort=cohort)


def browse(tmp_path: Path, page: Path, *switches: str) -> subprocess.CompletedProcess[str]:
    command = [str(BROWSER), *SWITCHES, f"--user-data-dir={tmp_path / 'profile'}", *switches, page.as_uri()]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=LONG)


@pytest.mark.parametrize(("switches", "paper"), [((), (255, 255, 255)), (("--force-dark-mode",), (0x15, 0x18, 0x1C))])
def test_light_and_dark(tmp_path, report, switches, paper):
    shot = tmp_path / "page.png"
    browse(tmp_path, report, f"--screenshot={shot}", "--window-size=1000,1600", *switches)
    pixels = np.asarray(Image.open(shot).convert("RGB")).astype(int)
    assert tuple(pixels[0, 0]) == paper
    # Text, tables and charts stand out from the paper, whichever it is.
    contrast = np.abs(pixels - np.array(paper)).sum(axis=2)
    assert (contrast > 300).mean() > 0.01


@pytest.mark.parametrize("width", [360, 390, 768])
def test_nothing_sticks_out_at_the_side(tmp_path, report, width):
    page = tmp_path / "frame.html"
    page.write_text(
        f'<iframe width="{width}" height="800" style="border:0" srcdoc="{markup.escape(report.read_text())}"></iframe>'
        "<script>onload = () => { const page = document.querySelector('iframe').contentDocument.documentElement;"
        "document.title = [page.scrollWidth, page.querySelectorAll('svg.chart').length].join(' ') }</script>"
    )
    found = re.search(r"<title>(\d+) (\d+)</title>", browse(tmp_path, page, "--dump-dom").stdout)
    assert found is not None
    assert int(found[1]) <= width
    assert int(found[2]) == 11


def test_the_browser_has_no_complaint(tmp_path, report):
    said = browse(tmp_path, report, "--dump-dom", "--enable-logging=stderr").stderr
    assert not [line for line in said.splitlines() if "CONSOLE" in line]
