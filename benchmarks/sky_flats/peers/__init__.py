"""How other systems take sky flats, each by its law in a file of its own, each with its best settings."""

from collections.abc import Mapping

from benchmarks.sky_flats.peers.astra import Astra
from benchmarks.sky_flats.peers.base import Peer
from benchmarks.sky_flats.peers.ccdciel import Ccdciel
from benchmarks.sky_flats.peers.chimera import Chimera
from benchmarks.sky_flats.peers.ekos import Ekos
from benchmarks.sky_flats.peers.nina import Nina
from benchmarks.sky_flats.peers.pocs import Pocs
from benchmarks.sky_flats.peers.ptr import Ptr
from benchmarks.sky_flats.peers.pyobs import Pyobs
from benchmarks.sky_flats.peers.rts2 import Rts2
from benchmarks.sky_flats.peers.rule_of_three import RuleOfThree

PEERS: Mapping[str, type[Peer]] = {
    "NINA": Nina,
    "pyobs": Pyobs,
    "chimera": Chimera,
    "POCS": Pocs,
    "RTS2": Rts2,
    "Astra": Astra,
    "PTR": Ptr,
    "CCDciel": Ccdciel,
    "Ekos": Ekos,
    "rule of three": RuleOfThree,
}
