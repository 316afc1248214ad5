"""`nightcal doctor` finds what would go wrong tonight, and moves nothing."""

from __future__ import annotations

import json
import time
from collections import namedtuple
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from capture.clock import SystemClock
from simulators import Observatory, Server, demo_settings, serve
from simulators.faults import Fault
from tests.capture.cli.command import (
    CONFIG,
    NOBODY,
    ROOF,
    SECOND_RIG,
    Nightcal,
    never_at_the_pole,
    write_config,
)
from tests.wire import Wire

RIG_KEYS = "cooling = { set_temperature_c = -10.0 }\ngain = 0\noffset = 50\nreadout_mode = 0\n"


@dataclass(frozen=True)
class Report:
    """What doctor found, as (level, subject, text)."""

    status: int
    findings: list[tuple[str, str, str]]

    def about(self, subject: str, *levels: str) -> str:
        """All sentences of these levels about subjects that begin so."""
        wanted = [
            t for level, s, t in self.findings if s.startswith(subject) and (level in levels or not levels)
        ]
        return "\n".join(wanted)

    def bad(self) -> list[tuple[str, str, str]]:
        return [finding for finding in self.findings if finding[0] in ("warning", "problem")]


Doctor = Callable[..., Report]


@pytest.fixture
def server() -> Iterator[Server]:
    """The demo's observatory, whose clock is the machine's; what it takes its time for takes little."""
    settings = replace(demo_settings(width_px=64, height_px=64), connect_s=0.0)
    with serve(Observatory(SystemClock(), settings)) as running:
        yield running


@pytest.fixture
def doctor(nightcal: Nightcal, tmp_path: Path, server: Server) -> Doctor:
    """Examine a config on the observatory."""

    def examine(text: str = CONFIG + RIG_KEYS, *arguments: str) -> Report:
        write_config(tmp_path, server.address, text)
        ended = nightcal("doctor", "--json", *arguments)
        assert ended.err == ""
        findings = json.loads(ended.out)["findings"]
        return Report(ended.status, [(f["level"], f["subject"], f["text"]) for f in findings])

    return examine


def test_a_sound_observatory_has_nothing_to_be_warned_of(doctor: Doctor) -> None:
    report = doctor(CONFIG + RIG_KEYS + SECOND_RIG + "cooling = { set_temperature_c = -10.0 }\n" + ROOF)
    assert (report.status, report.bad()) == (0, [])
    for subject, words in {
        "T1 camera": "T1 CMOS camera, driver 1.0, interface version 4",
        "T1 filter wheel": "filters L R G B Ha OIII SII",
        "T1 mount": "its own site agrees with [site]",
        "T1 cover": "the cover is closed",
        "roof dome": "the roof is shut; mode operate",
        "roof safety monitor": "says safe now",
        "site": "Demo Ridge",
        "storage": "free",
    }.items():
        assert words in report.about(subject, "ok")
    assert "64 x 64 px, monochrome, without a shutter" in report.about("T1 camera", "ok")
    assert "its clock agrees" in report.about("T1 mount", "ok")
    assert "flats at dusk" in report.about("T1", "ok")


def test_it_moves_and_changes_nothing(doctor: Doctor, server: Server, tmp_path: Path) -> None:
    camera = server.observatory.devices["camera", 0]
    camera.connected = True
    doctor(CONFIG + RIG_KEYS + ROOF)
    done = [(command.device, command.member) for command in server.observatory.command_log]
    assert {member for _, member in done} == {"connect"}
    assert "camera/0" not in {device for device, _ in done}
    assert [path.name for path in tmp_path.iterdir()] == ["nightcal.toml"]


def test_a_terminal_gets_sentences_and_a_count(nightcal: Nightcal, tmp_path: Path, server: Server) -> None:
    write_config(tmp_path, server.address, CONFIG.replace("-105.5", "105.5") + SECOND_RIG)
    ended = nightcal("doctor")
    assert (ended.status, ended.err) == (1, "")
    assert f"T1 mount {server.address}/0" in ended.out
    assert "problem" in ended.out
    assert "one of them has the wrong sign; east is positive" in ended.out
    assert ended.out.splitlines()[-1].endswith("1 problem")


