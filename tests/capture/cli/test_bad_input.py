"""Bad input: one clear sentence that names the thing and the remedy, an exit status, nothing half-written."""

from __future__ import annotations

from pathlib import Path

import pytest

from simulators import Server
from tests.capture.cli.command import CONFIG, NOBODY, SECOND_RIG, Nightcal, never_at_the_pole, write_config

RUN_BIAS = ("run", "bias", "--count", "2")


def test_a_config_that_is_not_there_is_named(nightcal: Nightcal) -> None:
    ended = nightcal("status")
    assert ended.status == 2
    assert ended.sentence() == "there is no config file nightcal.toml; name one with --config"


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("[storage]", "[storage]\nfoldr = 1", ["[storage]", "'foldr'", "take it out or mend its spelling"]),
        ('name = "T1"', 'name = "T1"\ngian = 3', ['[rig "T1"]', "'gian'", "take it out"]),
        ("elevation_m = 2225\n", "", ["[site] lacks the key 'elevation_m'"]),
        ("latitude_deg = 32.9", "latitude_deg = 132.9", ["[site] latitude_deg", "90"]),
        ("longitude_deg = -105.5", "longitude_deg = -185", ["[site] longitude_deg", "-180"]),
        ("elevation_m = 2225", 'elevation_m = "high"', ["[site] elevation_m", "number"]),
        ("America/Denver", "America/Denvr", ["[site] time_zone", "America/Denvr", "IANA"]),
        ('camera = "{server}/0"', 'camera = "somewhere"', ['[rig "T1"] camera', "host:port/number"]),
        ("[site]", "[site", ["nightcal.toml is no valid TOML", "line 1"]),
    ],
)
def test_a_config_that_is_wrong_is_told_by_section_and_key(
    nightcal: Nightcal, tmp_path: Path, old: str, new: str, words: list[str]
) -> None:
    assert CONFIG.count(old) == 1
    write_config(tmp_path, text=CONFIG.replace(old, new))
    ended = nightcal(*RUN_BIAS)
    assert ended.status == 2
    for word in [*words, "nightcal.toml"]:
        assert word in ended.sentence()
    assert not (tmp_path / "archive").exists()


def test_a_rig_that_the_config_lacks_is_told_with_those_that_it_has(
    nightcal: Nightcal, tmp_path: Path
) -> None:
    write_config(tmp_path, text=CONFIG + SECOND_RIG)
    ended = nightcal(*RUN_BIAS, "--rig", "T3")
    assert ended.status == 2
    assert ended.sentence() == "there is no rig 'T3' in the config; it has T1, T2"


def test_of_two_rigs_one_must_be_named(nightcal: Nightcal, tmp_path: Path) -> None:
    write_config(tmp_path, text=CONFIG + SECOND_RIG)
    ended = nightcal(*RUN_BIAS)
    assert ended.status == 2
    assert ended.sentence() == "name a rig with --rig: T1, T2"


def test_a_filter_that_the_wheel_lacks_is_told_with_those_that_it_has(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address)
    ended = nightcal("run", "sky-flats", "--filters", "L,Hb")
    assert ended.status == 2
    assert "'Hb'" in ended.sentence()
    assert "L, R, G, B, Ha, OIII, SII" in ended.sentence()
    assert not list(tmp_path.rglob("*.fits*"))


def test_a_device_that_does_not_answer_is_named_with_its_address(nightcal: Nightcal, tmp_path: Path) -> None:
    write_config(tmp_path)
    ended = nightcal(*RUN_BIAS)
    assert ended.status == 3
    assert f"camera 0 at {NOBODY}" in ended.sentence()
    assert "check that its server runs" in ended.sentence()
    assert not list(tmp_path.rglob("*.fits*"))


@pytest.mark.parametrize(
    ("set_c", "status", "words"),
    [
        (-130.0, 2, '[rig "T1".cooling] set_temperature_c: input should be greater than or equal to -100'),
        (9.0, 3, "T1: the camera did not settle at 9 C within 1 s"),
    ],
)
def test_a_set_point_that_the_cooler_does_not_reach_is_told_in_one_sentence_and_nothing_is_taken(
    nightcal: Nightcal, tmp_path: Path, server: Server, set_c: float, status: int, words: str
) -> None:
    cooling = f"cooling = {{ set_temperature_c = {set_c}, deadline_s = 1.0, ramp_c_per_min = 30.0 }}\n"
    write_config(tmp_path, server.address, CONFIG + cooling)
    ended = nightcal(*RUN_BIAS)
    assert ended.status == status
    assert words in ended.sentence()
    assert not list(tmp_path.rglob("*.fits*"))


@pytest.mark.parametrize("arguments", [RUN_BIAS, ("serve",), ("status",), ("plan",)])
def test_a_folder_that_cannot_be_written_is_named(
    nightcal: Nightcal, tmp_path: Path, server: Server, arguments: tuple[str, ...]
) -> None:
    # Root may write anywhere, but not below a file.
    (tmp_path / "file").write_text("in the way")
    write_config(tmp_path, server.address, CONFIG.replace('"archive"', '"file/archive"'))
    ended = nightcal(*arguments)
    assert ended.status in (2, 4)
    assert str(tmp_path / "file" / "archive") in ended.sentence()
    assert (tmp_path / "file").read_text() == "in the way"


