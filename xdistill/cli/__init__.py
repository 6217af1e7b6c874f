"""The command line; the only package that prints. One file per command; heavy imports are inside the commands."""

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
        sys.exit(_status())
    except KeyboardInterrupt:  # before a command began; a command says more
        sys.stderr.write("error: stopped\n")
        sys.exit(130)


def _status() -> int:
    """Run the command and return its exit code."""
    try:
        from xdistill.cli.process import guarded_streams, interrupted_once

        with interrupted_once(), guarded_streams():
            from xdistill.cli.app import main as run_app

            return run_app()
    except BrokenPipeError:  # `xdistill … | head`: no process reads the rest
        return 1
    except Exception as error:
        from xdistill.cli.process import OutputError, explained
        from xdistill.untrusted.text import printable

        message = str(error) if isinstance(error, OutputError) else explained(error)
        if not message:
            raise
        sys.stderr.write(f"error: {printable(message)}\n")
        return 1