def test_without_a_config_there_is_nothing_to_examine(nightcal: Nightcal) -> None:
    ended = nightcal("doctor")
    assert ended.status == 2
    assert ended.sentence().startswith("there is no config file nightcal.toml")


def test_a_device_that_hangs_costs_its_time_out_and_hides_no_other(doctor: Doctor, server: Server) -> None:
    server.observatory.faults.add(Fault("filterwheel/0", "names", "hang"), Fault("camera/0", "*", "drip"))
    began = time.monotonic()
    report = doctor(CONFIG + RIG_KEYS + SECOND_RIG, "--seconds", "0.5")
    # Far below the 10 s that a call may take by default.
    assert time.monotonic() - began < 9
    assert report.status == 1
    assert "did not answer" in report.about("T1 filter wheel", "problem")
    assert "T1 filter wheel, driver" in report.about("T1 filter wheel", "ok")
    assert "did not answer" in report.about("T1 camera", "problem")
    assert report.about("T1 mount", "problem") == report.about("T2 camera", "problem") == ""
    assert "the frame size of T1 is not known" in report.about("storage", "note")


def test_a_devices_own_timeout_in_the_config_is_kept_to(doctor: Doctor, server: Server) -> None:
    server.observatory.faults.add(Fault("filterwheel/0", "names", "hang"))
    report = doctor(CONFIG + RIG_KEYS + '[timeouts.at."{server}/0"]\nread_s = 0.4\n')
    assert "did not answer GET names within 0.4 s" in report.about("T1 filter wheel", "problem")


def test_a_server_that_is_not_there_is_told_for_its_devices_alone(doctor: Doctor) -> None:
    report = doctor(CONFIG + RIG_KEYS + SECOND_RIG.replace("{server}", NOBODY))
    assert report.status == 1
    assert "cannot be reached" in report.about("T2 camera", "problem")
    assert [subject for level, subject, _ in report.findings if level == "problem"] == [
        f"T2 camera {NOBODY}/1"
    ]


def test_a_device_that_does_not_connect_is_told(doctor: Doctor, server: Server) -> None:
    server.observatory.faults.add(Fault("telescope/0", "connect", "error"))
    assert "telescope 0" in doctor().about("T1 mount", "problem")


@pytest.mark.parametrize(
    ("old", "new", "level", "subject", "words"),
    [
        ("-105.5", "105.5", "problem", "T1 mount", "is 105.5, the mount's own is -105.5: one of"),
        ("32.9", "-32.9", "problem", "T1 mount", "wrong sign; north is positive"),
        ("32.9", "33.1", "warning", "T1 mount", "latitude_deg is 33.1, the mount's own is 32.9; mend"),
        ("2225", "1900", "warning", "T1 mount", "elevation_m is 1900, the mount's own is 2225"),
        ("America/Denver", "Europe/Paris", "warning", "site", "time_zone Europe/Paris is +8.0 h off the Sun"),
        ("gain = 0", "gain = 999", "problem", "T1 camera", "gain = 999 is not within the camera's 0 to 300"),
        ("readout_mode = 0", "readout_mode = 7", "problem", "T1 camera", "0 Normal, 1 Low noise"),
        ("gain = 0", "binning = 8", "problem", "T1 camera", "binning = 8 is more than the camera's 4"),
        ("gain = 0", "flats = { filters = ['Hb'] }", "problem", "T1 filter wheel", "has 'Hb', the wheel has"),
        ("gain = 0", "darks.exposures_s = [60, 7000]", "problem", "T1 camera", "darks of 7000 s are"),
        ("gain = 0", "flats = { min_exposure_s = 1e-6 }", "note", "T1 camera", "flats keep within what"),
        ("cooling = { set_temperature_c = -10.0 }", "", "warning", "T1 camera", "there is no [rig.cooling]"),
        ('telescope = "{server}/0"', "", "note", "T1", "no telescope: sky flats are taken where"),
        ('filter_wheel = "{server}/0"', "", "note", "T1", "one set of flats, without a filter's name"),
    ],
)  # fmt: skip
def test_what_config_and_devices_disagree_about_is_told(
    doctor: Doctor, old: str, new: str, level: str, subject: str, words: str
) -> None:
    text = CONFIG + RIG_KEYS
    assert text.count(old) == 1
    report = doctor(text.replace(old, new))
    assert words in report.about(subject, level)
    assert report.status == (1 if "problem" in {found for found, _, _ in report.findings} else 0)


