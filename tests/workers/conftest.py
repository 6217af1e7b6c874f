"""Workers are what is tested here: each test has its own."""

import pytest


@pytest.fixture(autouse=True)
def _fresh(fresh_workers):
    """Nothing of another test."""
