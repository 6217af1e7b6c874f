"""What every request passes: whose page it comes from, how large it is, and headers of every response."""

from __future__ import annotations

import asyncio
import logging
import time
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from xdistill.serving.limits import Limits
from xdistill.serving.refusal import RefusedError

logger = logging.getLogger("xdistill.serving")

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; "
    "connect-src 'self' data: blob:; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_DRAIN_SECONDS = 2.0  # for a client to send the rest of a refused body, so that it reads the response


class Guard:
    """Refuses requests of other sites and bodies that are too large, and turns errors into responses.

    It logs a line per request with method, path of the route, status and time: nothing that a client sent.

    Args:
        app: what it guards.
        limits: of a request.
        paths: of the routes; other paths are not logged.
    """

    def __init__(self, app: ASGIApp, limits: Limits, paths: frozenset[str]) -> None:
        self.app = app
        self.limits = limits
        self.paths = paths

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Handle one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        exchange = _Exchange(scope, receive, send, self.limits.upload_bytes)
        began = time.perf_counter()
        try:
            _check_origin(Headers(scope=scope))
            exchange.check_length()
            await self.app(scope, exchange.receive, exchange.send)
        except RefusedError as error:
            await exchange.refuse(error)
        except ClientDisconnect:
            exchange.status = 499  # as nginx has it
        except Exception as error:  # noqa: BLE001 - its text could hold what the client sent
            logger.error("%s in %s", type(error).__name__, _place(error))  # noqa: TRY400 - a traceback has that text
            await exchange.refuse(RefusedError("internal error", HTTPStatus.INTERNAL_SERVER_ERROR))
        path = scope["path"] if scope["path"] in self.paths else "(another path)"
        method = scope["method"] if scope["method"] in {"GET", "POST", "HEAD"} else "(another method)"
        logger.info("%s %s %s %.0f ms", method, path, exchange.status, 1000 * (time.perf_counter() - began))


class _Exchange:
    """One request and its response."""

    def __init__(self, scope: Scope, receive: Receive, send: Send, largest: int) -> None:
        self._headers = Headers(scope=scope)
        self._scope = scope
        self._receive = receive
        self._send = send
        self._largest = largest
        self._received = 0
        self._complete = False
        self.status = 0

    def check_length(self) -> None:
        length = self._headers.get("content-length", "0")
        if not length.isdecimal() or int(length) > self._largest:
            raise self._too_large()

    def _too_large(self) -> RefusedError:
        return RefusedError(
            f"the request is larger than {self._largest // 2**20} MB (see --max-mb)",
            HTTPStatus.REQUEST_ENTITY_TOO_LARGE,
        )

    async def receive(self) -> Message:
        message = await self._receive()
        if message["type"] == "http.request":
            self._received += len(message.get("body", b""))
            self._complete = not message.get("more_body", False)
            if self._received > self._largest:
                raise self._too_large()
        return message

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)

    async def refuse(self, error: RefusedError) -> None:
        if self.status:
            return  # a response has begun
        await self._drain()
        response = JSONResponse({"detail": str(error)}, error.status, error.headers)
        await response(self._scope, self._receive, self.send)

    async def _drain(self) -> None:
        """Read and drop the rest of the body, within limits."""
        left = self._largest
        with suppress(TimeoutError):
            async with asyncio.timeout(_DRAIN_SECONDS):
                while not self._complete and left > 0:
                    message = await self._receive()
                    left -= len(message.get("body", b""))
                    self._complete = message["type"] != "http.request" or not message.get("more_body", False)


def _check_origin(headers: Headers) -> None:
    """Refuse what pages of other sites send: they could make the server compute."""
    origin = headers.get("origin")
    if origin is not None and urlsplit(origin).netloc != headers.get("host", ""):
        raise RefusedError("requests from other sites are rejected", HTTPStatus.FORBIDDEN)


def _place(error: Exception) -> str:
    """File and line of an error, without its text."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    return "?" if trace is None else f"{trace.tb_frame.f_code.co_filename}:{trace.tb_lineno}"
