"""Large libraries are imported without what they need not; in a process of its own, in which nothing is imported."""

import json
import subprocess
import sys

import pytest

PRINT = """
import json, sys
from xdistill.extras import fabric_class, scikit_learn
found = fabric_class().__name__, scikit_learn("impute").SimpleImputer.__name__
unused = [name for name in ("torchmetrics", "pandas", "matplotlib") if name in sys.modules]
import pandas
print(json.dumps([*found, unused, pandas.DataFrame({"a": [1]}).shape]))
"""


def test_what_is_not_used_is_not_imported_and_can_be_afterwards():
    pytest.importorskip("pandas")
    done = subprocess.run([sys.executable, "-c", PRINT], capture_output=True, text=True, check=True)
    assert json.loads(done.stdout) == ["Fabric", "SimpleImputer", [], [1, 1]]
