"""Runs the server until it is interrupted."""

from __future__ import annotations

import ipaddress
import logging
import socket
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING

from xdistill.errors import UserError
from xdistill.serving.app import LOOPBACK, create_app
from xdistill.serving.scratch import remove_stale_folders
from xdistill.serving.service import Service

if TYPE_CHECKING:
    import uvicorn

KEEP_ALIVE = 5  # seconds
BACKLOG = 128
CONNECTIONS = 256


def is_loopback(host: str) -> bool:
    """Whether only programs of this machine reach a host."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def address(host: str, port: int) -> str:
    """The URL of the front page."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def bound(host: str, port: int) -> socket.socket:
    """A listening address.

    Raises:
        UserError: if it is in use or not of this machine.
    """
    try:
        family = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0][0]
        with ExitStack() as stack:
            listener = stack.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.bind((host, port))
            stack.pop_all()
    except OSError as error:
        raise UserError(f"cannot listen on {host}:{port}: {error.strerror or error}; choose another --port") from None
    return listener


def names_of(host: str, further: Sequence[str] = ()) -> list[str]:
    """Names by which the server may be called if it listens on this address.

    Raises:
        UserError: for a pattern among the further names.
    """
    for name in further:
        if not name or "*" in name:
            raise UserError(f"--allow-host `{name}` is not the name of a host")
    try:
        every = ipaddress.ip_address(host).is_unspecified
    except ValueError:
        every = False
    return [*LOOPBACK, socket.gethostname().lower() if every else host, *further]


def run_server(
    service: Service, listener: socket.socket, hosts: Sequence[str], *, on_ready: Callable[[], object] | None = None
) -> None:
    """Serve until Ctrl-C; files that a killed server left are removed first.

    Args:
        service: the model.
        listener: from `bound`.
        hosts: names by which the server may be called.
        on_ready: called when requests are accepted; None: requests are not logged either.
    """
    # Access logs of the server would hold query strings; `Guard` logs what is safe.
    logging.getLogger("python_multipart").setLevel(logging.ERROR)
    remove_stale_folders()
    service.start()
    try:
        listener.listen(BACKLOG)
        if on_ready is not None:
            _log_requests()
            on_ready()
        make_server(service, hosts).run(sockets=[listener])
    finally:
        service.close()


def make_server(service: Service, hosts: Sequence[str]) -> uvicorn.Server:
    """The server, which is not running yet; see `run_server`."""
    import uvicorn

    config = uvicorn.Config(
        create_app(service, hosts=hosts),
        access_log=False,
        log_level="warning",
        server_header=False,
        ws="none",
        timeout_keep_alive=KEEP_ALIVE,
        limit_concurrency=CONNECTIONS,
        backlog=BACKLOG,
    )
    return uvicorn.Server(config)


def _log_requests() -> None:
    handler = logging.StreamHandler()
    handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%H:%M:%S"))
    logger = logging.getLogger("xdistill.serving")
    logger.addHandler(handler)
    logger.setLevel(logging.INFO)
    logger.propagate = False
