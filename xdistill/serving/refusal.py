"""A request that is not answered with a prediction."""

from __future__ import annotations

from http import HTTPStatus

from xdistill.errors import UserError


class RefusedError(UserError):
    """A request that cannot be processed.

    Args:
        message: what is wrong and what to do; it goes to the client, and to no log.
        status: HTTP status.
        retry_after: seconds after which the client may try again; 0: it need not.
    """

    def __init__(self, message: str, status: int = HTTPStatus.UNPROCESSABLE_ENTITY, *, retry_after: int = 0) -> None:
        self.status = int(status)
        self.retry_after = retry_after
        super().__init__(message)

    @property
    def headers(self) -> dict[str, str]:
        """HTTP headers of the response."""
        return {"Retry-After": str(self.retry_after)} if self.retry_after else {}
