from collections.abc import Callable
from pathlib import Path

import pytest

from xdistill.errors import Problem, RecipeError

Write = Callable[..., Path]

MINIMAL = """\
name: liver/alone
data: {use: phantom, subjects: 12}
student: {use: net, width: 0.5}
stages:
  - name: joint
    train: [student]
    epochs: 4
    objective:
      - {use: focal, on: student, gamma: 2.0}
"""


@pytest.fixture
def minimal() -> str:
    return MINIMAL


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Writes a file into the test's folder, which is the working directory, and gives its relative name."""
    monkeypatch.chdir(tmp_path)

    def written(text: str | bytes, name: str = "recipe.yaml") -> Path:
        path = Path(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


@pytest.fixture
def problems_in() -> Callable[..., tuple[Problem, ...]]:
    """The problems that a call raises."""

    def found(call: Callable[..., object], *arguments: object, **named: object) -> tuple[Problem, ...]:
        with pytest.raises(RecipeError) as caught:
            call(*arguments, **named)
        return caught.value.problems

    return found
