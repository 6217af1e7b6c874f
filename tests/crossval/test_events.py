import importlib
import sys

import pytest

from xdistill.crossval import events


def test_the_old_place_of_events_still_works_and_names_the_new_one():
    sys.modules.pop("xdistill.engine.events", None)
    with pytest.warns(DeprecationWarning, match=r"xdistill\.engine\.events has moved to xdistill\.crossval\.events"):
        old = importlib.import_module("xdistill.engine.events")
    assert old.EpochEnded is events.EpochEnded