def test_a_file_where_the_archive_should_be_is_named(nightcal: Nightcal, tmp_path: Path) -> None:
    write_config(tmp_path)
    (tmp_path / "archive").write_text("in the way")
    for arguments in (RUN_BIAS, ("status",), ("serve",), ("plan",)):
        ended = nightcal(*arguments)
        assert ended.status == 4, arguments
        assert str(tmp_path / "archive") in ended.sentence()
        assert "Make it writable or name another" in ended.sentence()


NORTH = CONFIG.replace("latitude_deg = 32.9", "latitude_deg = {latitude}").replace(
    "longitude_deg = -105.5", "longitude_deg = 10.0"
)
ONLY_L = 'flats = { filters = ["L"] }\n'


def test_at_60_n_in_june_the_plan_says_that_there_is_no_darkness(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    text = NORTH.replace("{latitude}", "60.0").replace("America/Denver", "Europe/Oslo") + ONLY_L
    write_config(tmp_path, server.address, text)
    ended = nightcal("plan", "--date", "2026-06-21")
    assert ended.status == 0
    assert "no darkness at Demo Ridge on 2026-06-21: no darks" in ended.out
    assert "dusk" in ended.out
    assert "darks  " not in ended.out


def test_under_the_midnight_sun_the_plan_says_why_there_are_no_flats(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    text = NORTH.replace("{latitude}", "70.0").replace("America/Denver", "Europe/Oslo") + ONLY_L
    write_config(tmp_path, server.address, text)
    ended = nightcal("plan", "--date", "2026-06-21")
    assert ended.status == 0
    for word in ("no dusk at Demo Ridge on 2026-06-21", "no dawn", "Choose another night, or panel flats"):
        assert word in ended.out


def test_flats_where_no_twilight_comes_end_with_the_reason(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address, NORTH.replace("{latitude}", "89.9") + never_at_the_pole())
    ended = nightcal("run", "sky-flats")
    assert ended.status == 2
    assert "at Demo Ridge on" in ended.sentence()
    assert "Choose another night, or panel flats" in ended.sentence()
    assert not list(tmp_path.rglob("*.fits*"))


@pytest.mark.parametrize(
    ("date", "words"),
    [
        ("tomorrow", ["'tomorrow' is no date", "2026-11-21"]),
        ("2026-02-30", ["'2026-02-30' is no date"]),
        ("1066-10-14", ["1066-10-14 is out of range", "1950 to 2100"]),
        ("2101-01-01", ["2101-01-01 is out of range"]),
    ],
)
def test_a_date_that_is_none_or_out_of_range_is_told(
    nightcal: Nightcal, tmp_path: Path, date: str, words: list[str]
) -> None:
    write_config(tmp_path)
    ended = nightcal("plan", "--date", date)
    assert ended.status == 2
    for word in words:
        assert word in ended.sentence()


@pytest.mark.parametrize("exposures", ["60,long", "0", "-5", "60,9000", "nan", "inf"])
def test_exposures_that_are_none_are_told(nightcal: Nightcal, tmp_path: Path, exposures: str) -> None:
    write_config(tmp_path)
    ended = nightcal("run", "darks", "--exposures", exposures)
    assert ended.status == 2
    assert f"--exposures '{exposures}'" in ended.sentence()
    assert not (tmp_path / "archive").exists()


def test_an_exposure_that_the_camera_cannot_take_is_told(
    nightcal: Nightcal, tmp_path: Path, server: Server
) -> None:
    write_config(tmp_path, server.address)
    ended = nightcal("run", "darks", "--exposures", "7000", "--count", "1")
    assert ended.status == 2
    assert ended.sentence() == "7000 s: the camera takes 3.2e-05 to 3600 s"
    assert not list(tmp_path.rglob("*.fits*"))


def test_status_before_anything_was_taken_says_so(nightcal: Nightcal, tmp_path: Path) -> None:
    write_config(tmp_path)
    ended = nightcal("status")
    assert ended.status == 2
    assert "nothing has been taken with this config" in ended.sentence()
    assert not (tmp_path / "archive").exists()


@pytest.mark.parametrize("arguments", [("run", "bias", "--count", "0"), ("plan", "--dat", "x"), ("rnu",)])
def test_options_that_do_not_exist_or_are_out_of_range_end_with_status_2(
    nightcal: Nightcal, arguments: tuple[str, ...]
) -> None:
    ended = nightcal(*arguments)
    assert ended.status == 2
    assert arguments[-2 if len(arguments) > 1 else -1] in ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize("arguments", [RUN_BIAS, ("serve",)])
def test_a_reservation_file_that_does_not_parse_is_named(
    nightcal: Nightcal, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    write_config(tmp_path, text=CONFIG + '[reservations]\nfolder = "booked"\n')
    (tmp_path / "booked").mkdir()
    (tmp_path / "booked" / "T1.ics").write_text("BEGIN:VCALENDAR\nthis is no calendar\n")
    ended = nightcal(*arguments)
    assert ended.status == 2
    assert f"the reservations in {tmp_path / 'booked' / 'T1.ics'} cannot be read" in ended.sentence()
    assert "mend the file or take it away" in ended.sentence()
