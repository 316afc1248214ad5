"""The observatory that is not there: one World, rendered by one file per Alpaca device."""

from simulators.demo import demo_settings
from simulators.faults import Fault, Faults
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
    "UnknownMaster",
    "check_master",
    "demo_settings",
    "serve",
]
