"""A port for a server that cannot choose its own."""

from __future__ import annotations

import random
import socket

# Below those that the system itself gives away: nobody who asks it for any port is given this one meanwhile.
_OURS = range(20_000, 32_000)


def free_port() -> int:
    """A port of loopback that nobody listens on."""
    while True:
        port = random.SystemRandom().choice(_OURS)
        try:
            socket.create_server(("127.0.0.1", port)).close()
        except OSError:
            continue
        return port
