"""Digests of source files: of packages, namespace packages and single modules."""

import sys
from types import ModuleType

import pytest

from xdistill.experiment.identity import package_digest


@pytest.fixture
def digest_of(monkeypatch):
    """The digest of a module with these attributes."""

    def digest(**attributes):
        module = ModuleType("toy_package")
        module.__dict__.update(attributes)
        monkeypatch.setitem(sys.modules, "toy_package", module)
        return package_digest("toy_package")

    return digest


def test_every_file_of_a_package_counts(digest_of, tmp_path):
    (tmp_path / "__init__.py").touch()
    (tmp_path / "loss.py").write_text("a = 1", encoding="utf-8")
    before = digest_of(__path__=[str(tmp_path)], __file__=str(tmp_path / "__init__.py"))
    (tmp_path / "loss.py").write_text("a = 2", encoding="utf-8")
    assert digest_of(__path__=[str(tmp_path)], __file__=str(tmp_path / "__init__.py")) != before


def test_a_namespace_package_has_no_file_and_may_name_a_folder_twice(digest_of, tmp_path):
    (tmp_path / "loss.py").write_text("a = 1", encoding="utf-8")
    before = digest_of(__path__=[str(tmp_path)], __file__=None)
    assert digest_of(__path__=[str(tmp_path)] * 2, __file__=None) == before
    (tmp_path / "more.py").touch()
    assert digest_of(__path__=[str(tmp_path)], __file__=None) != before


def test_of_a_module_only_its_file_counts(digest_of, tmp_path):
    (tmp_path / "loss.py").write_text("a = 1", encoding="utf-8")
    before = digest_of(__file__=str(tmp_path / "loss.py"))
    (tmp_path / "more.py").touch()
    assert digest_of(__file__=str(tmp_path / "loss.py")) == before
