"""The safety monitor: ISafetyMonitorV3 over the world's weather. Unconnected it is not safe, and no error."""

from __future__ import annotations

from simulators.device import Command, Device
from simulators.members import get
from simulators.world import World


class SafetyMonitor(Device):
    """A simulated safety monitor."""

    kind = "safetymonitor"
    versions = (2, 3)
    description = "A weather watch"
    state = ("IsSafe",)

    def __init__(self, world: World, log: list[Command]) -> None:
        super().__init__(world, 0, "Safety monitor", log)

    @get("issafe", connected=False)
    def _is_safe(self) -> bool:
        return self.connected and self.world.weather.is_safe(self.now_s())
