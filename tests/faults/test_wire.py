"""Every call of every device x every kind of fault x its onset, in real time, at the seam to the hardware."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest

from capture.alpaca.devices import Camera
from capture.clock import SystemClock, stopwatch
from capture.config import Timeouts
from capture.errors import DeviceError
from simulators import Fault, Observatory, Server, demo_settings, serve
from simulators.settings import ObservatorySettings
from tests.contract.bench import address
from tests.faults.conftest import ALL
from tests.faults.expected import RETRIED, STALE, SURVIVES, Outcome, table_of
from tests.faults.members import CALLS, CRITICAL, KINDS, Call

DEADLINE_S = 0.3
# Whatever else goes wrong shows at once; on a busy machine it may take its time.
PATIENT_S = 5.0
WAITED_FOR = ("hang", "slow", "drip")
ONSETS = ("first", "later", "once")


def cases() -> Iterator[Any]:
    for call in CALLS if ALL else CRITICAL:
        for kind, outcome in table_of(call).items():
            for onset in ONSETS:
                # A server that is deaf cannot count; what does not retry meets "once" as it meets "first".
                if onset == "once" and (kind not in RETRIED or call.method == "PUT"):
                    continue
                name = f"{call}-{kind}-{onset}"
                yield pytest.param(call, kind, onset, SURVIVES if onset == "once" else outcome, id=name)


def settings() -> ObservatorySettings:
    demo = demo_settings(seed=3, width_px=64, height_px=64)
    # A colour sensor: what a monochrome one has not, no fault can spoil.
    rigs = tuple(replace(rig, camera=replace(rig.camera, readout_s=0.0, bayer=True)) for rig in demo.rigs)
    return replace(demo, rigs=rigs, connect_s=0.0)


@pytest.fixture
def observatory() -> Observatory:
    made = Observatory(SystemClock(), settings())
    for device in made.devices.values():
        device.call("put", "connected", {"Connected": "True"})
    return made


def timeouts(seconds: float) -> Timeouts:
    return Timeouts(
        connect_s=seconds,
        read_s=seconds,
        write_s=seconds,
        slow_write_s=seconds,
        image_s=seconds,
        device_connects_s=10 * seconds,
    )


@contextmanager
def neighbour(server: Server) -> Iterator[list[object]]:
    """Another rig's camera, asked all the while; what it answered, or what went wrong."""
    answers: list[object] = []
    enough = threading.Event()
    camera = Camera(address(server.address, 1), timeouts(PATIENT_S))

    def ask() -> None:
        while not enough.wait(0.01):
            try:
                answers.append(camera.ImageReady)
            except DeviceError as error:
                answers.append(error)

    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    try:
        yield answers
    finally:
        enough.set()
        thread.join(5)
        camera.close()
        assert not thread.is_alive()


def outcome_of(call: Call, device: Any) -> tuple[Outcome, object]:
    try:
        return SURVIVES, call.make(device)
    except DeviceError as error:
        return type(error), error


@pytest.mark.parametrize(("call", "kind", "onset", "expected"), list(cases()))
def test_a_fault_leads_to_what_is_documented_in_time_and_disturbs_no_other(
    observatory: Observatory,
    call: Call,
    kind: str,
    onset: str,
    expected: Outcome,
    record_property: Callable[[str, object], None],
) -> None:
    fault = Fault(
        f"{call.device}/0", call.member, kind, call.method,  # type: ignore[arg-type]
        after=2 if onset == "later" else 1, times=1 if onset == "once" else None,
    )  # fmt: skip
    deadline_s = DEADLINE_S if kind in WAITED_FOR else PATIENT_S
    with serve(observatory) as server:
        device = KINDS[call.device](address(server.address), timeouts(deadline_s))
        if call.member in ("imagearray", "lastexposureduration", "lastexposurestarttime"):
            device.StartExposure(0.001, False)
            while not device.ImageReady:
                pass
        with neighbour(server) as answers:
            call.before(device)
            observatory.faults.add(fault)
            if onset == "later":
                call.make(device)
                call.before(device)
            elapsed_s = stopwatch()
            found, said = outcome_of(call, device)
            took_s = elapsed_s()
        struck = observatory.faults.struck(fault)
        observatory.faults.clear()
        device.close()
    assert found == (SURVIVES if expected == STALE else expected), said
    assert took_s < deadline_s + PATIENT_S
    if isinstance(said, DeviceError):
        assert f"{call.device} 0 at {server.address}" in str(said)
        assert call.names(str(said))
    if kind != "deaf":
        assert set(answers) <= {True, False}, answers
        # A command is never sent twice, a read at most once more.
        assert struck == 1 or (call.method == "GET" and struck == 2)
    record_property("fault outcome", expected if isinstance(expected, str) else expected.__name__)
