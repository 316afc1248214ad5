"""A guard at work: its devices opened, its worker running, and in the end stopped."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from capture.alpaca.devices import Dome, ObservingConditions, SafetyMonitor, Telescope
from capture.clock import Clock
from capture.config import DeviceAddress, RoofConfig, Timeouts, TimeoutsConfig
from capture.errors import DeviceError
from capture.guard.guard import Guard
from capture.guard.latch import Latch
from capture.guard.orders import prompt
from capture.guard.safety import Safety
from capture.journal import Journal

_RANK = 10
_MOUNT_CONNECTS_S = 30.0


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

    `mounts`: those under the roof, by rig name; one that cannot be reached does not keep the guard from
    working. `folder`: where a fault is kept over a restart. Raises DeviceError when the roof, a safety
    monitor or the weather station cannot be connected.
    """

    def promptly(address: DeviceAddress) -> tuple[DeviceAddress, Timeouts]:
        return address, prompt(timeouts.of(address))

    with ExitStack() as stack:
        dome = Dome(*promptly(config.dome))
        monitors = [SafetyMonitor(*promptly(address)) for address in config.safety_monitors]
        station = config.observing_conditions
        weather = ObservingConditions(*promptly(station)) if station else None
        for device in (dome, *monitors, *([weather] if weather else [])):
            stack.callback(device.close)
            device.open(clock)
        telescopes = {rig: Telescope(*promptly(address)) for rig, address in mounts.items()}
        for rig, telescope in telescopes.items():
            stack.callback(telescope.close)
            try:
                telescope.open(clock, _MOUNT_CONNECTS_S)
            except DeviceError as error:
                journal.say(
                    "roof", "alarm", f"the mount of {rig} does not connect; the guard does without: {error}"
                )
        guard = Guard(
            config, dome, Safety(monitors, weather, clock), telescopes, clock, journal, Latch(folder)
        )
        worker = clock.spawn(guard.run, "guard", _RANK)
        try:
            yield guard
        finally:
            guard.stop()
            worker.join()
