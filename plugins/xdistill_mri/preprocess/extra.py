"""Libraries of the extra ``mri``, nibabel and MONAI, imported where they are used."""

from functools import partial

from xdistill.interfaces import extras

require = partial(extras.require, extra="mri", purpose="this data set")
