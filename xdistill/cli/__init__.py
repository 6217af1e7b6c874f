"""The command line; the only room that prints. One file a command; heavy imports stand inside the commands."""

import sys


def main() -> None:
    """Run the command line."""
    try:
        from xdistill.cli.app import main as run_app

        run_app()
    except KeyboardInterrupt:  # before a command began; a command says more
        sys.stderr.write("error: stopped\n")
        sys.exit(130)
