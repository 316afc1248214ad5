"""Find Alpaca servers: by alpyca's broadcast, and at hosts that somebody names.

A server that listens on several adapters answers on each: it is told once, by its devices' UniqueIDs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import partial

import ifaddr
from alpaca import discovery as alpyca

from capture.alpaca.at_once import at_once
from capture.alpaca.management import FoundDevice, FoundServer, ask_server, server_address
from capture.errors import DeviceError

__all__ = ["FoundDevice", "FoundServer", "Search", "find_servers"]

_QUESTIONS = 2
_GRACE_S = 1.0


@dataclass(frozen=True)
class Search:
    """The servers that were found, and in sentences what did not answer or could not be searched."""

    servers: tuple[FoundServer, ...]
    faults: tuple[str, ...]


def find_servers(
    hosts: Sequence[str] = (),
    *,
    seconds: float = 2.0,
    ipv6: bool = True,
    broadcast: bool = True,
    timeout_s: float = 5.0,
) -> Search:
    """Find servers at `hosts` and, with `broadcast`, on every network of this machine.

    `seconds`: how long to listen on each network adapter, about. `timeout_s`: how long a server may take to
    tell what it has. Raises BadInput for a host that is none; what does not answer is among the faults.
    """
    addresses = [server_address(host) for host in hosts]
    faults: list[str] = []
    if broadcast:
        searches = {"IPv4": partial(_search, alpyca.search_ipv4, seconds)}
        if ipv6:
            searches["IPv6"] = partial(_search, alpyca.search_ipv6, seconds)
        limit_s = seconds * max(1, _adapter_addresses()) + _GRACE_S
        # alpyca lets whatever the system raises pass.
        for family, outcome in at_once(searches, limit_s).items():
            if isinstance(outcome, list):
                addresses += outcome
            elif family == "IPv4" or not isinstance(outcome, NotImplementedError):
                faults.append(f"the search by {family} failed: {outcome}")
    questions = {address: partial(ask_server, address, timeout_s) for address in addresses}
    servers = []
    for address, answer in at_once(questions, timeout_s + _GRACE_S).items():
        if isinstance(answer, FoundServer):
            servers.append(answer)
        elif isinstance(answer, DeviceError):
            faults.append(str(answer))
        else:
            faults.append(f"the server at {address} could not be asked: {answer}")
    return Search(tuple(_once_each(servers)), tuple(faults))


def _search(search: Callable[..., list[str]], seconds: float) -> list[str]:
    """alpyca waits 1.5 times its time-out, with each question and for each address of this machine."""
    found = search(numquery=_QUESTIONS, timeout=seconds / 3 / _QUESTIONS)
    return [str(address) for address in found]


def _adapter_addresses() -> int:
    try:
        return sum(len(adapter.ips) for adapter in ifaddr.get_adapters())
    except OSError:
        return 1


def _once_each(servers: Iterable[FoundServer]) -> list[FoundServer]:
    """Each server once, at the address that was found first.

    It is the same one when port and devices agree, by UniqueID where it gives them; two simulators of one
    kind on two ports may share their ids and are two all the same.
    """
    seen: dict[object, FoundServer] = {}
    for server in servers:
        port = server.address.rpartition(":")[2]
        ids = frozenset((d.type, d.number, d.unique_id) for d in server.devices)
        known_by_id = ids and all(d.unique_id for d in server.devices)
        identity = (port, ids) if known_by_id else server.address
        first = seen.get(identity)
        seen[identity] = (
            replace(first, also_at=(*first.also_at, server.address)) if first is not None else server
        )
    return list(seen.values())
