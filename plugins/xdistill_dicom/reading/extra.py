"""Libraries of the extra ``dicom``, imported where they are used, and kept from printing what files hold."""

from __future__ import annotations

import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

from xdistill import extras

require = partial(extras.require, extra="dicom", purpose="reading DICOM")


def pydicom() -> Any:
    """The library, which raises no error for values that break the rules of their type; those are checked here."""
    library = require("pydicom")
    library.config.settings.reading_validation_mode = library.config.IGNORE
    return library


@contextmanager
def quiet() -> Iterator[None]:
    """No warnings: they quote values, such as a patient's name, and do not name the file."""
    logger = logging.getLogger("pydicom")
    before = logger.level
    logger.setLevel(logging.CRITICAL + 1)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logger.setLevel(before)
