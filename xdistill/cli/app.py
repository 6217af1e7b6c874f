"""The command line's entry: puts the commands together and turns errors into messages and exit codes."""

from __future__ import annotations

import errno
from contextlib import suppress
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from xdistill.cli import evaluate, explain, export, fit, model, plugins, predict, recipe, run, serve
from xdistill.cli.bench import app as bench
from xdistill.cli.data import app as data
from xdistill.cli.diagnose import command as diagnose
from xdistill.cli.examples import command, with_examples
from xdistill.cli.init import command as init
from xdistill.cli.tune import command as tune
from xdistill.errors import UserError, XdistillError
from xdistill.version import __version__

ABOUT = "Cross-modal distillation: a teacher sees several modalities, its student only some of them."
EXAMPLES = (
    "xdistill run mvi_hcc                     train and test the flagship recipe",
    "xdistill run mvi_hcc --set data.seed=1   the same with a field changed",
    "xdistill recipe show mvi_hcc             a recipe with everything filled in",
    "xdistill plugins list                    what recipes can name",
)
ALIASES = {"plugin": "plugins"}


class Commands(TyperGroup):
    """The commands, of which one is also understood in the singular."""

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """The command of this name."""
        return super().get_command(ctx, ALIASES.get(cmd_name, cmd_name))


app = typer.Typer(
    cls=Commands,
    help=with_examples(ABOUT, *EXAMPLES),
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)
command(app, *init.EXAMPLES)(init.init)
command(app, *run.EXAMPLES)(run.run)
command(app, *diagnose.EXAMPLES)(diagnose.diagnose)
command(app, *fit.EXAMPLES)(fit.fit)
command(app, *predict.EXAMPLES)(predict.predict)
command(app, *evaluate.EXAMPLES)(evaluate.evaluate)
command(app, *export.EXAMPLES)(export.export)
command(app, *explain.EXAMPLES)(explain.explain)
command(app, *serve.EXAMPLES)(serve.serve)
command(app, *tune.EXAMPLES)(tune.tune)
app.add_typer(recipe.app, name="recipe")
app.add_typer(model.app, name="model")
app.add_typer(data.app, name="data")
app.add_typer(plugins.app, name="plugins")
app.add_typer(bench.app, name="bench")


def _version(value: bool) -> None:
    if value:
        typer.echo(f"xdistill {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    del version


def main() -> int:
    """Run the command line and return its exit code."""
    try:
        app()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    except XdistillError as error:
        from xdistill.cli.console import print_error

        with suppress(OSError):  # of standard error, where the exit code is all that is left
            print_error(str(error))
        return error.exit_code
    except OSError as error:
        if error.errno != errno.ENAMETOOLONG:
            raise
        from xdistill.cli.console import print_error

        print_error(f"{error.filename}: the name is longer than the operating system allows")
        return UserError.exit_code
    return 0
