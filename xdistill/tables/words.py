"""Words that tables use, in the languages of the hospitals they come from."""

from __future__ import annotations

import re
import unicodedata


def folded(text: str) -> str:
    """A word without differences of case, spaces and composition."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def word_set(words: str, *phrases: str) -> frozenset[str]:
    """A set of words, which are divided by spaces, and of phrases, which have some."""
    return frozenset([*words.split(), *phrases])


MISSING = word_set("na n/a nan null")
"""Texts that mean a missing value in every table."""

ALSO_MISSING = word_set(
    "? - -- --- \N{EN DASH} \N{EM DASH} . / k.a. k.a n.a. n.a #n/a #na <na> #value! #div/0! #ref! #null! #num! #name? "
    "n.d. n.b. n.v. k.w.",
    *("k. a.", "n. a.", "n. d.", "keine angabe", "not available", "not applicable"),
)
"""Further ones, where a recipe does not say otherwise."""

MISSING_NUMBERS = word_set(
    "none missing unknown unk unbekannt fehlt fehlend nd pending ausstehend entfällt inconnu desconocido",
    *("not done", "not measured", "not known", "nicht bestimmt", "nicht gemessen", "nicht durchgeführt"),
)
"""Words that mean a missing value among numbers; among words they are words."""

YES = word_set("yes y ja j true wahr oui vrai si sí sì sim")
NO = word_set("no n nein false falsch non faux não nao nee")

SPLITS = word_set("train training test testing val valid validation dev holdout hold-out")

_ORDINALS = {
    **dict.fromkeys(word_set("neg neg. negative negativ negativo négatif 0 ø"), 0.0),
    **dict.fromkeys(word_set("(+) +/- ± +- trace traces tr spur spuren sp sp."), 0.5),
    **{text.format(level): float(level) for level in range(1, 6) for text in ("{}+", "+{}")},
    **{"+" * level: float(level) for level in range(1, 6)},
}
_PATH = re.compile(
    r".+\.(nii|nii\.gz|npy|npz|nrrd|nhdr|mha|mhd|mgh|mgz|dcm|dicom|ima|img|hdr|jpe?g|png|tiff?|bmp|gif|webp|svs|ndpi|"
    r"h5|hdf5|zip|gz|csv|tsv|xlsx?|json|txt|pdf|mat|pt|wav|mp4|edf)",
    re.IGNORECASE,
)


def ordinal(text: str) -> float | None:
    """The grade of a test strip, such as 2 for ``2+`` and ``++``; None if it is not a grade."""
    return _ORDINALS.get(folded(text).replace(" ", ""))


def is_path(text: str) -> bool:
    """Whether a text ends like the name of a file."""
    return _PATH.fullmatch(text) is not None
