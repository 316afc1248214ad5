"""A guard at work: its devices opened, its worker running, and in the end stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from capture.alpaca.devices import Dome, ObservingConditions, SafetyMonitor, Telescope
from capture.clock import Clock
from capture.config import DeviceAddress, RoofConfig, Timeouts, TimeoutsConfig
from capture.guard.connecting import Connecting
from capture.guard.guard import Guard
from capture.guard.latch import Latch
from capture.guard.orders import prompt
from capture.guard.safety import Safety
from capture.journal import Journal

_RANK = 10


@contextmanager
def guarding(
    config: RoofConfig,
    mounts: Mapping[str, DeviceAddress],
    timeouts: TimeoutsConfig,
    clock: Clock,
    journal: Journal,
    folder: Path | None = None,
) -> Iterator[Guard]:
    """Connect and guard; at the end stop, the roof shut where it is ours. Within a worker.

    No device keeps the guard from working by not being there: a safety device that is away is danger, a roof
    in an unknown state, a mount not parked. `mounts`: those under the roof, by rig name. `folder`: where a
    fault is kept over a restart.
    """

    def promptly(address: DeviceAddress) -> tuple[DeviceAddress, Timeouts, Clock]:
        return address, prompt(timeouts.of(address)), clock

    with ExitStack() as stack:
        dome = Dome(*promptly(config.dome))
        monitors = [SafetyMonitor(*promptly(address)) for address in config.safety_monitors]
        station = config.observing_conditions
        weather = ObservingConditions(*promptly(station)) if station else None
        telescopes = {rig: Telescope(*promptly(address)) for rig, address in mounts.items()}
        for device in (dome, *monitors, *([weather] if weather else []), *telescopes.values()):
            stack.callback(device.close)
        connecting = Connecting(clock, journal)
        stack.callback(connecting.close)
        ours = config.mode == "operate"
        then = "mounts are parked, and it is told to close" if ours else "mounts are parked"
        connecting.begin(dome, "the roof", f"until then nobody knows where it is: {then}")
        then = "mounts are parked" + (", the roof is closed and stays shut" if ours else "")
        for device in (*monitors, *([weather] if weather else [])):
            connecting.begin(device, device.line.device, f"until then that is danger: {then}")
        for rig, telescope in telescopes.items():
            connecting.begin(telescope, f"the mount of {rig}", "until then it counts as not parked")
        connecting.await_first_tries()
        guard = Guard(
            config, dome, Safety(monitors, weather, clock), telescopes, clock, journal, Latch(folder)
        )
        worker = clock.spawn(guard.run, "guard", _RANK)
        try:
            yield guard
        finally:
            guard.stop()
            worker.join()
