"""Files that a reader once met with a traceback, a hang or a wrong answer: each is read, or refused in one message.

``make chaos`` adds to them what it finds.
"""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from xdistill.errors import XdistillError

CORPUS = Path(__file__).with_name("corpus")


def test_no_reader_fails_on_what_once_failed(monkeypatch, tmp_path):
    monkeypatch.syspath_prepend(str(CORPUS.parents[2] / "benchmarks" / "chaos"))
    from readers import READERS

    monkeypatch.delitem(sys.modules, "readers")
    readers = {name.replace(" ", "_").replace(",", ""): (file, read) for name, (file, read) in READERS.items()}
    files = sorted(path for path in CORPUS.glob("*/*"))
    assert len(files) > 60
    said: list[str] = []
    for path in files:
        file, read = readers[path.parent.name]
        assert path.name.endswith(f"-{file}")
        shutil.copy(path, tmp_path / file)
        try:
            read(tmp_path / file)
        except XdistillError as refused:
            said.append(str(refused))
        except Exception as error:  # noqa: BLE001 - whatever it is, it is no message
            pytest.fail(f"{path}: {type(error).__name__}: {error}")
    assert all(said)
