"""The side door: faults over HTTP, for tests that run in another process. Open to this machine only.

GET lists the faults, PUT replaces them by a JSON list, DELETE takes all back. No fault acts on it.
"""

from __future__ import annotations

import ipaddress
import json

from simulators.faults import Faults, as_json, read_faults
from simulators.wire import JSON, TEXT, Call, Reply

PATH = "/simulator/faults"


def enter(faults: Faults, call: Call, peer: str) -> Reply:
    """Return the reply to a call at the side door from a peer's address."""
    if not _is_this_machine(peer):
        return Reply(403, TEXT, b"the side door is open to this machine only")
    if call.method == "PUT":
        try:
            wanted = read_faults(call.body)
        except ValueError as error:
            return Reply(400, TEXT, str(error).encode())
        if any(fault.kind == "deaf" for fault in wanted):
            return Reply(400, TEXT, b"deaf would shut this door too: only a test in the process can end it")
        faults.replace(wanted)
    elif call.method == "DELETE":
        faults.clear()
    elif call.method != "GET":
        return Reply(405, TEXT, b"GET, PUT or DELETE", {"Allow": "GET, PUT, DELETE"})
    return Reply(200, JSON, json.dumps([as_json(fault) for fault in faults.list()]).encode())


def _is_this_machine(peer: str) -> bool:
    address = ipaddress.ip_address(peer.partition("%")[0])
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return (mapped or address).is_loopback
