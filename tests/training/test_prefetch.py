import threading
import time

import pytest

from waiting import LONG
from xdistill.training.prefetch import prefetch


def test_the_items_in_their_order():
    assert list(prefetch(range(5))) == [0, 1, 2, 3, 4]
    assert list(prefetch([])) == []


def test_none_is_an_item_like_any_other():
    assert list(prefetch([None, 1, None])) == [None, 1, None]


def test_the_next_item_is_prepared_meanwhile():
    prepared = threading.Event()

    def items():
        yield "first"
        prepared.set()
        yield "second"

    found = prefetch(items())
    assert next(found) == "first"
    assert prepared.wait(timeout=LONG)
    assert list(found) == ["second"]


def test_no_more_than_one_item_waits():
    made = []

    def items():
        for number in range(10):
            made.append(number)
            yield number

    found = prefetch(items())
    next(found)
    time.sleep(0.3)
    assert len(made) <= 3
    found.close()


def test_what_the_preparation_raises_is_raised_to_the_caller():
    def items():
        yield 1
        raise ValueError("broken")

    found = prefetch(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="broken"):
        next(found)


def test_closing_it_ends_the_thread():
    found = prefetch(iter(int, 1))  # zeros for ever
    next(found)
    found.close()
    assert "prefetch" not in {thread.name for thread in threading.enumerate()}
