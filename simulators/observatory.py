"""The observatory: one world and all its Alpaca devices."""

from __future__ import annotations

from capture.clock import Clock
from simulators.camera import Camera
from simulators.covercalibrator import CoverCalibrator
from simulators.device import Command, Device
from simulators.dome import Dome
from simulators.filterwheel import FilterWheel
from simulators.observingconditions import ObservingConditions
from simulators.safetymonitor import SafetyMonitor
from simulators.settings import ObservatorySettings
from simulators.telescope import Telescope
from simulators.world import World


class Observatory:
    """A simulated observatory on a clock.

    Rig i has camera i, filter wheel i, telescope i and cover-calibrator i; there is one dome, one safety
    monitor and one weather station, each number 0. `command_log` holds every PUT in the order of arrival.
    """

    def __init__(self, clock: Clock, settings: ObservatorySettings) -> None:
        self.clock = clock
        self.settings = settings
        self.world = World(clock, settings)
        self.command_log: list[Command] = []
        log = self.command_log
        made: list[Device] = []
        for rig in self.world.rigs:
            made += [kind(self.world, rig, log) for kind in (Camera, FilterWheel, Telescope, CoverCalibrator)]
        made += [Dome(self.world, log), SafetyMonitor(self.world, log), ObservingConditions(self.world, log)]
        self.devices: dict[tuple[str, int], Device] = {(d.kind, d.number): d for d in made}

    def camera(self, number: int) -> Camera:
        """Return a camera by its number."""
        device = self.devices["camera", number]
        assert isinstance(device, Camera)
        return device
