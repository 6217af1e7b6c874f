"""A process that teaches a teacher whom others want too, and stops after the first epoch; a test kills it."""

import sys
import time
from pathlib import Path

from crossval.missing_runs import fold_run
from distillation.offline import offline
from xdistill.plugin import load_catalog


def main(folder: Path, cache: Path) -> None:
    """Run the first fold of the offline recipe; after an epoch, say so and do nothing more."""
    fold = fold_run(offline(), folder, cache, load_catalog())
    for _ in fold.events():
        if fold.progress.history:
            sys.stdout.write("there\n")
            sys.stdout.flush()
            time.sleep(3600)


if __name__ == "__main__":
    main(*map(Path, sys.argv[1:]))
