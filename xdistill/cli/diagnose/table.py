"""A diagnosis on the terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from xdistill.diagnosis import Diagnosis


def print_diagnosis(found: Diagnosis) -> None:
    """The figures as a table, then the verdict and the advice."""
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import stdout
    from xdistill.diagnosis.page import lines

    table = Table(title=Text(f"{found.recipe}: {found.figures.metric}"), show_header=False, title_justify="left")
    for label, value in lines(found):
        table.add_row(Text(label), Text(value))
    console = stdout()
    console.print(table)
    console.print(Text(f"{found.verdict}: ", style="bold") + Text(found.advice[0]))
    for sentence in found.advice[1:]:
        console.print(Text(f"- {sentence}"))
