"""``xdistill data inspect``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from xdistill.cli.data.columns import columns_text, counts_text
from xdistill.cli.data.options import FileArgument, size
from xdistill.cli.options import JsonOption

if TYPE_CHECKING:
    from xdistill.data import Cohort

EXAMPLES = ("xdistill data inspect ~/.cache/xdistill/hcc_phantom-0123456789abcdef.h5",)


def inspect(file: FileArgument, as_json: JsonOption = False) -> None:
    """Show the classes, modalities, missing data and origin of a cohort file."""
    from xdistill.cli.console import print_json
    from xdistill.data import open_cohort

    summary = _summary(open_cohort(file))
    if as_json:
        print_json(summary)
    else:
        _print_summary(summary)


def _summary(cohort: Cohort) -> dict[str, Any]:
    """The content of a cohort, without the ids of its subjects."""
    from dataclasses import asdict

    return {
        "path": str(cohort.path.absolute()),
        "bytes": cohort.path.stat().st_size,
        "bytes_in_memory": cohort.nbytes,
        "key": cohort.key,
        "fingerprint": cohort.fingerprint,
        "created": cohort.created,
        "versions": dict(cohort.versions),
        "facts": asdict(cohort.facts),
        "subjects": len(cohort),
        "patients": len(set(cohort.patients)),
        "classes": cohort.schema.task.counts(cohort.targets[cohort.labelled]),
        "unlabelled": int((~cohort.labelled).sum()),
        "modalities": {
            name: {**spec, "present": int(cohort.present(name).sum())}
            for name, spec in cohort.schema.to_json()["modalities"].items()
        },
    }


def _print_summary(summary: dict[str, Any]) -> None:
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import stdout

    console = stdout()
    facts = summary["facts"]
    console.print(Text(facts["title"], style="bold"))
    if facts["synthetic"]:
        console.print(Text("synthetic cohort: no subject is real", style="yellow"))
    if facts["source"]:
        console.print(Text(facts["source"]))
    for name, bound in facts["bounds"].items():
        console.print(Text(f"best possible macro OvO AUC from {name}: {bound:.3f}"))
    for remark in facts["remarks"]:
        console.print(Text(remark, style="yellow"))
    counts = counts_text(summary["classes"], summary["unlabelled"])
    console.print(Text(f"{summary['subjects']} subjects of {summary['patients']} patients: {counts}"))
    table = Table("modality", "kind", "shape", "columns", "unit", "present", box=None, padding=(0, 2, 0, 0))
    for name, spec in summary["modalities"].items():
        shape = " x ".join(str(length) for length in spec["shape"])
        cells = [name, spec["kind"], shape, str(len(spec["columns"]) or ""), spec["unit"], str(spec["present"])]
        table.add_row(*map(Text, cells))
    console.print(table)
    for name, spec in summary["modalities"].items():
        if spec["columns"]:
            console.print(Text(f"{name}: ", style="bold") + Text(columns_text(spec["columns"]), style="not bold"))
    for note in facts["reading"]["notes"]:
        console.print(Text(f"read: {note}"))
    console.print(Text(f"{size(summary['bytes'])} on disk, {size(summary['bytes_in_memory'])} in memory"))
    console.print(Text(f"fingerprint {summary['fingerprint']}"))
    console.print(Text(f"built {summary['created']} with xdistill {summary['versions'].get('xdistill', '?')}"))
