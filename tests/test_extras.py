"""Large libraries are imported without others that they look for and that are not used here."""

import gc
import sys

import pytest

from xdistill.extras import import_without


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package that looks for a large one."""
    (tmp_path / "toy_large.py").write_text("")
    (tmp_path / "toy_small.py").write_text(
        "import gc\ncollects = gc.isenabled()\ntry:\n    import toy_large\nexcept ImportError:\n    toy_large = None\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    yield
    for name in ("toy_small", "toy_large"):
        sys.modules.pop(name, None)


@pytest.mark.usefixtures("package")
def test_what_is_not_used_is_not_imported_and_can_be_afterwards():
    small = import_without("toy_large", "toy_small")
    assert small.toy_large is None
    assert "toy_large" not in sys.modules
    assert not small.collects
    assert gc.isenabled()
    import toy_large

    assert import_without("toy_large", "toy_small") is small
    assert sys.modules["toy_large"] is toy_large


@pytest.mark.usefixtures("package")
def test_what_is_imported_already_is_found():
    import toy_large

    assert import_without("toy_large", "toy_small").toy_large is toy_large


@pytest.mark.usefixtures("package")
def test_after_a_failure_all_is_as_before(tmp_path):
    (tmp_path / "toy_small.py").write_text("import toy_large\n")
    with pytest.raises(ModuleNotFoundError, match="toy_large"):
        import_without("toy_large", "toy_small")
    assert "toy_large" not in sys.modules
    assert gc.isenabled()
