"""The command line; the only room that prints. One file per command; heavy imports are inside the commands."""

import atexit
import gc
import sys


def main() -> None:
    """Run the command line."""
    # Imports make hundreds of thousands of objects that stay. Looking through them for garbage takes a quarter of the
    # time of imports, and most of the time that a process takes to end.
    gc.set_threshold(100_000)
    atexit.register(gc.freeze)
    try:
        from xdistill.cli.app import main as run_app

        run_app()
    except KeyboardInterrupt:  # before a command began; a command says more
        sys.stderr.write("error: stopped\n")
        sys.exit(130)
