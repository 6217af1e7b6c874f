"""Two hundred and more uploads that are wrong on purpose: each gets a 4xx, and the server goes on."""

import socket

import pytest

from serve.hostile import cases

CASES = cases()


def test_there_are_two_hundred():
    assert len(CASES) >= 200


@pytest.mark.parametrize("arguments", [case for _, case in CASES], ids=[name for name, _ in CASES])
def test_a_hostile_upload_is_refused(client, uploads_folder, arguments):
    arguments = dict(arguments)
    response = client.request(arguments.pop("method", "POST"), arguments.pop("path", "/predict"), **arguments)
    assert 400 <= response.status_code < 500, response.text
    assert str(uploads_folder) not in response.text
    assert "Traceback" not in response.text


@pytest.mark.parametrize(
    "content",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/9.9\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: -5\r\n\r\n",
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcde",
        b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n",
        b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: " + b"a" * 200_000 + b"\r\n\r\n",
    ],
    ids=range(9),
)
def test_a_hostile_request_is_refused(url, content):
    host, port = url.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), timeout=60) as connection:
        connection.sendall(content)
        connection.settimeout(60)
        assert connection.recv(4096).startswith((b"HTTP/1.1 4", b"")), content


def test_a_client_that_leaves_in_the_middle_leaves_nothing(url):
    host, port = url.removeprefix("http://").split(":")
    for _ in range(10):
        with socket.create_connection((host, int(port)), timeout=60) as connection:
            connection.sendall(
                b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary=a\r\n"
                b"Content-Length: 100000\r\n\r\n--a\r\n"
            )


def test_the_server_is_still_there(client, files, uploads_folder):
    response = client.post("/predict", files=files)
    assert response.status_code == 200
    assert client.get("/health").json() == {**client.get("/health").json(), "status": "ok", "waiting": 0}
    assert list(uploads_folder.iterdir()) == []
