"""Colours of the figures and the page; safe for colour-blind readers (Okabe and Ito 2008, darkened where needed).

Figures are drawn in the light colours. In the page each of them becomes a CSS variable, so that dark mode and
print choose their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

INK: Final = "#1f262e"
MUTED: Final = "#66707b"
RULE: Final = "#dfe3e8"
STUDENT: Final = "#0072b2"
TEACHER: Final = "#c8500a"

VARIABLES: Final[Mapping[str, str]] = {
    INK: "var(--ink)",
    MUTED: "var(--muted)",
    RULE: "var(--rule)",
    STUDENT: "var(--student)",
    TEACHER: "var(--teacher)",
}

ROLE_COLOUR: Final[Mapping[str, str]] = {"student": STUDENT, "teacher": TEACHER}
# Colour is never the only distinction.
ROLE_LINE: Final[Mapping[str, str]] = {"student": "-", "teacher": "--"}
ROLE_MARKER: Final[Mapping[str, str]] = {"student": "o", "teacher": "s"}
