"""Telling systemd how a service fares (sd_notify, as systemd.service(5) has it); elsewhere nothing."""

from __future__ import annotations

import os
import socket
from contextlib import suppress


def notify(**said: object) -> None:
    """Send `READY=1`, `WATCHDOG=1`, `STATUS=...` to whoever started us, if that wants to hear."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return
    # A name that begins with @ is an abstract one.
    address = "\0" + address[1:] if address.startswith("@") else address
    text = "\n".join(f"{key}={' '.join(str(value).split())}" for key, value in said.items())
    with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as one:
        one.sendto(text.encode(), address)
