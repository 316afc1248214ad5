"""One machine works with a rig: leases in a catalogue that several machines share."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import timedelta

from capture.clock import Clock
from capture.errors import BadInput, StoreError
from capture.journal import Journal
from capture.store.leases import Lease, Leases

_LENGTH = timedelta(minutes=5)
_RENEWED_EVERY_S = 60.0
_RANK = 95


@contextmanager
def leasing(
    leases: Leases, rigs: Sequence[str], clock: Clock, journal: Journal, lost: Callable[[str], None]
) -> Iterator[None]:
    """Within this block these rigs are this machine's. Within a worker.

    `lost` is called with the reason when another machine has taken one, which it can when this one could not
    renew its lease for 5 min. The holder is the machine, by its name: a restart after a kill renews.
    Raises BadInput when another machine has one of them, StoreError.
    """
    machine, held, over = socket.gethostname(), list[Lease](), clock.signal()

    def renew() -> None:
        while not over.wait(_RENEWED_EVERY_S):
            with suppress(StoreError):
                for rig in rigs:
                    if leases.take(rig, machine, clock.now(), _LENGTH) is None:
                        why = _taken(leases, rig, clock)
                        journal.say(rig, "alarm", f"{why}; this one ends its work")
                        lost(why)
                        return

    try:
        for rig in rigs:
            lease = leases.take(rig, machine, clock.now(), _LENGTH)
            if lease is None:
                raise BadInput(f"{_taken(leases, rig, clock)}; stop the service there first")
            held.append(lease)
        worker = clock.spawn(renew, "leases of the rigs", _RANK)
        try:
            yield
        finally:
            over.set()
            worker.join()
    finally:
        # One that cannot be given back lapses by itself.
        with suppress(StoreError):
            for lease in held:
                leases.give_back(lease)


def _taken(leases: Leases, rig: str, clock: Clock) -> str:
    for lease in leases.all(clock.now()):
        if lease.rig == rig:
            until = f"until {lease.until:%H:%M} UTC at least"
            return f"{rig} is worked with by another machine, {lease.holder}, {until}"
    return f"{rig} is worked with by another machine"
