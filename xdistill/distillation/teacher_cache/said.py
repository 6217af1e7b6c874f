"""What a network said of some subjects, handed out piece by piece, so that it is known which pieces were wanted."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass

from torch import Tensor

from xdistill.types import Output

LOGITS, FEATURE, AUX = "logits", "feature/", "aux/"
Fetch = Callable[[str], Tensor]


class Pieces(Mapping[str, Tensor]):
    """Values that are fetched when somebody asks for them.

    Args:
        prefix: of the names that ``fetch`` is asked for.
        names: all there are, with their prefix or another one.
        fetch: gives a value by name.
    """

    def __init__(self, prefix: str, names: tuple[str, ...], fetch: Fetch) -> None:
        self._names = {name.removeprefix(prefix): name for name in names if name.startswith(prefix)}
        self._fetch = fetch

    def __getitem__(self, name: str) -> Tensor:
        return self._fetch(self._names[name])

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class FetchedOutput(Output):
    """An output whose features and auxiliary logits are fetched when they are asked for; no gradient flows back."""

    def detached(self) -> FetchedOutput:
        """The same: there is no graph to be cut off from."""
        return self


def fetched(names: tuple[str, ...], fetch: Fetch) -> FetchedOutput:
    """An output of these pieces, as `taken_apart` names them."""
    return FetchedOutput(logits=fetch(LOGITS), features=Pieces(FEATURE, names, fetch), aux=Pieces(AUX, names, fetch))


def taken_apart(output: Output) -> dict[str, Tensor]:
    """All pieces of an output by name."""
    return {
        LOGITS: output.logits,
        **{f"{FEATURE}{name}": value for name, value in output.features.items()},
        **{f"{AUX}{name}": value for name, value in output.aux.items()},
    }