def test_a_camera_without_gain_or_cooler_is_not_asked_for_them(doctor: Doctor, server: Server) -> None:
    server.observatory.faults.add(Fault("camera/1", "cansetccdtemperature", "error"))
    report = doctor(CONFIG.replace("{server}/0", "{server}/1") + RIG_KEYS)
    problems = report.about("T1 camera", "problem")
    assert "gain = 0 is in the config, but the camera has none" in problems
    assert "it cannot be cooled; take [rig.cooling] out" in problems


def test_clocks_that_differ_are_told(doctor: Doctor, server: Server) -> None:
    wire = Wire(server)

    def mount_says(ahead_s: float, suffix: str) -> Report:
        told = datetime.now(UTC) + timedelta(seconds=ahead_s)
        wire.says["telescope/0", "utcdate"] = told.strftime("%Y-%m-%dT%H:%M:%S.%f") + suffix
        return doctor()

    assert "s ahead of this machine's; set both by NTP" in mount_says(30, "Z").about("T1 mount", "warning")
    # Without a Z it is UTC all the same.
    behind = mount_says(-40, "").about("T1 mount", "warning")
    assert "s behind this machine's" in behind
    assert "h behind" not in behind
    wire.says["telescope/0", "utcdate"] = "half past nine"
    report = doctor()
    assert "makes no sense" in report.about("T1 mount", "warning")
    assert report.status == 0


@pytest.mark.parametrize(
    ("device", "member", "says", "level", "subject", "words"),
    [
        ("camera/0", "camerastate", 5, "problem", "T1 camera", "in its error state"),
        ("camera/0", "camerastate", 2, "warning", "T1 camera", "another program uses it"),
        ("camera/0", "camerastate", 77, "warning", "T1 camera", "makes no sense"),
        ("camera/0", "maxadu", 2**20, "warning", "T1 camera", "only 16 bits are kept"),
        ("camera/0", "canabortexposure", False, "warning", "T1 camera", "cannot be aborted"),
        ("filterwheel/0", "names", ["L", "R", "L"], "warning", "T1 filter wheel", "slots are named L"),
        ("filterwheel/0", "position", -1, "note", "T1 filter wheel", "is moving now"),
        ("telescope/0", "canpark", False, "problem", "T1 mount", "the roof moves only over parked mounts"),
        ("telescope/0", "sitelatitude", 0.0, "warning", "T1 mount", "is 32.9, the mount's own is 0"),
        ("covercalibrator/0", "coverstate", 5, "problem", "T1 cover", "reports an error"),
        ("covercalibrator/0", "coverstate", 0, "note", "T1 cover", "no cover, only a panel"),
        ("dome/0", "shutterstatus", 4, "problem", "roof dome", "in its error state"),
        ("dome/0", "cansetshutter", False, "problem", "roof dome", 'use "observe"'),
        ("safetymonitor/0", "issafe", False, "note", "roof safety monitor", "says unsafe now"),
        ("safetymonitor/0", "issafe", "perhaps", "problem", "roof safety monitor", "neither safe nor unsafe"),
        ("observingconditions/0", "timesincelastupdate", 4000.0, "warning", "roof weather", "1.1 h old"),
        ("observingconditions/0", "rainrate", 2.5, "note", "roof weather", "it rains now (2.5 mm/h)"),
    ],
)  # fmt: skip
def test_what_a_device_says_of_itself_is_judged(
    doctor: Doctor,
    server: Server,
    device: str,
    member: str,
    says: object,
    level: str,
    subject: str,
    words: str,
) -> None:
    Wire(server).says[device, member] = says
    report = doctor(CONFIG + RIG_KEYS + ROOF + 'observing_conditions = "{server}/0"\n')
    assert words in report.about(subject, level)


