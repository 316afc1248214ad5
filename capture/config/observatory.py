"""The sections of what all rigs of a site share: its place, storage, roof, guard and reservations."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from pydantic import AfterValidator, Field

from capture.config.fields import Address, Name, PositiveSeconds, Section
from capture.site import Site


def _known_zone(name: str) -> str:
    try:
        ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError) as error:
        raise ValueError(f"no such time zone as {name!r}; use an IANA name such as America/Denver") from error
    return name


class SiteConfig(Section):
    """`[site]`: where the telescopes stand."""

    name: Name
    latitude_deg: Annotated[float, Field(ge=-90, le=90)]
    longitude_deg: Annotated[float, Field(ge=-180, le=180)]
    elevation_m: Annotated[float, Field(ge=-500, le=6000)]
    time_zone: Annotated[str, AfterValidator(_known_zone)]

    def site(self) -> Site:
        return Site(self.name, self.latitude_deg, self.longitude_deg, self.elevation_m, self.time_zone)


def _postgresql_url(text: str | None) -> str | None:
    if text is not None and not text.startswith(("postgresql://", "postgresql+psycopg://")):
        raise ValueError("write it as postgresql+psycopg://user@host/name; without it SQLite is used")
    return text


class StorageConfig(Section):
    """`[storage]`: where frames, masters and the catalogue are kept; relative to the config file.

    `database` is the URL of a PostgreSQL database; None keeps the catalogue in the folder, in SQLite.
    """

    folder: Path
    database: Annotated[str | None, AfterValidator(_postgresql_url)] = None


class RoofConfig(Section):
    """`[roof]`: what covers the rigs, and who may move it.

    `mode`: `operate` (nightcal's guard opens and closes) or `observe` (others do; we wait and leave in
    time). `if_park_fails`: `close` onto the mount or `stay_open`; there is no safe default.
    """

    dome: Address
    mode: Literal["operate", "observe"]
    if_park_fails: Literal["close", "stay_open"]
    clears_mounts: bool = False
    safety_monitors: Annotated[tuple[Address, ...], Field(min_length=1)]
    observing_conditions: Address | None = None
    poll_s: Annotated[float, Field(ge=1, le=5)] = 5.0
    reopen_after_s: Annotated[float, Field(ge=0, le=7200)] = 600.0
    move_deadline_s: PositiveSeconds = 300.0
    park_deadline_s: PositiveSeconds = 180.0


class GuardConfig(Section):
    """`[guard]`: the guard is a process of its own, `nightcal guard`; left out, it is part of the service.

    `folder`: its door and what is latched; relative to the config file.
    """

    folder: Path = Path("guard")


class ReservationsConfig(Section):
    """`[reservations]`: iCalendar files that say when rigs are promised to somebody.

    `folder` is relative to the config file; a run ends `margin_s` before a reservation.
    """

    folder: Path
    margin_s: Annotated[float, Field(ge=0, le=7200)] = 300.0
