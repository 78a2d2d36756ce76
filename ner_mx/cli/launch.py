"""``ner-mx launch``: several workers that train together."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import List, Optional

import typer
from typing_extensions import Annotated

from ner_mx.errors import UserError
from ner_mx.registry import register


@register.command("launch")
def launch(
        command: Annotated[List[str], typer.Argument(
            metavar="COMMAND",
            help="What each worker runs, behind --: python train.py --set training.kvstore=dist_sync")],
        workers: Annotated[Optional[int], typer.Option(
            "-n", "--workers", min=1, help="The number of workers; 2, or those of --hosts, if not given.")] = None,
        servers: Annotated[int, typer.Option("-s", "--servers", min=1, help="The number of servers.")] = 1,
        hosts: Annotated[Optional[Path], typer.Option(
            help="A file with a host per line, and its number of workers if it is not 1, reached by ssh without a "
                 "password; they share this folder.")] = None,
        address: Annotated[Optional[str], typer.Option(
            help="Of this machine, as the hosts see it; found by itself if not given.")] = None,
        port: Annotated[Optional[int], typer.Option(min=1, max=65535, help="A free one if not given.")] = None,
) -> None:
    """Start workers that train one network together, over MXNet's parameter server, and stop all if one fails."""
    from ner_mx.training.distributed.launching import LOCAL, Plan, free_port, own_address, read_hosts
    from ner_mx.training.distributed.launching import launch as run

    chosen = read_hosts(hosts) if hosts else []
    if address and not hosts:
        raise UserError("--address: expected it with --hosts alone; workers of one machine use 127.0.0.1")
    if workers and chosen and workers > len(chosen):
        raise UserError(f"-n: expected at most the {len(chosen)} workers of {hosts}, found {workers}")
    place = address or (own_address(chosen[0]) if chosen else LOCAL)
    count = workers or len(chosen) or 2
    again = ["ner-mx", "launch", "-n", str(count), "-s", str(servers), *(["--hosts", str(hosts)] if hosts else []),
             *(["--address", address] if address else []), *(["--port", str(port)] if port else [])]
    raise typer.Exit(run(Plan(command, count, servers, chosen, place, free_port(place, port or 0), shlex.join(again))))
