"""A generated liver cohort whose truth is known: two MRI phases, 52 clinical items, three grades of invasion."""

from xdistill_mri.phantom.dataset import HccPhantom

__all__ = ["HccPhantom"]
