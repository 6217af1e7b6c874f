"""Did you mean …?"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """`` did you mean 'epochs'?`` with a semicolon before it, or else what there is.

    >>> did_you_mean("epoch", ["epochs", "name"])
    "; did you mean 'epochs'?"
    >>> did_you_mean("zebra", ["epochs", "name"])
    '; there are: epochs, name'
    """
    names = list(known)
    near = get_close_matches(name, names, n=1) or [one for one in names if one.lower() == name.lower()]
    if near:
        return f"; did you mean {near[0]!r}?"
    return f"; there are: {', '.join(names)}" if names else ""
