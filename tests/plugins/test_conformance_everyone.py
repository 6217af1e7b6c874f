"""No bundled component goes without the tests that every plugin's author can inherit."""

import importlib.util
from pathlib import Path

from xdistill.testing import Conformance

HERE = Path(__file__).parent


def test_every_bundled_component_has_a_suite(catalog):
    tested = set()
    for path in HERE.glob("test_conformance_*.py"):
        spec = importlib.util.spec_from_file_location(f"suites_of_{path.stem}", path)
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        suites = [value for name, value in vars(module).items() if name.startswith("Test")]
        tested |= {(suite.kind, suite.component.name) for suite in suites if issubclass(suite, Conformance)}
    bundled = {(entry.kind, entry.name) for entry in catalog if entry.distribution == "xdistill"}
    assert bundled - tested == set()
