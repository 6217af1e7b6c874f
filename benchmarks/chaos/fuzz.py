"""Readers of files of others, given files that were cut, doubled, flipped and filled with what parsers dislike.

Hypothesis proposes the changes and makes those that fail small. What failed is kept in ``tests/untrusted/corpus``,
where a test reads it again.
"""

from __future__ import annotations

import random
import resource
import signal
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st
from readers import READERS, whole
from table import Table

from xdistill.errors import XdistillError

FAILED = Path(__file__).parents[2] / "tests" / "untrusted" / "corpus"
GOOD = ("refused", "accepted")
SECONDS = 20  # after which a reader counts as hanging
TOKENS = (
    b"null", b"[]", b"{}", b"[", b"{", b"]" * 50, b"[" * 5000, b"1e999", b"-1", b"NaN", b"\x00", b"\xff\xfe",
    b'"\\ud800"',
    b"!!python/object:os.system ", b"&a [*a, *a]", b"<<: *a", b"9" * 5000, b"true", b"../" * 20, b"\r\n", b",,,",
    b"'", b'"',
    b"${HOME}", b"\x1b[2J", b"\x93NUMPY", b"PK\x03\x04", b"\x7f\xff\xff\xff", b"\x80\x00\x00\x00", b"%s%n",
    "é".encode(),
)  # fmt: skip
PLACE = st.floats(0, 1, exclude_max=True)  # as a share of the file, so that small files are hit everywhere too
CHANGES = st.one_of(
    st.tuples(st.just("flip"), PLACE, st.integers(0, 7)),
    st.tuples(st.just("cut"), PLACE, st.integers(1, 200)),
    st.tuples(st.just("double"), PLACE, st.integers(1, 200)),
    st.tuples(st.just("end"), PLACE, st.just(0)),
    st.tuples(st.just("insert"), PLACE, st.binary(min_size=1, max_size=16)),
    st.tuples(st.just("insert"), PLACE, st.sampled_from(TOKENS)),
    st.tuples(st.just("replace"), PLACE, st.sampled_from(TOKENS)),
)
Change = tuple[str, float, Any]


class FailedError(Exception):
    """A reader that did something else than to read or to refuse."""


def fuzz(folder: Path, table: Table, count: int, generator: random.Random, *, cohort: Path | None = None) -> None:
    """Read about ``count`` mutated files, the readers in turn.

    Args:
        folder: to write to.
        table: to count in.
        count: of files.
        generator: of the seeds of Hypothesis.
        cohort: a cohort file, which is too large for the corpus; None: none is read.
    """
    folder.mkdir(parents=True, exist_ok=True)
    contents = {name: content for name, (file, _) in READERS.items() if (content := whole(file, cohort)) is not None}
    for name, content in contents.items():
        _fuzz_one(name, content, folder, table, count=max(1, count // len(contents)), number=generator.getrandbits(32))


def _fuzz_one(name: str, content: bytes, folder: Path, table: Table, *, count: int, number: int) -> None:
    file, read = READERS[name]
    path, failed = folder / file, b""

    @seed(number)
    @settings(
        max_examples=count,
        database=None,
        deadline=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    @given(st.lists(CHANGES, min_size=1, max_size=4))
    def reads(changes: Sequence[Change]) -> None:
        nonlocal failed
        changed = mutated(content, changes)
        path.write_bytes(changed)
        outcome = outcome_of(read, path)
        table.count(f"mutated {name}", outcome, f"seed {number}")
        if outcome not in GOOD:
            failed = changed  # the last one is the smallest
            raise FailedError(outcome)

    try:
        reads()
    except FailedError:
        place = FAILED / name.replace(" ", "_").replace(",", "") / f"{sha256(failed).hexdigest()[:8]}-{file}"
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(failed)
    path.unlink(missing_ok=True)


def mutated(content: bytes, changes: Sequence[Change]) -> bytes:
    """A file with changes, one after the other."""
    for kind, share, what in changes:
        place = int(share * len(content))
        before, after = content[:place], content[place:]
        if kind == "flip" and after:
            content = before + bytes([after[0] ^ 1 << what]) + after[1:]
        elif kind == "cut":
            content = before + after[what:]
        elif kind == "double":
            content = before + after[:what] + after
        elif kind == "end":
            content = before
        elif kind == "insert":
            content = before + what + after
        elif kind == "replace":
            content = before + what + after[len(what) :]
    return content


def outcome_of(read: Callable[[Path], Any], path: Path) -> str:
    """What a reader makes of a file."""

    def hang(*_: Any) -> None:
        raise TimeoutError

    before = signal.signal(signal.SIGALRM, hang)
    signal.alarm(SECONDS)
    try:
        read(path)
    except XdistillError:
        return "refused"
    except TimeoutError:
        return "hang"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is counted
        return f"traceback ({type(error).__name__})"
    else:
        return "accepted"
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def bounded(gigabytes: int = 8) -> None:
    """Limit the memory of this process, so that a bomb is an error and not the end of the machine."""
    resource.setrlimit(resource.RLIMIT_AS, (gigabytes * 2**30, resource.RLIM_INFINITY))
