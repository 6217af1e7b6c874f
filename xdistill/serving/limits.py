"""What one request may use."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

MB: Final = 2**20
TEXT_BYTES: Final = 64 * 1024  # of a text field of a form
EXPLAINED_BYTES: Final = 256 * MB  # of the unpacked files of a request for a map, which is as large
RETRY_AFTER: Final = 2  # seconds, for a client that finds the queue full


@dataclass(frozen=True)
class Limits:
    """Limits of one request, and of the queue of requests.

    Attributes:
        upload_mb: largest body, in MiB.
        unpacked_mb: most that its files may hold when they are unpacked, in MiB.
        seconds: longest time to receive the body, and again to read its files.
        explain_seconds: longest time to compute a saliency map; checked before each forward pass.
        queue: requests that may be processed or wait at a time.
        archive_files: most files in an archive.
    """

    upload_mb: int = 256
    unpacked_mb: int = 1024
    seconds: float = 60.0
    queue: int = 16
    archive_files: int = 5000
    explain_seconds: float = 60.0

    @property
    def upload_bytes(self) -> int:
        """Largest body, in bytes."""
        return self.upload_mb * MB

    @property
    def unpacked_bytes(self) -> int:
        """Most that files may hold when they are unpacked, in bytes."""
        return self.unpacked_mb * MB

    @property
    def memory_bytes(self) -> int:
        """Memory of the process that reads files: integers become float64 on the way."""
        return 6 * self.unpacked_bytes + 1024 * MB
