"""`nightcal discover`: which Alpaca servers are there, and which devices they have."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import asdict
from typing import Annotated

import typer
from rich.text import Text

from capture.alpaca.discovery import FoundServer, Search, find_servers
from capture.cli.console import console, errors, show_json, show_table
from capture.cli.options import JsonOption

HostsArgument = Annotated[
    list[str] | None,
    typer.Argument(help="Servers to ask beside those that answer the search: host or host:port."),
]
SecondsOption = Annotated[
    float, typer.Option("--seconds", min=0.1, max=60, help="How long to listen on each network adapter.")
]
Ipv6Option = Annotated[bool, typer.Option("--ipv6/--no-ipv6", help="Search by IPv6 as well.")]

ADVICE = (
    "no Alpaca server was found: check that one runs in this network and that UDP port 32227 passes the "
    "firewall, or name it as host:port"
)


def discover(
    hosts: HostsArgument = None,
    seconds: SecondsOption = 2.0,
    ipv6: Ipv6Option = True,
    as_json: JsonOption = False,
) -> None:
    """Find the Alpaca servers of this network and their devices. Asks no device anything."""
    search = search_shown(hosts or (), seconds, ipv6=ipv6)
    if as_json:
        show_json(asdict(search))
    else:
        for server in search.servers:
            _show(server)
        show_faults(search.faults)
        if not search.servers:
            errors.print(Text(f"nightcal: {ADVICE}"))
    if not search.servers:
        raise typer.Exit(1)


def search_shown(hosts: Iterable[str], seconds: float, *, ipv6: bool) -> Search:
    """Search while a terminal tells so. Raises BadInput for a host that is none."""
    with errors.status("searching for Alpaca servers"):
        return find_servers(tuple(hosts), seconds=seconds, ipv6=ipv6)


def show_faults(faults: Iterable[str]) -> None:
    """What did not answer, on stderr: it is no part of what was found."""
    for fault in faults:
        errors.print(Text(f"nightcal: {fault}"))


def _show(server: FoundServer) -> None:
    console.print(Text(server.address, style="bold"), Text(_about(server)))
    rows = [(device.type, device.number, device.name, device.unique_id) for device in server.devices]
    show_table("", ("device", "number", "name", "unique id"), rows)


def _about(server: FoundServer) -> str:
    if not server.managed:
        return "  without a management API; its devices were found by asking for numbers 0 to 3"
    told = (server.name, server.manufacturer, server.version, server.location)
    words = "  " + ", ".join(word for word in told if word and word != server.address)
    return f"{words}; also at {', '.join(server.also_at)}" if server.also_at else words
