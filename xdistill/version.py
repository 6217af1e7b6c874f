"""The version, where every package can read it without reaching for the Python interface."""

__version__ = "0.2.0"
