"""An evening's work in simulated time with each fault in it: what becomes of rig, roof and the others."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from simulators import Fault
from tests.faults.conftest import ALL
from tests.faults.expected import (
    GIVEN_UP,
    INTERRUPTED,
    REFUSALS,
    SURVIVES,
    evening_of,
    table_of,
)
from tests.faults.members import CALLS, CRITICAL, Call
from tests.faults.scenario import MENDED_AFTER_S, WINDOW, live, undisturbed

# The other kinds come to the same above the wire.
SAMPLE = ("hang", "cut", "http_500", "error", "wrong_type", "missing_key", "ignore", "stuck")
ONSETS = ("first", "later")
# A cooler's deadline and the window for flats, and what comes before and after.
LONGEST_S = 1800.0 + WINDOW.total_seconds() + 600.0
# T2's camera reads out in 10 s.
NEIGHBOURS_FRAME_S = 12.0
# Close is sent again only after this, or where it was refused.
ROOF_DEADLINE_S = 300.0
REFUSED_CLOSE_S = 5.0


def cases() -> Iterator[Any]:
    for call in CALLS if ALL else CRITICAL:
        for kind in table_of(call):
            if not ALL and kind not in SAMPLE:
                continue
            for onset in ONSETS if ALL or call.device == "safetymonitor" else ("later",):
                yield pytest.param(call, kind, onset, id=f"{call}-{kind}-{onset}")


@pytest.mark.parametrize(("call", "kind", "onset"), list(cases()))
def test_a_fault_costs_its_own_rig_or_the_evening_and_nothing_else(
    call: Call, kind: str, onset: str, record_property: Callable[[str, object], None]
) -> None:
    device = f"{call.device}/0"
    times = undisturbed().calls[call.method, device, call.member]
    after = times // 2 + 1 if onset == "later" else 1
    fault = Fault(device, call.member, kind, call.method, after=after)  # type: ignore[arg-type]
    evening = live(fault)

    assert evening.outcome in evening_of(call, kind, onset), evening.error
    assert evening.took_s < LONGEST_S
    if evening.error is not None:
        assert "T1" in str(evening.error) or " 0 at 127.0.0.1:" in str(evening.error)
    if kind != "deaf":
        assert evening.neighbours_error is None
        assert evening.neighbours_frames >= 1 or evening.took_s < 60
        assert evening.neighbours_slowest_s < NEIGHBOURS_FRAME_S
    assert evening.ends_shut or evening.fault, "open, and no person is told"
    assert evening.collisions == 0
    # A dome that is not connected refuses every close.
    refuses = call.member == "closeshutter" and kind in REFUSALS
    refuses = refuses or (call.device, call.member) in (("dome", "connect"), ("dome", "interfaceversion"))
    between_s = REFUSED_CLOSE_S if refuses else ROOF_DEADLINE_S
    assert evening.times("dome/0", "closeshutter") <= 2 + (evening.took_s + MENDED_AFTER_S) // between_s
    if (call.member, onset) == ("issafe", "first") and evening.outcome == INTERRUPTED:
        assert evening.times("dome/0", "openshutter") == 0
    record_property("fault outcome", f"evening {evening.outcome}")


def test_an_evening_without_a_fault_succeeds_and_its_calls_are_all_in_the_matrix() -> None:
    evening = undisturbed()
    assert evening.outcome == SURVIVES, evening.error
    assert evening.ends_shut
    assert evening.neighbours_frames > 5
    used = {call for call in evening.calls if call[1].endswith("/0")}
    assert used <= {(call.method, f"{call.device}/0", call.member) for call in CALLS}


def test_what_is_given_up_says_which_device_and_which_call() -> None:
    evening = live(Fault("filterwheel/0", "position", "error", "PUT"))
    assert evening.outcome == GIVEN_UP
    assert "filterwheel 0 at 127.0.0.1:" in str(evening.error)
    assert "position" in str(evening.error)
