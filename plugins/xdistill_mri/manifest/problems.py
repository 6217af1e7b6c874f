"""Collects the problems of a manifest to report them together."""

from xdistill.tables import Problems, near

__all__ = ["Problems", "near"]
