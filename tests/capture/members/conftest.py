"""An archive of two rigs with the accounts of ada and ben; no device is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from capture.clock import SimulatedClock
from capture.config import Config, parse_config
from capture.members.accounts import create
from capture.members.asking import Ask, send
from capture.members.roles import Actor, Role
from capture.store.archive import Archive
from capture.store.requests import RequestRow
from tests.conftest import DUSK, TWO_RIGS

ADA, BEN = Actor("ada", Role.MEMBER), Actor("ben", Role.MEMBER)
OLGA = Actor("olga", Role.OPERATOR)
RULES = """
[[rig]]
name = "T3"
camera = "127.0.0.1:1/2"
[members]
frames_per_month = 200
hours_per_month = 10.0
most_open = 4
"""


@dataclass
class Desk:
    """Where members ask: the config, the archive and its clock."""

    config: Config
    archive: Archive

    def send(self, actor: Actor, ask: Ask) -> RequestRow:
        return send(self.config, self.archive, actor, ask)


@pytest.fixture
def desk(clock: SimulatedClock, tmp_path: Path) -> Iterator[Desk]:
    """T1 has a gain and is cooled, T2 leaves its gain to the camera, T3 is not cooled."""
    text = TWO_RIGS.format(server="127.0.0.1:1") + RULES
    config = parse_config(text, tmp_path / "nightcal.toml")
    archive = Archive.of(config, clock)
    for actor in (ADA, BEN, OLGA):
        create(archive.catalogue.accounts, str(actor), actor.role, DUSK)
    yield Desk(config, archive)
    archive.close()
