"""Pages and headers: nothing of other sites, and nothing that a card could run."""

import re

import httpx
import pytest

from serve.served import serving
from xdistill.models import load_model
from xdistill.models.save import save_model
from xdistill.serving.guard import HEADERS

PAGES = [
    "/",
    "/card",
    "/docs",
    "/card.md",
    "/health",
    "/openapi.json",
    "/static/page.js",
    "/static/page.css",
    "/static/base.css",
]


@pytest.mark.parametrize("path", PAGES)
def test_every_response_has_the_headers_and_no_cors(client, path):
    response = client.get(path)
    assert response.status_code == 200
    for name, value in HEADERS.items():
        assert response.headers[name] == value
    assert not [name for name in response.headers if name.startswith("access-control")]
    assert "server" not in response.headers


@pytest.mark.parametrize("path", ["/", "/card", "/docs"])
def test_pages_load_nothing_from_elsewhere_and_have_no_inline_script(client, path):
    page = client.get(path).text
    assert not re.findall(r"""(?:src|href)=["'](?!/|data:,|javascript)[^"']*""", page)
    assert "<script>" not in page
    assert " style=" not in page
    assert "<style" not in page


def test_the_card_is_shown_and_its_markup_is_escaped(client):
    page = client.get("/card").text
    assert "<h1>Tiny</h1>" in page
    assert "<td>1</td>" in page
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page
    assert 'href="javascript:' not in page
    assert "<pre>license: mit</pre>" in page
    text = client.get("/card.md")
    assert text.headers["content-type"].startswith("text/plain")
    assert text.text.startswith("---\nlicense: mit\n---\n# Tiny")


def test_the_interface_is_described(client):
    description = client.get("/openapi.json").json()
    operation = description["paths"]["/predict"]["post"]
    form = operation["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert sorted(form["properties"]) == sorted(form["required"]) == ["hbp", "pre"]
    assert {"413", "415", "422", "503"} <= set(operation["responses"])
    page = client.get("/docs").text
    assert "POST /predict" in page
    assert "-F hbp=@hbp.nii.gz" in page


def test_health(client, model):
    found = client.get("/health").json()
    assert found["model"] == "tests/tiny"
    assert found["classes"] == list(model.classes)
    assert found["modalities"] == ["hbp", "pre"]
    assert found["synthetic"] is True


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1", "LOCALHOST:80"])
def test_names_of_this_machine_are_accepted(client, host):
    assert client.get("/health", headers={"Host": host}).status_code == 200


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:8000", "", "@"])
def test_other_names_are_refused(client, host):
    assert client.get("/health", headers={"Host": host}).status_code == 400


def test_requests_of_its_own_page_are_accepted(client, url, files):
    assert client.post("/predict", files=files, headers={"Origin": url}).status_code == 200


def test_a_model_without_a_card(model, tmp_path):
    save_model(model, tmp_path / "bare")
    with serving(load_model(tmp_path / "bare")) as (url, _), httpx.Client(base_url=url, trust_env=False) as client:
        response = client.get("/card")
        assert response.status_code == 404
        assert response.json() == {"detail": "this model has no card"}
