"""The observatory: one world and all its Alpaca devices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from capture.clock import Clock
from simulators.camera import Camera
from simulators.covercalibrator import CoverCalibrator
from simulators.device import Command, Device
from simulators.dome import Dome
from simulators.faults import Faults
from simulators.filterwheel import FilterWheel
from simulators.focuser import Focuser
from simulators.observingconditions import ObservingConditions
from simulators.rotator import Rotator
from simulators.safetymonitor import SafetyMonitor
from simulators.settings import ObservatorySettings
from simulators.telescope import Telescope
from simulators.world import World


@dataclass(frozen=True)
class Request:
    """One request to the server and the status that it got; `fault` names what spoilt the answer."""

    time: datetime
    method: str
    device: str
    member: str
    parameters: Mapping[str, str]
    status: int
    fault: str = ""


class Observatory:
    """A simulated observatory on a clock.

    Rig i has camera, filter wheel, telescope, cover-calibrator, focuser and rotator i; there is one dome, one
    safety monitor and one weather station, each number 0. `command_log` holds every PUT in the order of
    arrival; `request_log`, once a test has made it a list, every request to the server, GETs too. `faults`
    makes calls go wrong.
    """

    def __init__(self, clock: Clock, settings: ObservatorySettings) -> None:
        self.clock = clock
        self.settings = settings
        self.world = World(clock, settings)
        self.faults = Faults(settings.faults)
        self.command_log: list[Command] = []
        self.request_log: list[Request] | None = None
        log = self.command_log
        made: list[Device] = []
        for rig in self.world.rigs:
            kinds = (Camera, FilterWheel, Telescope, CoverCalibrator, Focuser, Rotator)
            made += [kind(self.world, rig, log) for kind in kinds]
        made += [Dome(self.world, log), SafetyMonitor(self.world, log), ObservingConditions(self.world, log)]
        self.devices: dict[tuple[str, int], Device] = {(d.kind, d.number): d for d in made}

    def camera(self, number: int) -> Camera:
        """Return a camera by its number."""
        device = self.devices["camera", number]
        assert isinstance(device, Camera)
        return device
