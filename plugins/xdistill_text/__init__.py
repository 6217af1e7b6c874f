"""Text: cohorts with texts as hashed counts of words, and TF-IDF weights."""

from __future__ import annotations

from typing import TYPE_CHECKING

from xdistill.plugin import hookimpl

if TYPE_CHECKING:
    from xdistill.interfaces import Dataset, Transform

XDISTILL_API = 1


@hookimpl
def xdistill_datasets() -> list[type[Dataset]]:
    """A generated cohort of posts, and cohorts described by a table of texts."""
    from xdistill_text.posts import Posts
    from xdistill_text.table import TextTable

    return [Posts, TextTable]


@hookimpl
def xdistill_transforms() -> list[type[Transform]]:
    """From counts of words to weights."""
    from xdistill_text.tfidf import Tfidf

    return [Tfidf]
