"""Libraries of the extras ``mri`` and ``images``, imported where they are used."""

from functools import partial

from xdistill import extras

require = partial(extras.require, extra="mri", purpose="this data set")
require_images = partial(extras.require, extra="images", purpose="reading these images")
