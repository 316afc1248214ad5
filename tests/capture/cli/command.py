"""The command as an operator meets it: what it prints, what it complains of, its exit status."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from capture.site import Site

CONFIG = """\
[site]
name = "Demo Ridge"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225
time_zone = "America/Denver"

[storage]
folder = "archive"

[[rig]]
name = "T1"
camera = "{server}/0"
filter_wheel = "{server}/0"
telescope = "{server}/0"
cover_calibrator = "{server}/0"
darks.probe_s = 0
"""
SECOND_RIG = """
[[rig]]
name = "T2"
camera = "{server}/1"
"""
ROOF = """
[roof]
dome = "{server}/0"
mode = "operate"
if_park_fails = "stay_open"
safety_monitors = ["{server}/0"]
"""
# A port that nothing listens on: binding below 1024 needs rights, and 1 is tcpmux, which nobody runs.
NOBODY = "127.0.0.1:1"


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    status: int
    out: str
    err: str

    def sentence(self) -> str:
        """The one sentence that it complained with, without the program's name."""
        assert self.err.startswith("nightcal: "), self.err
        assert self.err.count("\n") == 1, self.err
        assert "Traceback" not in self.err
        return self.err.removeprefix("nightcal: ").strip()


Nightcal = Callable[..., Ended]


def write_config(folder: Path, server: str = NOBODY, text: str = CONFIG) -> Path:
    """`text` as the config in `folder`, its devices on `server`."""
    path = folder / "nightcal.toml"
    path.write_text(text.replace("{server}", server))
    return path


def sun_here(sun_altitude_deg: float) -> str:
    """A config whose Sun now stands at this altitude and sinks, whatever the hour of the test."""
    now = datetime.now(UTC)

    def altitude_deg(longitude: int) -> float:
        return Site("", 0.0, float(longitude), 0.0, "UTC").sun_altitude_deg(now)

    setting = [lon for lon in range(-179, 180) if altitude_deg(lon) > altitude_deg((lon + 181) % 360 - 180)]
    longitude = min(setting, key=lambda lon: abs(altitude_deg(lon) - sun_altitude_deg))
    text = CONFIG.replace("32.9", "0.0").replace("-105.5", f"{longitude}.0")
    hours = round(longitude / 15)
    return text.replace("America/Denver", f"Etc/GMT{-hours:+d}" if hours else "UTC")


def site_at(hour: int) -> str:
    """A config of a place where it is now about that hour of the day, and which knows no summer time."""
    east_h = (hour - datetime.now(UTC).hour + 11) % 24 - 11
    text = CONFIG.replace("32.9", "0.0").replace("-105.5", f"{(east_h * 15 + 180) % 360 - 180}.0")
    return text.replace("America/Denver", f"Etc/GMT{-east_h:+d}")


def never_at_the_pole() -> str:
    """Flats of a Sun that no place at 89.9 deg N sees now: there it crosses an altitude twice a year."""
    sun_altitude_deg = Site("", 89.9, 0.0, 0.0, "UTC").sun_altitude_deg(datetime.now(UTC))
    highest = -9.0 if abs(sun_altitude_deg + 9.0) > 2.0 else -4.0
    return f"flats = {{ highest_sun_deg = {highest}, lowest_sun_deg = {highest - 0.1} }}\n"


def as_process(*arguments: str) -> list[str]:
    """The command line that starts the command as a process of its own."""
    return [sys.executable, "-m", "capture", *arguments]
