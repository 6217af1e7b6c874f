"""The old name of `xdistill.crossval.events`."""

import warnings

from xdistill.crossval.events import *  # noqa: F403 - every name moved

warnings.warn(
    "xdistill.engine.events has moved to xdistill.crossval.events; the old name will be removed in the next version",
    DeprecationWarning,
    stacklevel=2,
)
