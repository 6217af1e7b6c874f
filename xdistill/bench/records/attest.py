"""What others say of a record: that they trained some of its folds again, and by whom it is signed.

Both are files next to ``record.json``. A replay says what a person saw; a signature says that the holder of a key
submitted the record. Neither makes a record true, but both say whom to ask.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Final

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from xdistill.errors import RunError
from xdistill.runs.files import read_json, write_json
from xdistill.untrusted import JSON, read_bytes

REPLAYS: Final = "replays.json"
SIGNATURE: Final = "record.json.sig"
SIGNERS: Final = "allowed_signers"  # of OpenSSH, next to the records
NAMESPACE: Final = "xdistill-record"
_SECONDS: Final = 30.0


class Replay(BaseModel):
    """Some folds of a record, trained again."""

    model_config = ConfigDict(frozen=True, strict=True, extra="forbid")

    by: Annotated[str, Field(min_length=1, max_length=80, pattern=r"^[^\x00-\x1f\x7f]+$")]
    when: str
    folds: Annotated[tuple[str, ...], Field(min_length=1)]
    identical: bool
    largest: Annotated[float, Field(ge=0)]
    versions: dict[str, str]
    predictions_sha256: str

    @property
    def text(self) -> str:
        """For a table."""
        folds = f"{len(self.folds)} fold{'s' if len(self.folds) > 1 else ''}"
        return f"replayed {folds} by {self.by}" + ("" if self.identical else f" (to {self.largest:.1g})")


class _Replays(BaseModel):
    model_config = ConfigDict(strict=True, extra="forbid")

    format: str = "xdistill-replays"
    format_version: int = 1
    replays: tuple[Replay, ...]


def add_replay(place: Path, replay: Replay) -> None:
    """Write a replay next to a record; earlier ones by the same person are replaced."""
    kept = [one for one in read_replays(place) if one.by != replay.by] if (place / REPLAYS).exists() else []
    write_json(place / REPLAYS, _Replays(replays=(*kept, replay)).model_dump(mode="json"))


def read_replays(place: Path) -> tuple[Replay, ...]:
    """The replays of a record; none if there is no file.

    Raises:
        RunError: if the file holds something else.
    """
    path = place / REPLAYS
    if not path.exists() and not path.is_symlink():
        return ()
    data = read_json(path, links=False)
    try:
        return _Replays.model_validate(_tuples(data)).replays
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        raise RunError(
            f"{path}: not the replays of a record: {'.'.join(map(str, first['loc']))}: {first['msg']}"
        ) from None


def attested(place: Path, facts: Mapping[str, Any]) -> tuple[tuple[str, ...], list[str]]:
    """What others say of a record, for a table, and what is wrong with that."""
    said: list[str] = []
    problems: list[str] = []
    try:
        for replay in read_replays(place):
            if replay.predictions_sha256 == facts["predictions_sha256"]:
                said.append(replay.text + _elsewhere(replay, facts["versions"]))
            else:
                problems.append(f"{place / REPLAYS}: the replay by {replay.by!r} is of other predictions")
    except RunError as error:
        problems.append(str(error))
    for text, wrong in _signature(place):
        (problems if wrong else said).append(text)
    return tuple(said), problems


def _elsewhere(replay: Replay, versions: Mapping[str, str]) -> str:
    """By which other versions than the record's a replay was made; empty if by the same."""
    others = [f"{name} {one}" for name, one in replay.versions.items() if versions.get(name, one) != one]
    return f" with {', '.join(others)}" if others else ""


def sign(place: Path, key: Path) -> Path:
    """Sign a record with an OpenSSH key.

    Raises:
        RunError: if OpenSSH is not installed, or refuses the key.
    """
    from xdistill.bench.records.record import FILE

    target = place / SIGNATURE
    target.unlink(missing_ok=True)
    ended = _ssh_keygen("sign", "-f", str(key), "-n", NAMESPACE, str(place / FILE))
    if ended.returncode or not target.is_file():
        raise RunError(f"{place / FILE}: cannot be signed with {key}: {_first_line(ended)}")
    return target


def _signature(place: Path) -> Iterator[tuple[str, bool]]:
    """Who signed, or what is wrong."""
    from xdistill.bench.records.record import FILE

    path, signers = place / SIGNATURE, place.parent / SIGNERS
    if not path.is_file() or path.is_symlink():
        return
    try:
        content = read_bytes(place / FILE, JSON, error=RunError, links=False)
        if not signers.is_file():
            ended = _ssh_keygen("check-novalidate", "-n", NAMESPACE, "-s", str(path), given=content)
            if ended.returncode:
                yield f"{path}: not a signature of the record: {_first_line(ended)}", True
            else:
                yield "signed, by a key that is not listed", False
            return
        found = _ssh_keygen("find-principals", "-s", str(path), "-f", str(signers))
        name = found.stdout.decode("utf-8", "replace").strip().partition("\n")[0]
        if found.returncode or not name:
            yield f"{path}: signed with a key that {signers.name} does not list", True
            return
        ended = _ssh_keygen("verify", "-n", NAMESPACE, "-I", name, "-f", str(signers), "-s", str(path), given=content)
        yield (
            (f"{path}: not a signature of the record by {name}", True)
            if ended.returncode
            else (
                f"signed by {name}",
                False,
            )
        )
    except RunError as error:
        yield str(error), True


def _ssh_keygen(task: str, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    program = shutil.which("ssh-keygen")
    if program is None:
        raise RunError("signatures need ssh-keygen; install OpenSSH 8.2 or later")
    try:
        return subprocess.run(  # noqa: S603 - a fixed program, and arguments that no shell reads
            [program, "-Y", task, *arguments], input=given, capture_output=True, check=False, timeout=_SECONDS
        )
    except subprocess.TimeoutExpired:
        raise RunError("ssh-keygen does not answer; a key with a password has to be in the agent") from None


def _first_line(ended: subprocess.CompletedProcess[bytes]) -> str:
    return (ended.stderr or ended.stdout).decode("utf-8", "replace").strip().partition("\n")[0] or "no reason given"


def _tuples(data: Any) -> Any:
    """JSON's lists as tuples, which strict models ask for."""
    if isinstance(data, dict):
        return {name: _tuples(value) for name, value in data.items()}
    return tuple(map(_tuples, data)) if isinstance(data, list) else data
