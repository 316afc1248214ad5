"""The seam of the simulators' server: what crosses it is written down and can be tampered with."""

from __future__ import annotations

import json
import socket

from simulators import Server
from simulators.server import Call, Reply, deliver_whole


class Wire:
    """Devices are written `telescope/0`, members in lower case, as on the wire.

    `calls`: every call as (method, device, member). `says`: values that replace what a GET answers.
    `mute`: devices, or (device, member) pairs, whose connection is dropped instead of a reply.
    """

    def __init__(self, server: Server) -> None:
        self.calls: list[tuple[str, str, str]] = []
        self.says: dict[tuple[str, str], object] = {}
        self.mute: set[str | tuple[str, str]] = set()
        server.deliver = self._deliver

    def gets(self, device: str, member: str | None = None) -> int:
        """How many GETs of the member, or of all members, have come."""
        return sum(1 for call in self.calls if call[:2] == ("GET", device) and member in (None, call[2]))

    def _deliver(self, connection: socket.socket, call: Call, reply: Reply) -> bool:
        self.calls.append((call.method, call.device, call.member))
        place = (call.device, call.member)
        if call.device in self.mute or place in self.mute:
            return False
        if call.method == "GET" and place in self.says:
            value = {"Value": self.says[place], "ErrorNumber": 0, "ErrorMessage": ""}
            reply.body = json.dumps(value).encode()
        return deliver_whole(connection, call, reply)
