"""Which tests of a suite a component fails; suites are run without pytest, which takes less time."""

from __future__ import annotations


def checks_of(suite):
    """Names of the tests that a suite runs."""
    return [name for name in dir(suite) if name.startswith("test_") and callable(getattr(suite, name))]


def failing(suite):
    """Names of the tests that fail, each run on an instance of its own, as pytest does."""
    failed = set()
    for name in checks_of(suite):
        try:
            getattr(suite(), name)()
        except Exception:  # noqa: BLE001 - a component can break in any way
            failed.add(name)
    return failed


def suite_for(base, component, **attributes):
    """A suite for a component, as a plugin's author would write it."""
    return type(f"Test{component.__name__}", (base,), {"component": component, **attributes})
