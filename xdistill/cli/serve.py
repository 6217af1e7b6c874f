"""``xdistill serve``: a model behind HTTP on this machine."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import Annotated

import typer

from xdistill.cli import options as shared

EXAMPLES = (
    "xdistill serve models/mvi",
    "xdistill serve models/mvi --port 9000 --max-mb 64 --readers 2",
    "xdistill serve runs/mvi_hcc/cmdnet/0f3a8c21d9be --device cpu",
)


def serve(
    model: shared.ModelArgument,
    host: Annotated[
        str,
        typer.Option(metavar="ADDRESS", help="Address to listen on; other machines can connect to any but 127.0.0.1."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port; 0: a free one.")] = 8000,
    allow_host: Annotated[
        list[str] | None,
        typer.Option("--allow-host", metavar="NAME", help="Another host name that requests may use; may be repeated."),
    ] = None,
    level: shared.LevelOption = 0.9,
    device: shared.DeviceOption = "auto",
    readers: Annotated[int, typer.Option(min=1, max=64, help="Processes that read files.")] = 1,
    max_mb: Annotated[int, typer.Option("--max-mb", min=1, help="Largest request, in MiB.")] = 256,
    max_unpacked_mb: Annotated[
        int, typer.Option("--max-unpacked-mb", min=1, help="Largest size of its files when unpacked, in MiB.")
    ] = 1024,
    max_seconds: Annotated[
        float, typer.Option("--max-seconds", min=0.1, help="Longest time to receive a request, and to read its files.")
    ] = 60.0,
    max_explain_seconds: Annotated[
        float, typer.Option("--max-explain-seconds", min=0.1, help="Longest time to compute a saliency map.")
    ] = 60.0,
    queue: Annotated[int, typer.Option(min=1, help="Requests that may be processed or wait; others get a 503.")] = 16,
    plugin: shared.PluginOption = None,
    disable_plugin: shared.DisableOption = None,
    quiet: shared.QuietOption = False,
) -> None:
    """Serve a model on this machine: a page to use by hand, and predictions by HTTP. Ctrl-C ends it.

    No uploaded file is kept, and no name of a file or patient is logged. It is not made for the internet.
    """
    with shared.chosen_plugins(plugin, disable_plugin):
        from xdistill.cli.console import print_hint, print_warning
        from xdistill.models import load_model
        from xdistill.serving.installed import check_installed
        from xdistill.serving.limits import Limits

        check_installed()
        from xdistill.serving.run import address, bound, is_loopback, names_of, run_server
        from xdistill.serving.service import Service

        loaded = load_model(model)
        for note in loaded.notes:
            print_warning(note)
        limits = Limits(max_mb, max_unpacked_mb, max_seconds, queue, explain_seconds=max_explain_seconds)
        service = Service(loaded, limits, device=device, level=level, readers=readers)
        names = names_of(host, allow_host or ())
        if not is_loopback(host):
            print_warning(
                f"other machines can reach {host}: requests are neither encrypted nor authenticated; put a server "
                f"that does both in front of it"
            )
        with bound(host, port) as listener, suppress(KeyboardInterrupt):
            where = f"{loaded.name}: {address(host, listener.getsockname()[1])} (Ctrl-C ends it)"
            ready = None if quiet else partial(print_hint, where)
            run_server(service, listener, names, on_ready=ready)
