"""The observatory that is not there: one World, rendered by one file per Alpaca device."""

from simulators.demo import demo_settings
from simulators.observatory import Observatory
from simulators.server import Server, serve
from simulators.settings import ObservatorySettings

__all__ = ["Observatory", "ObservatorySettings", "Server", "demo_settings", "serve"]