OPTICS = 'focuser = "{server}/0"\nrotator = "{server}/0"\n'


def test_focuser_and_rotator_are_examined(doctor: Doctor) -> None:
    report = doctor(CONFIG + RIG_KEYS + OPTICS)
    assert (report.status, report.bad()) == (0, [])
    assert "no [rig.focus]: flats of every filter" in report.about("T1 focuser", "note")
    assert "flats are taken where it stands" in report.about("T1 rotator", "note")
    keys = "focus = { position = 20000, offsets = { Ha = 35 } }\nflats.rotator_deg = 90\n"
    report = doctor(CONFIG + RIG_KEYS + OPTICS + keys)
    assert (report.status, report.bad()) == (0, [])
    assert "goes from 0 to 50000, is at" in report.about("T1 focuser", "ok")
    assert "flats are taken at 90 deg" in report.about("T1 rotator", "ok")


@pytest.mark.parametrize(
    ("keys", "says", "subject", "problem"),
    [
        ("focus = { position = 49990, offsets = { Ha = 35 } }", {}, "T1 focuser",
         "the focus of Ha would be at 50025, it goes from 0 to 50000"),
        ("focus = { offsets = { Hb = 35 } }", {}, "T1", "[rig.focus] offsets has 'Hb', the wheel has L R"),
        ("focus = { position = 1 }", {("focuser/0", "absolute"): False}, "T1 focuser", "it is relative"),
        ("", {("rotator/0", "mechanicalposition"): "north"}, "T1 rotator", "it does not tell its angle"),
        ('dome = "{server}/0"', {}, "T1 dome", "it cannot be turned from here"),
    ],
)  # fmt: skip
def test_optics_and_dome_that_cannot_do_what_the_config_asks_are_told(
    doctor: Doctor, server: Server, keys: str, says: dict[tuple[str, str], object], subject: str, problem: str
) -> None:
    Wire(server).says.update(says)
    report = doctor(CONFIG + RIG_KEYS + OPTICS + keys + "\n")
    assert report.status == 1
    assert problem in report.about(subject, "problem")


def test_where_no_twilight_comes_tonight_the_reason_is_told(doctor: Doctor) -> None:
    told = doctor(CONFIG.replace("32.9", "89.9") + RIG_KEYS + never_at_the_pole()).about("T1", "note")
    assert "no dusk at Demo Ridge" in told
    assert "no dawn at Demo Ridge" in told


def test_two_rigs_that_share_a_mount_are_told(doctor: Doctor, server: Server) -> None:
    report = doctor(CONFIG + RIG_KEYS + SECOND_RIG + 'telescope = "{server}/0"\n')
    assert f"shares its telescope {server.address}/0 with T2" in report.about("T1", "warning")


def test_a_disk_too_small_for_a_night_is_told(doctor: Doctor, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = namedtuple("usage", "total used free")

    def free(number: int) -> None:
        monkeypatch.setattr("shutil.disk_usage", lambda _path: usage(10**12, 0, number))

    free(10**6)
    report = doctor()
    assert report.status == 1
    assert "1 MB free" in report.about("storage", "problem")
    free(3 * 10**6)
    assert "make room" in doctor().about("storage", "warning")


def test_a_folder_that_cannot_be_written_is_told(doctor: Doctor, tmp_path: Path) -> None:
    # Root may write anywhere, but not below a file.
    (tmp_path / "file").write_text("in the way")
    report = doctor(CONFIG.replace('"archive"', '"file/archive"') + RIG_KEYS)
    assert report.status == 1
    assert "cannot be written" in report.about("storage", "problem")
