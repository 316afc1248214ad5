"""`nightcal init` writes a config that loads, asks what only a person can know, and overwrites nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import ifaddr
import pytest
from alpaca import discovery as alpyca

from capture.alpaca.management import FoundDevice, FoundServer
from capture.cli.first_config import devices_of, grouped
from capture.cli.time_zones import fits, likely_zone, zone_by_longitude
from capture.clock import SystemClock
from capture.config import load_config
from simulators import Observatory, Server, demo_settings, serve
from simulators.faults import Fault
from simulators.settings import RoofSettings
from tests.capture.cli.command import NOBODY, Nightcal
from tests.wire import Wire

INIT = ("init", "--seconds", "0.2", "--no-ipv6")
NOVEMBER = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(autouse=True)
def on_loopback(monkeypatch: pytest.MonkeyPatch) -> None:
    """This machine has no network but loopback, nobody answers there, and it stands in New Mexico."""
    adapter = ifaddr.Adapter("lo", "lo", [ifaddr.IP("127.0.0.1", 8, "lo")])
    monkeypatch.setattr(ifaddr, "get_adapters", lambda: [adapter])
    monkeypatch.setattr(alpyca, "port", 1)
    monkeypatch.setenv("TZ", "America/Denver")


@pytest.fixture
def answers(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """What a person types, line by line; an empty line takes the default."""
    lines: list[str] = []

    class Typed(io.StringIO):
        def readline(self, _size: int | None = -1, /) -> str:
            return lines.pop(0) + "\n" if lines else ""

    monkeypatch.setattr("sys.stdin", Typed())
    yield lines
    assert lines == [], "these were not asked for"


def test_yes_writes_a_config_that_loads_without_a_question(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    ended = nightcal(*INIT, server.address, "--yes")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == "Next: nightcal doctor"
    config = load_config(tmp_path / "nightcal.toml")
    site = config.site
    assert (site.latitude_deg, site.longitude_deg, site.elevation_m) == (32.9, -105.5, 2225.0)
    assert site.time_zone == "America/Denver"
    first, second = config.rig
    for number, rig in enumerate((first, second)):
        addresses = (
            rig.camera, rig.filter_wheel, rig.telescope, rig.cover_calibrator, rig.focuser, rig.rotator,
        )  # fmt: skip
        assert [str(address) for address in addresses] == [f"{server.address}/{number}"] * 6
        assert rig.dome is None
        assert rig.cooling is not None
        assert rig.cooling.set_temperature_c == -10.0
    assert not list(tmp_path.glob(".*"))


def test_yes_never_lets_nightcal_move_a_roof(nightcal: Nightcal, tmp_path: Path, server: Server) -> None:
    ended = nightcal(*INIT, server.address, "--yes")
    roof = load_config(tmp_path / "nightcal.toml").roof
    assert roof is not None
    assert (roof.mode, roof.if_park_fails) == ("observe", "stay_open")
    text = (tmp_path / "nightcal.toml").read_text()
    assert "# Nobody has decided the next two yet" in text
    assert "There is no safe default" in text
    assert "Think about [roof] mode and if_park_fails" in ended.out
    moved = {command.member for command in server.observatory.command_log} - {"connect", "connected"}
    assert moved == set()


def test_an_existing_file_is_left_as_it_is(nightcal: Nightcal, tmp_path: Path, server: Server) -> None:
    (tmp_path / "nightcal.toml").write_text("mine")
    ended = nightcal(*INIT, server.address, "--yes")
    assert ended.status == 2
    assert ended.sentence().startswith("nightcal.toml exists and is left as it is")
    assert (tmp_path / "nightcal.toml").read_text() == "mine"


def test_a_person_is_asked_with_what_was_found_as_the_default(
    nightcal: Nightcal, tmp_path: Path, server: Server, answers: list[str]
) -> None:
    answers += ["My ridge", "91", "", "", "", "Nowhere/Such", "", "frames"]
    answers += ["y", "Main", "", "0", "", "", "0", "-15"]  # the first camera: no mount, no rotator
    # The second: no name twice, the first mount, no cover.
    answers += ["y", "Main", "Side", "", "1", "0", "", "", "none"]
    answers += ["", "y", "", "perhaps", "operate", "close"]
    ended = nightcal(*INIT, server.address)
    assert (ended.status, ended.err) == (0, "")
    config = load_config(tmp_path / "nightcal.toml")
    assert (config.site.name, config.site.latitude_deg) == ("My ridge", 32.9)
    assert config.storage.folder == tmp_path / "frames"
    main, side = config.rig
    assert (main.name, side.name) == ("Main", "Side")
    assert (main.telescope, side.cover_calibrator, side.cooling) == (None, None, None)
    assert str(side.telescope) == f"{server.address}/0"
    assert (str(main.focuser), main.rotator) == (f"{server.address}/0", None)
    assert main.cooling is not None
    assert main.cooling.set_temperature_c == -15.0
    assert config.roof is not None
    assert (config.roof.mode, config.roof.if_park_fails) == ("operate", "close")
    assert "Think about" not in ended.out
    for mistake in ("91 is not within", "no such time zone", "there is a rig Main already", "one of observe"):
        assert mistake in ended.out
    text = (tmp_path / "nightcal.toml").read_text()
    assert "# Found, and not used:" in text
    assert "T2 mount" in text


def test_a_dome_that_turns_follows_the_first_mount_and_is_the_roof_too(
    nightcal: Nightcal, tmp_path: Path
) -> None:
    demo = demo_settings(width_px=64, height_px=64)
    turning = replace(demo, roof=RoofSettings("rotating_dome"), connect_s=0.0)
    with serve(Observatory(SystemClock(), turning)) as server:
        assert nightcal(*INIT, server.address, "--yes").status == 0
    config = load_config(tmp_path / "nightcal.toml")
    assert [str(rig.dome) for rig in config.rig] == [f"{server.address}/0", "None"]
    assert config.roof is not None
    assert config.roof.dome == config.rig[0].dome
    text = (tmp_path / "nightcal.toml").read_text()
    for note in ("its slit is kept on this mount", "[rig.focus] offsets", "[rig.flats] rotator_deg"):
        assert note in text


def test_a_person_who_stops_answering_leaves_no_file(
    nightcal: Nightcal, tmp_path: Path, server: Server, answers: list[str]
) -> None:
    answers += ["My ridge", ""]
    ended = nightcal(*INIT, server.address)
    assert ended.status == 130
    assert "nothing is written" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_json_tells_a_program_what_is_left_to_decide(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    ended = nightcal(*INIT, server.address, "--yes", "--json", "--config", "other.toml")
    assert (ended.status, ended.err) == (0, "")
    assert json.loads(ended.out) == {
        "config": "other.toml",
        "rigs": ["T1", "T2"],
        "roof": True,
        "to_decide": ["roof.mode", "roof.if_park_fails"],
        "next": "nightcal doctor --config other.toml",
    }
    assert load_config(tmp_path / "other.toml").rig_named("T2").name == "T2"


def test_without_a_mount_that_knows_its_site_yes_wants_to_be_told(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    wire = Wire(server)
    for number in (0, 1):
        wire.says[f"telescope/{number}", "sitelatitude"] = 0.0
        wire.says[f"telescope/{number}", "sitelongitude"] = 0.0
    ended = nightcal(*INIT, server.address, "--yes")
    assert ended.status == 2
    assert "give --latitude and --longitude" in ended.sentence()
    assert not (tmp_path / "nightcal.toml").exists()
    given = ("--latitude", "-30.2", "--longitude", "-70.7", "--name", "South")
    assert nightcal(*INIT, server.address, "--yes", *given).status == 0
    site = load_config(tmp_path / "nightcal.toml").site
    assert (site.name, site.latitude_deg, site.longitude_deg) == ("South", -30.2, -70.7)


def test_a_camera_that_hangs_or_cannot_be_cooled_gets_no_set_point(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    server.observatory.faults.add(Fault("camera/0", "cansetccdtemperature", "error"))
    Wire(server).mute.add("camera/1")
    assert nightcal(*INIT, server.address, "--yes").status == 0
    assert [rig.cooling for rig in load_config(tmp_path / "nightcal.toml").rig] == [None, None]


def test_a_value_that_the_config_refuses_is_told_and_nothing_is_written(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    ended = nightcal(*INIT, server.address, "--yes", "--time-zone", "Mars/Olympus")
    assert ended.status == 2
    assert "no such time zone as 'Mars/Olympus'" in ended.sentence()
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_is_found_nothing_is_written(nightcal: Nightcal, tmp_path: Path) -> None:
    ended = nightcal(*INIT, "--yes", NOBODY)
    assert ended.status == 1
    assert "no Alpaca server was found" in ended.err
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_cannot_be_written_is_told(nightcal: Nightcal, tmp_path: Path, server: Server) -> None:
    (tmp_path / "file").write_text("in the way")
    ended = nightcal(*INIT, server.address, "--yes", "--config", "file/nightcal.toml")
    assert ended.status in (2, 4)
    assert "file/nightcal.toml" in ended.err


def test_two_servers_of_one_rig_each_become_two_rigs(nightcal: Nightcal, tmp_path: Path) -> None:
    with ExitStack() as stack:
        servers = [
            stack.enter_context(serve(Observatory(SystemClock(100), demo_settings(seed, 64, 64))))
            for seed in (1, 2)
        ]
        assert nightcal(*INIT, *(server.address for server in servers), "--yes").status == 0
    config = load_config(tmp_path / "nightcal.toml")
    assert [str(rig.camera) for rig in config.rig] == [f"{s.address}/{n}" for s in servers for n in (0, 1)]
    assert all(rig.camera == rig.telescope for rig in config.rig)
    assert config.roof is not None
    assert str(config.roof.dome) == f"{servers[0].address}/0"


def found(address: str, *devices: tuple[str, int]) -> FoundServer:
    listed = tuple(FoundDevice(kind, number, f"{kind} {number}") for kind, number in devices)
    return FoundServer(address, "", "", "", "", listed)


def partners(*servers: FoundServer) -> list[tuple[str, str | None, str | None]]:
    """Camera, wheel and mount of each rig."""
    return [
        (str(rig.camera), *(None if d is None else str(d) for d in (rig.filter_wheel, rig.telescope)))
        for rig in grouped(devices_of(servers))
    ]


def test_devices_of_one_server_belong_together_before_those_of_another() -> None:
    one = found("a:1", ("camera", 0), ("filterwheel", 3), ("telescope", 0))
    two = found("b:1", ("camera", 0), ("filterwheel", 0))
    assert partners(one, two) == [("a:1/0", "a:1/3", "a:1/0"), ("b:1/0", "b:1/0", None)]


def test_a_server_of_mounts_alone_lends_them_in_order() -> None:
    cameras = found("a:1", ("camera", 1), ("camera", 0), ("filterwheel", 1))
    mounts = found("b:1", ("telescope", 5), ("telescope", 2))
    assert partners(cameras, mounts) == [("a:1/0", None, "b:1/2"), ("a:1/1", "a:1/1", "b:1/5")]


def test_a_time_zone_is_the_machines_only_where_the_sun_agrees(monkeypatch: pytest.MonkeyPatch) -> None:
    assert likely_zone(-105.5, NOVEMBER) == "America/Denver"
    assert likely_zone(10.0, NOVEMBER) == "Etc/GMT-1"
    assert likely_zone(None, NOVEMBER) == "America/Denver"
    monkeypatch.setenv("TZ", "UTC")
    assert likely_zone(-105.5, NOVEMBER) == "Etc/GMT+7"
    assert fits("Asia/Shanghai", 76.0, NOVEMBER)
    assert fits("Pacific/Auckland", -179.9, NOVEMBER)
    for longitude in range(-180, 181, 5):
        assert fits(zone_by_longitude(longitude), longitude, NOVEMBER)
