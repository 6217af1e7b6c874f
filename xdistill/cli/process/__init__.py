"""What a command is as a process: its streams, Ctrl-C, and errors that no line of xdistill raises."""

from xdistill.cli.process.failures import explained
from xdistill.cli.process.interrupts import interrupted_once
from xdistill.cli.process.streams import OutputError, guarded_streams

__all__ = ["OutputError", "explained", "guarded_streams", "interrupted_once"]
