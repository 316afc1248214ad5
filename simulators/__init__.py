"""The observatory that is not there: one World, rendered by one file per Alpaca device."""

from simulators.demo import demo_settings
from simulators.faults import Fault, Faults
from simulators.lights import Shot, check_light, clear_hour, drop_light
from simulators.observatory import Observatory, Request
from simulators.server import Server, serve
from simulators.settings import ObservatorySettings
from simulators.truth import Figure, MasterCheck, UnknownMaster, check_master

__all__ = [
    "Fault",
    "Faults",
    "Figure",
    "MasterCheck",
    "Observatory",
    "ObservatorySettings",
    "Request",
    "Server",
    "Shot",
    "UnknownMaster",
    "check_light",
    "check_master",
    "clear_hour",
    "demo_settings",
    "drop_light",
    "serve",
]
