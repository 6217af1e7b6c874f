"""Asks what the columns are, with what was found as the default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

from xdistill.errors import UserError

if TYPE_CHECKING:
    from xdistill.cli.init.plan import Plan
    from xdistill.profiling import Profile

NONE = "-"
_QUESTIONS = {
    "label": "Which column is the label, the class or the number to predict?",
    "subject": "Which column has the ids of the subjects, one per row?",
    "patient": "Which column has the patients, if one has several rows?",
    "split": "Which column says train, val or test?",
    "site": "Which column is the site or hospital?",
}


def print_columns(profile: Profile, plan: Plan) -> None:
    """A table of the columns and what they are taken for, on standard error."""
    from rich.table import Table
    from rich.text import Text

    from xdistill.cli.console import stderr

    table = Table("column", "type", "missing", "values", "taken for", box=None, padding=(0, 2, 0, 0))
    for column in profile.columns:
        cells = (column.name, column.type, str(column.missing or ""), column.span, role_of(plan, column.name))
        table.add_row(*map(Text, cells))
    stderr().print(table)


def role_of(plan: Plan, column: str) -> str:
    """What a column is taken for."""
    for role in ("label", "subject", "patient", "split", "fold", "site", "date"):
        if column == getattr(plan, role):
            return role if role in {"label", "subject", "patient"} else f"{role}, not an input"
    if column in plan.images:
        return "image"
    if column in plan.privileged:
        return "privileged"
    return "clinical" if column in plan.clinical else f"not used: {plan.left_out.get(column, '')}"


def ask_roles(plan: Plan, columns: Sequence[str], stream: TextIO | None = None) -> dict[str, str]:
    """The columns by role, as the user says.

    Raises:
        UserError: if there is no user to ask.
    """
    found = {}
    for role, question in _QUESTIONS.items():
        default = getattr(plan, role) or NONE
        found[role] = _asked(f"{question} ({NONE}: none)", [*columns, NONE], default, stream).replace(NONE, "", 1)
    return {role: "" if name == NONE else name for role, name in found.items()}


def ask_privileged(plan: Plan, stream: TextIO | None = None) -> tuple[str, ...]:
    """The clinical columns that only the teacher may read.

    Raises:
        UserError: if there is no user to ask.
    """
    if plan.images or len(plan.clinical) < 2:  # noqa: PLR2004 - one for the student, one for the teacher
        return ()
    question = f"Which columns will new patients lack, so that only the teacher may read them? ({NONE}: none)"
    while True:
        answer = _asked(question, None, ", ".join(plan.privileged) or NONE, stream)
        names = [] if answer == NONE else [name.strip() for name in answer.split(",")]
        if all(name in plan.clinical for name in names) and len(names) < len(plan.clinical):
            return tuple(names)
        question = f"Name some of {', '.join(plan.clinical)}, with commas between, and leave one to the student"


def _asked(question: str, choices: list[str] | None, default: str, stream: TextIO | None) -> str:
    from rich.prompt import Prompt
    from rich.text import Text

    from xdistill.cli.console import stderr

    options: dict[str, Any] = {"choices": choices, "show_choices": False, "default": default, "stream": stream}
    try:
        return Prompt.ask(Text(question), console=stderr(), **options)
    except EOFError:
        raise UserError("there is no user to ask; pass --yes to let xdistill decide") from None
