"""The observatory that is not there: one World, rendered by one file per Alpaca device."""

from simulators.demo import demo_settings
from simulators.observatory import Observatory
from simulators.server import Server, serve
from simulators.settings import ObservatorySettings
from simulators.truth import Figure, MasterCheck, UnknownMaster, check_master

__all__ = [
    "Figure",
    "MasterCheck",
    "Observatory",
    "ObservatorySettings",
    "Server",
    "UnknownMaster",
    "check_master",
    "demo_settings",
    "serve",
]
