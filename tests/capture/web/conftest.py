"""A page over a small library, with a service at its door that only notes what it is asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import requests

from capture.clock import SimulatedClock
from capture.config import parse_config
from capture.journal import Journal
from capture.library.masters import build_masters
from capture.local_door import LocalDoor, Request
from capture.members.accounts import create, open_session
from capture.members.roles import Role
from capture.store.archive import Archive
from capture.web.access import SESSION_COOKIE, Caller
from capture.web.desk import Desk
from capture.web.server import page_served
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT, START, make_frame

HOSTILE = "<script>alert(1)</script>"
PASSWORD = "correct horse battery"
CONFIG = """
[site]
name = "Ridge"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225.0
time_zone = "America/Denver"
[storage]
folder = "archive"
[[rig]]
name = "T1"
camera = "127.0.0.1:9/0"
points_per_hour = 60.0
cooling = { set_temperature_c = -10.0 }
[[rig]]
name = "T2"
camera = "127.0.0.1:9/1"
[web]
port = 0
"""


@dataclass
class Served:
    """The page at `address`; `asked` is what the service was asked; `door`, while the service lives."""

    address: str
    desk: Desk
    asked: list[Request] = field(default_factory=list)
    door: LocalDoor | None = None

    def visitor(self) -> Browser:
        """Somebody who has not signed in."""
        return Browser(self.address, {})

    def as_(self, name: str) -> Browser:
        """A browser with a session of that account."""
        issued = open_session(self.desk.archive.catalogue.accounts, name, self.desk.clock.now())
        return Browser(self.address, {SESSION_COOKIE: issued.secret}, Caller(None, issued.secret).csrf)  # type: ignore[arg-type]


@dataclass
class Browser:
    """Asks, follows nothing, and sends a form's mark with what it posts."""

    address: str
    cookies: dict[str, str]
    csrf: str = ""

    def ask(
        self, method: str, path: str, json: Any = None, form: Any = None, **headers: str
    ) -> requests.Response:
        more = {name.replace("_", "-"): value for name, value in headers.items()}
        if json is not None:
            more.setdefault("x-csrf-token", self.csrf)
        if form is not None:
            form = {"csrf": self.csrf} | form
        return requests.request(
            method, self.address + path, json=json, data=form, headers=more, cookies=self.cookies,
            allow_redirects=False, timeout=30,
        )  # fmt: skip

    def get(self, path: str, **headers: str) -> requests.Response:
        return self.ask("GET", path, **headers)

    def post(self, path: str, **form: Any) -> requests.Response:
        return self.ask("POST", path, form=form)


def status_of_service() -> dict[str, Any]:
    rig = {
        "rig": "T1", "doing": "in the night", "sequence": "darks", "eta": START.isoformat(),
        "exposure": {"exposure_s": 120.0, "left_s": 40.0, "filter": None, "kind": "dark"},
        "set_progress": {"set": "dark 120 s", "taken": 3, "wanted": 10},
        "run": {"sequence": "darks", "done": 3, "wanted": 10, "ends": START.isoformat(), "text": "3/10"},
        "waiting_for": None, "paused": None, "asked": [], "roof": "shut", "next_window": None,
        "next_flats": "no twilight comes", "temperature_c": -9.9, "set_temperature_c": -10.0,
        "last_frame": None,
    }  # fmt: skip
    waits = {"run": None, "exposure": None, "set_progress": None, "eta": None, "sequence": None}
    return {
        "site": "Ridge", "time": START.isoformat(), "since": START.isoformat(), "sun_altitude_deg": -12.5,
        "guard": None, "safe": None,
        "rigs": [rig, rig | waits | {"rig": "T2", "doing": HOSTILE, "paused": f"paused by {HOSTILE}"}],
    }  # fmt: skip


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    folder = tmp_path_factory.mktemp("page")
    with page_over_library(folder) as page:
        yield page


def answer(asked: list[Request], request: Request) -> dict[str, Any] | Iterator[dict[str, Any]]:
    match request["ask"]:
        case "status":
            return {"status": status_of_service()}
        case "watch":
            return iter([{"watching": True}])
    asked.append(request)
    return {"told": f"{request['ask']} it is"}


class page_over_library:  # noqa: N801 - used as a function
    """The page of a library with a few frames and masters, and accounts member, other, operator, admin."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def __enter__(self) -> Served:
        config = parse_config(CONFIG, self._folder / "nightcal.toml")
        clock = SimulatedClock(START + timedelta(hours=1))
        self._archive = archive = Archive.of(config, clock)
        journal = Journal(clock)
        journal.listen(archive.catalogue.add_entry)
        for number in range(5):
            for kind, spec in enumerate((BIAS, DARK, replace(FLAT, filter=HOSTILE))):
                frame = make_frame(spec, minutes=10 * kind + number)
                archive.save(frame, None, NIGHT)
        archive.save(make_frame(FLAT, minutes=50).judged(f"level: {HOSTILE}"), None, NIGHT)
        build_masters(archive, journal, method="median", min_frames=5)
        for name, role in (("member", Role.MEMBER), ("other", Role.MEMBER), ("operator", Role.OPERATOR),
                           ("admin", Role.ADMIN)):  # fmt: skip
            create(
                archive.catalogue.accounts, name, role, clock.now(), PASSWORD if name == "member" else None
            )
        journal.say("T1", "alarm", f"{HOSTILE} is not well")
        desk = Desk(config, archive)
        self._page = page_served(desk, journal)
        served = Served(self._page.__enter__(), desk)
        served.door = LocalDoor(config.storage.folder / "service", "the service",
                                lambda request: answer(served.asked, request))  # fmt: skip
        served.door.__enter__()
        self._served = served
        return served

    def __exit__(self, *error: Any) -> None:
        if self._served.door is not None:
            self._served.door.__exit__(None, None, None)
        self._page.__exit__(None, None, None)
        self._archive.close()
