"""What each fault must lead to, as data: docs/faults.md shows the same to people.

On the wire:
SURVIVES: the call returns the right value. STALE: it returns a value that is not true, which only the rig can
find out. Everything else is the kind of error that the call must raise, and no other.
"""

from __future__ import annotations

from capture.alpaca.transport import HttpRefusal
from capture.errors import DeviceError, DeviceRefused, DeviceTimeout, DeviceUnreachable
from simulators.faults import KINDS
from tests.faults.members import Call

SURVIVES, STALE = "survives", "stale"
Outcome = str | type[DeviceError]

READING: dict[str, Outcome] = {
    "hang": DeviceTimeout,
    "slow": DeviceTimeout,
    "drip": DeviceTimeout,
    "refuse": DeviceUnreachable,
    "deaf": DeviceUnreachable,
    "reset": DeviceUnreachable,
    "cut": DeviceUnreachable,
    "chunked": SURVIVES,
    "http_500": HttpRefusal,
    "http_400": HttpRefusal,
    "redirect": HttpRefusal,
    "error": DeviceRefused,
    "wrong_json": DeviceError,
    "wrong_type": DeviceError,
    "missing_key": DeviceError,
    "wrong_ids": DeviceError,
    "truncated": DeviceError,
    "oversized": DeviceError,
    "stuck": STALE,
}
WRITING: dict[str, Outcome] = {
    # An answer without an ErrorNumber is what some good servers send.
    **{kind: outcome for kind, outcome in READING.items() if kind != "stuck"},
    "missing_key": SURVIVES,
    "ignore": STALE,
}
IMAGES: dict[str, Outcome] = {**READING, "wrong_dimensions": DeviceError, "huge_image": DeviceError}
# An interface version that is refused is a device from before there were versions; whether it still connects,
# refused as not implemented only, is a device that knows no such thing.
EXCEPTIONS: dict[tuple[str, str], Outcome] = {
    ("interfaceversion", "error"): STALE,
    ("connecting", "http_400"): STALE,
    # Connect falls back to the older call, which works.
    ("connect", "http_400"): SURVIVES,
}
# Struck once, these are survived by the one retry of a read.
RETRIED = ("refuse", "reset", "cut")


def table_of(call: Call) -> dict[str, Outcome]:
    """What each kind of fault leads to, of those that this call can meet."""
    reading = IMAGES if call.member == "imagearray" else READING
    table = reading if call.method == "GET" else WRITING
    return {kind: EXCEPTIONS.get((call.member, kind), outcome) for kind, outcome in table.items()}


# In an evening's work: T1 gets all its frames, is given up with the reason, or gives way to the guard.
GIVEN_UP, INTERRUPTED = "given up", "interrupted"
ANY = frozenset({SURVIVES, GIVEN_UP, INTERRUPTED})
# Per critical call: what all kinds lead to, and the kinds that lead to something else.
_EVENINGS: dict[tuple[str, str, str], tuple[str, dict[str, str]]] = {
    ("camera", "GET", "connected"): (GIVEN_UP, {"stuck": SURVIVES}),
    ("camera", "GET", "imageready"): (GIVEN_UP, {}),
    # 10 s are less than an image may take, or the start of an exposure.
    ("camera", "GET", "imagearray"): (GIVEN_UP, {"slow": SURVIVES}),
    # The camera's state is read after a broken answer: it exposes.
    ("camera", "PUT", "startexposure"): (GIVEN_UP, {"slow": SURVIVES, "reset": SURVIVES, "cut": SURVIVES}),
    ("filterwheel", "GET", "position"): (GIVEN_UP, {}),
    # A timed-out command is followed by a look: the wheel has turned.
    ("filterwheel", "PUT", "position"): (GIVEN_UP, dict.fromkeys(("hang", "slow", "drip"), SURVIVES)),
    ("telescope", "GET", "slewing"): (GIVEN_UP, {}),
    ("dome", "GET", "shutterstatus"): (INTERRUPTED, {}),
    ("safetymonitor", "GET", "issafe"): (INTERRUPTED, {"stuck": SURVIVES}),
    # These show only after T1's work, when the roof closes.
    ("dome", "PUT", "closeshutter"): (SURVIVES, {}),
    ("telescope", "GET", "atpark"): (SURVIVES, {}),
}
# Answers to a command that say that it did not start: the guard sends its close again soon.
REFUSALS = ("error", "http_400", "redirect")


def evening_of(call: Call, kind: str, onset: str) -> frozenset[str]:
    """What may become of T1's evening under such a fault."""
    known = _EVENINGS.get((call.device, call.method, call.member))
    if known is None or kind == "deaf":
        return ANY
    if kind == "chunked" or (kind == "missing_key" and call.method == "PUT"):
        return frozenset({SURVIVES})
    outcome = known[1].get(kind, known[0])
    if onset == "first" and call.member in ("connected", "atpark", "position"):
        return ANY
    if onset == "first" and call.member == "slewing" and kind != "stuck":
        # The guard opens no roof over a mount that it cannot see at rest: nobody's evening begins.
        return frozenset({INTERRUPTED})
    return frozenset({outcome})


assert {*READING, *WRITING, *IMAGES} == set(KINDS), "a kind of fault that has no expectation"
