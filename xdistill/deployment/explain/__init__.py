"""What a student's predictions depend on: maps in the space of the source images, and attributions of columns."""

from xdistill.deployment.explain.attributions import Options
from xdistill.deployment.explain.explanation import ColumnAttributions, Explanation, Map
from xdistill.deployment.explain.stream import explain_arrays, explain_subjects
from xdistill.deployment.explain.write import write_explanations

__all__ = [
    "ColumnAttributions",
    "Explanation",
    "Map",
    "Options",
    "explain_arrays",
    "explain_subjects",
    "write_explanations",
]
