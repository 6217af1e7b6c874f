"""The table at the end of a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from rich.table import Table
from rich.text import Text

from xdistill.cli.console import stdout

if TYPE_CHECKING:
    from rich.console import Console


def print_study(record: Mapping[str, Any], console: Console | None = None) -> None:
    """Print what each search chose, what it thought of it, and what the outer test says.

    Args:
        record: what ``study.json`` holds.
        console: standard output by default.
    """
    from rich import box

    console = console or stdout()
    table = Table(
        title=Text(f"{record['kind']} search of {record['recipe']}, {record['metric']}", style="bold"),
        title_justify="left",
        caption=Text(caption(record), style="dim"),
        caption_justify="left",
        box=box.SIMPLE_HEAD if console.is_terminal else None,
        pad_edge=False,
    )
    for title, justify in (("search", "left"), ("trials", "right"), ("inner", "right"), ("outer", "right")):
        table.add_column(title, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    table.add_column("settings", overflow="fold")
    for name, search in record["searches"].items():
        outer = "" if search["outer"] is None else f"{search['outer']:.4f}"
        cells = (
            name,
            str(sum(search["trials"].values())),
            f"{search['inner']:.4f}",
            outer,
            settings(search["settings"]),
        )
        table.add_row(*(Text(cell) for cell in cells))
    console.print(table)


def settings(values: Mapping[str, Any]) -> str:
    """Settings in a line."""
    from xdistill.report.page import setting

    return ", ".join(f"{name}={setting(value)}" for name, value in values.items())


def caption(record: Mapping[str, Any]) -> str:
    """What the scores mean, in a few lines."""
    from xdistill.tuning.wording import OPTIMISTIC

    if record["optimistic"]:
        return f"best inner {record['inner']:.4f}. {OPTIMISTIC}"
    outer = record["outer"]
    bounds = (
        f" ({100 * outer['level']:.0f} % interval {outer['low']:.4f} to {outer['high']:.4f})" if "low" in outer else ""
    )
    return (
        f"outer {outer['mean']:.4f}{bounds}: of the method with its search, on subjects that no search saw. "
        f"Mean inner best {record['inner']:.4f}, optimism {record['optimism']:+.4f}."
    )
