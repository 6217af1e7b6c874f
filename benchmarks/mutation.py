"""How many errors put into the code do the tests find? A random sample of cosmic-ray's mutations, one at a time.

Run it in a clone, since it changes files and changes them back. A mutation that the tests of its group do not find is
printed with its place.

    pip install cosmic-ray
    python benchmarks/mutation.py --sample 40 [--group stats] [--seed 0] [--json found.json]
"""

from __future__ import annotations

import argparse
import json
import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
GROUPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "training": ("xdistill/training", ("tests/training", "tests/crossval")),
    "stats": ("xdistill/stats", ("tests/stats",)),
    "losses": ("plugins/xdistill_losses", ("tests/losses",)),
}
TIMEOUT = 600  # seconds; a mutation that makes the tests hang is found
# Decorators are mostly properties; the others need names of variables. `|` stands in annotations, most of all.
SKIPPED = ("core/RemoveDecorator", "core/VariableReplacer", "core/VariableInserter")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--sample", type=int, default=40, help="mutations per group")
    parser.add_argument("--seed", type=int, default=0, help="of the sample")
    parser.add_argument("--group", action="append", choices=GROUPS, help="default: all")
    parser.add_argument("--json", type=Path, help="file for the outcomes")
    chosen = parser.parse_args()
    found = {name: group(name, chosen.sample, chosen.seed) for name in chosen.group or GROUPS}
    for name, outcomes in found.items():
        survivors = [outcome for outcome in outcomes if not outcome["killed"]]
        print(f"{name}: {len(survivors)} of {len(outcomes)} survive ({len(survivors) / max(1, len(outcomes)):.0%})")
    if chosen.json:
        chosen.json.write_text(json.dumps(found, indent=1), encoding="utf-8")


def group(name: str, sample: int, seed: int) -> list[dict[str, Any]]:
    """The outcomes of a sample of one group."""
    folder, tests = GROUPS[name]
    everything = list(mutations(ROOT / folder))
    picked = random.Random(seed).sample(everything, min(sample, len(everything)))  # noqa: S311 - a sample, no secret
    outcomes = []
    for path, operator, index in picked:
        outcome = tested(path, operator, index, tests)
        outcomes.append(outcome)
        if not outcome["killed"]:
            print(f"survives: {outcome['path']}:{outcome['line']} {operator}\n{outcome['diff']}", flush=True)
    return outcomes


def mutations(folder: Path) -> Iterator[tuple[Path, str, int]]:
    """Every mutation of every file: path, operator, number of its occurrence."""
    from cosmic_ray.ast import get_ast
    from cosmic_ray.plugins import get_operator, operator_names

    for path in sorted(folder.rglob("*.py")):
        tree = get_ast(path.read_text(encoding="utf-8"))
        for name in operator_names():
            if name in SKIPPED or name.startswith("core/ReplaceBinaryOperator_BitOr"):
                continue
            operator = get_operator(name)()
            positions = [place for node in _nodes(tree) for place in operator.mutation_positions(node)]
            for index in range(len(positions)):
                yield path, name, index


def _nodes(node: Any) -> Iterator[Any]:
    yield node
    for child in getattr(node, "children", ()):
        yield from _nodes(child)


def _fails(folder: str) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", folder]
    try:
        return subprocess.run(command, cwd=ROOT, capture_output=True, timeout=TIMEOUT, check=False).returncode != 0
    except subprocess.TimeoutExpired:
        return True


def tested(path: Path, operator: str, index: int, tests: tuple[str, ...]) -> dict[str, Any]:
    """Whether the tests find one mutation."""
    from cosmic_ray.mutating import mutate_code
    from cosmic_ray.plugins import get_operator

    original = path.read_text(encoding="utf-8")
    mutated = mutate_code(original, get_operator(operator)(), index)
    if mutated is None or mutated == original:
        return {"path": str(path.relative_to(ROOT)), "operator": operator, "line": 0, "killed": True, "diff": ""}
    lines = [number for number, pair in enumerate(zip(original.split("\n"), mutated.split("\n"), strict=False), 1)
             if pair[0] != pair[1]]  # fmt: skip
    line = lines[0] if lines else 0
    diff = (
        f"  - {original.splitlines()[line - 1].strip()}\n  + {mutated.splitlines()[line - 1].strip()}" if line else ""
    )
    try:
        path.write_text(mutated, encoding="utf-8")
        killed = any(_fails(folder) for folder in tests)  # the first is the fastest
    finally:
        path.write_text(original, encoding="utf-8")
    return {"path": str(path.relative_to(ROOT)), "operator": operator, "line": line, "killed": killed, "diff": diff}


if __name__ == "__main__":
    main()
