"""Wrong passwords are counted, by account and by address, and after some nobody is let in for a while."""

from __future__ import annotations

import threading
from collections import OrderedDict, deque
from ipaddress import IPv6Address, ip_address

from capture.clock import Clock
from capture.errors import NightcalError

WITHIN_S = 900.0
MOST_OF_ACCOUNT, MOST_OF_ADDRESS = 10, 30
_KEPT = 20_000
# A hash takes 64 MB for a while.
hashing = threading.Semaphore(2)


class TooMany(NightcalError):
    """Raised when too many passwords were wrong; `again_s`: when it may be tried again."""

    def __init__(self, again_s: float) -> None:
        minutes = max(1, round(again_s / 60))
        super().__init__(f"too many wrong passwords; try again in {minutes} min")
        self.again_s = again_s


class Throttle:
    """Any thread may ask; `clock` is the machine's."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._failures: OrderedDict[str, deque[float]] = OrderedDict()

    def check(self, account: str, address: str) -> None:
        """Raises TooMany."""
        now = self._clock.monotonic()
        with self._lock:
            for key, most in self._keys(account, address):
                times = self._failures.get(key, deque())
                while times and now - times[0] > WITHIN_S:
                    times.popleft()
                if len(times) >= most:
                    raise TooMany(WITHIN_S - (now - times[0]))

    def failed(self, account: str, address: str) -> None:
        """Count a wrong password."""
        with self._lock:
            for key, most in self._keys(account, address):
                times = self._failures.setdefault(key, deque(maxlen=most))
                times.append(self._clock.monotonic())
                self._failures.move_to_end(key)
            while len(self._failures) > _KEPT:
                self._failures.popitem(last=False)

    def succeeded(self, account: str) -> None:
        """Forget the account's wrong passwords; its address's stay counted."""
        with self._lock:
            self._failures.pop(f"account {account}", None)

    def _keys(self, account: str, address: str) -> tuple[tuple[str, int], ...]:
        return (f"account {account[:60]}", MOST_OF_ACCOUNT), (f"address {_net(address)}", MOST_OF_ADDRESS)


def _net(address: str) -> str:
    """One household: an IPv4 address, the first 64 bits of an IPv6 one."""
    try:
        found = ip_address(address)
    except ValueError:
        return address[:60]
    return str(int(found) >> 64) if isinstance(found, IPv6Address) else str(found)
