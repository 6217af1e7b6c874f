"""What the name of a series and its contrast agent suggest about its phase. A hint in the list; it decides nothing."""

from __future__ import annotations

import re
from typing import Final

# English, and what scanners are set to in German, French and Spanish; the first that fits.
_PHASES: Final = (
    ("hepatobiliary", r"hepato-?bil\w*|hbp|\bleberspez\w*"),
    ("arterial", r"\bart(?:er\w*)?\b|\bhap\b|arteriell|art[eé]riel\w*"),
    ("portal venous", r"port(?:al|o)?[\s_-]?ven\w*|\bpvp?\b|\bportal\w*|ven[oö]s\w*|\bvenous\b|veineux"),
    ("delayed", r"delay\w*|\bequil\w*|\blate\b|\btransit\w*|sp[aä]t\w*|tardi\w*"),
    (
        "pre",
        r"pre(?=[\s_-]|$)|pre[-\s_]?contrast|\bnativ?e?\b|nativ\b|\bplain\b|unenhanced|ohne\s?km|sans\s?(?:iv|gado)",
    ),
    ("post", r"post(?=[\s_-]|$)|post[-\s_]?contrast|\+\s?[ck]m?\b|\bgad\w*|\bgd\b|\bce\b|mit\s?km|enhanced"),
)


def suggested(description: str, protocol: str, *, contrast: bool) -> str:
    """The phase that texts suggest; ``post`` where only a contrast agent is stated; empty where nothing is.

    >>> suggested("AX LAVA ARTERIAL", "", contrast=True)
    'arterial'
    >>> suggested("T1pre", "B Ax T1", contrast=False)
    'pre'
    """
    for text in (description, protocol):
        for name, pattern in _PHASES:
            if re.search(pattern, text.replace("_", " "), re.IGNORECASE):
                return name
    return "post" if contrast else ""
