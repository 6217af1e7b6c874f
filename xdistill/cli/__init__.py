"""The command line; the only room that prints. One file a command; heavy imports stand inside the commands."""


def main() -> None:
    """Run the command line."""
    from xdistill.cli.app import main as run_app

    run_app()
