"""Did you mean …?"""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches

_SHORT = 12  # names that are listed in addition to a suggestion


def did_you_mean(name: str, known: Iterable[str], what: str = "names") -> str:
    """The rest of a message about an unknown name: the nearest known one, and which ones are valid.

    Args:
        name: the unknown name.
        known: valid names.
        what: the plural of what they name.

    >>> did_you_mean("epoch", ["epochs", "name"], "fields")
    '; did you mean `epochs`? Valid fields: `epochs`, `name`'
    >>> did_you_mean("zebra", ["epochs", "name"])
    '; valid names: `epochs`, `name`'
    """
    names = list(known)
    valid = f"alid {what}: {', '.join(f'`{one}`' for one in names)}"
    near = get_close_matches(name, names, n=1) or [one for one in names if one.lower() == name.lower()]
    if near:
        return f"; did you mean `{near[0]}`?" + (f" V{valid}" if len(names) <= _SHORT else "")
    return f"; v{valid}" if names else ""
