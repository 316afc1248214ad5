"""The config: what is right is typed data, what is wrong is one sentence with section and key."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from capture.config import STANDARD_DARKS_S, Config, DeviceAddress, Timeouts, load_config, parse_config
from capture.errors import BadInput

PATH = Path("/etc/nightcal/nightcal.toml")
MINIMAL = """
[site]
name = "Hill"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225
time_zone = "America/Denver"

[storage]
folder = "data"

[[rig]]
name = "T1"
camera = "127.0.0.1:11111/0"
"""
ROOF = """
[roof]
dome = "127.0.0.1:11111/0"
mode = "observe"
if_park_fails = "stay_open"
safety_monitors = ["127.0.0.1:11111/0"]
"""


def changed(old: str, new: str, text: str = MINIMAL + ROOF) -> str:
    assert text.count(old) == 1
    return text.replace(old, new)


def complaint(text: str) -> str:
    """The one sentence that is said about a config with one fault."""
    with pytest.raises(BadInput) as caught:
        parse_config(text, PATH)
    said = str(caught.value)
    assert said.startswith(f"{PATH}: "), "it names the file"
    assert len(said.splitlines()) == 1, "one fault is one sentence"
    return said.removeprefix(f"{PATH}: ")


def with_rig(lines: str) -> str:
    return MINIMAL + lines + "\n"


def test_the_smallest_config_has_sensible_defaults() -> None:
    config = parse_config(MINIMAL, PATH)
    rig = config.rig_named("T1")
    assert config.roof is None
    assert (rig.binning, rig.gain, rig.cooling, rig.telescope) == (1, None, None, None)
    assert rig.darks.exposures_s == STANDARD_DARKS_S
    assert list(STANDARD_DARKS_S) == [60, 120, 180, 240, 300, 600]
    assert (rig.flats.count, rig.bias.count, rig.darks.count) == (10, 20, 10)
    assert config.masters.method == "clip"
    assert config.site.site().time_zone == "America/Denver"


def test_a_device_may_have_timeouts_of_its_own() -> None:
    text = changed('camera = "127.0.0.1:11111/0"', 'camera = "[::1]:11111/3"', MINIMAL)
    text += 'filter_wheel = "127.0.0.1:11111/0"\n'
    text += '[timeouts]\nread_s = 7\nimage_s = 200\n[timeouts.at."[::1]:11111/3"]\nimage_s = 300\n'
    config = parse_config(text, PATH)
    camera, wheel = config.rig[0].camera, config.rig[0].filter_wheel
    assert wheel is not None
    assert config.timeouts.of(wheel) == Timeouts(read_s=7, image_s=200)
    assert config.timeouts.of(camera) == Timeouts(read_s=7, image_s=300)


@pytest.mark.parametrize(
    ("lines", "said"),
    [
        ("[timeouts]\nread_s = 0\n", "[timeouts] read_s: "),
        ("[timeouts]\nread_s = inf\n", "[timeouts] read_s: "),
        ("[timeouts]\nhurry_s = 1\n", "[timeouts] knows no key 'hurry_s'"),
        ("[timeouts]\nread_s = 200\n", "[timeouts]: read_s = 200 must not be above image_s = 120"),
        ("[timeouts]\nslow_write_s = 400\n", "[timeouts]: slow_write_s = 400 must not be above device_conn"),
        (
            '[timeouts.at."127.0.0.1:11111/0"]\nslow_write_s = 5\n',
            "[timeouts]: write_s = 15 must not be above slow_write_s = 5",
        ),
        ('[timeouts.at."127.0.0.1:11111/9"]\nread_s = 5\n', "[timeouts.at] names 127.0.0.1:11111/9, where"),
    ],
)
def test_timeouts_that_make_no_sense_are_refused(lines: str, said: str) -> None:
    assert complaint(MINIMAL + lines).startswith(said)


def test_a_config_does_not_change() -> None:
    config = parse_config(MINIMAL, PATH)
    with pytest.raises(ValidationError):
        config.site.latitude_deg = 0.0


@pytest.mark.parametrize(
    ("sets", "said"),
    [
        ('[{ filters = ["L"] }, { filters = ["R", "L"], binning = 2 }]', "filter L is in two sets"),
        ('[{ filters = ["L"], gain = 5 }]', "a [[rig.flats.set]] has gain: give the rig its gain too"),
        ("[{ filters = [] }]", "filters: "),
        ('[{ filters = ["L"], binning = 9 }]', "binning: "),
    ],
)
def test_a_set_of_flats_that_cannot_be_is_refused(sets: str, said: str) -> None:
    assert said in complaint(f"{MINIMAL}flats.set = {sets}\n")


@pytest.mark.parametrize(
    ("folder", "expected"),
    [("data", "/etc/nightcal/data"), ("../frames", "/etc/frames"), ("/srv/frames", "/srv/frames")],
)
def test_a_relative_folder_is_relative_to_the_config_file(folder: str, expected: str) -> None:
    config = parse_config(changed('"data"', f'"{folder}"'), PATH)
    assert config.storage.folder == Path(expected)


def test_a_folder_may_be_in_the_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/ada")
    assert parse_config(changed('"data"', '"~/frames"'), PATH).storage.folder == Path("/home/ada/frames")


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("127.0.0.1:11111/0", DeviceAddress(host="127.0.0.1", port=11111, number=0)),
        ("observatory.local:80/12", DeviceAddress(host="observatory.local", port=80, number=12)),
        ("[::1]:11111/3", DeviceAddress(host="::1", port=11111, number=3)),
        ("[fe80::1%eth0]:32323/0", DeviceAddress(host="fe80::1%eth0", port=32323, number=0)),
    ],
)
def test_addresses_are_understood_and_written_back(text: str, address: DeviceAddress) -> None:
    config = parse_config(changed("127.0.0.1:11111/0", text, MINIMAL), PATH)
    assert config.rig[0].camera == address
    assert str(config.rig[0].camera) == text


@pytest.mark.parametrize(
    "text",
    ["127.0.0.1", "127.0.0.1:11111", "127.0.0.1/0", ":11111/0", "host:x/0", "host:11111/x", "host:11111/-1",
     "http://host:11111/0", "host:11111/0/1", "[]:1/0", ""],
)  # fmt: skip
def test_what_is_no_address_is_refused_with_an_example(text: str) -> None:
    said = complaint(changed("127.0.0.1:11111/0", text, MINIMAL))
    assert said.startswith('[rig "T1"] camera: ')
    assert "127.0.0.1:11111/0" in said


@pytest.mark.parametrize("port", ["0", "65536", "99999999"])
def test_a_port_that_does_not_exist_is_refused(port: str) -> None:
    said = complaint(changed("127.0.0.1:11111/0", f"host:{port}/0", MINIMAL))
    assert "ports run from 1 to 65535" in said


@pytest.mark.parametrize(
    ("text", "section", "key"),
    [
        (changed("latitude_deg", "lattitude_deg"), None, None),
        ("colour = 1\n" + MINIMAL, "the top level", "colour"),
        (MINIMAL + "[sight]\nname = 'x'\n", "the top level", "sight"),
        (MINIMAL + ROOF + "colour = 1\n", "[roof]", "colour"),
        (with_rig("colour = 1"), '[rig "T1"]', "colour"),
        (with_rig("flats = { cuont = 3 }"), '[rig "T1".flats]', "cuont"),
        (with_rig("cooling = { set_temperature_c = -10, fan = true }"), '[rig "T1".cooling]', "fan"),
        (MINIMAL + "[masters]\nsigma = 3\n", "[masters]", "sigma"),
    ],
)
def test_an_unknown_key_is_named_with_its_section(text: str, section: str | None, key: str | None) -> None:
    if section is None:
        with pytest.raises(BadInput) as caught:
            parse_config(text, PATH)
        assert "[site] knows no key 'lattitude_deg'; take it out or mend its spelling" in str(caught.value)
        assert "[site] lacks the key 'latitude_deg'" in str(caught.value)
    else:
        assert complaint(text) == f"{section} knows no key {key!r}; take it out or mend its spelling"


@pytest.mark.parametrize(
    ("line", "section"),
    [
        ("latitude_deg = 32.9\n", "[site]"),
        ('time_zone = "America/Denver"\n', "[site]"),
        ('folder = "data"\n', "[storage]"),
        ('mode = "observe"\n', "[roof]"),
        ('if_park_fails = "stay_open"\n', "[roof]"),
        ('safety_monitors = ["127.0.0.1:11111/0"]\n', "[roof]"),
        ('camera = "127.0.0.1:11111/0"\n', '[rig "T1"]'),
    ],
)
def test_a_missing_key_is_named_with_its_section(line: str, section: str) -> None:
    key = line.partition(" ")[0]
    assert complaint(changed(line, "")) == f"{section} lacks the key {key!r}"


def test_a_missing_section_is_named() -> None:
    assert complaint(changed('[storage]\nfolder = "data"\n', "")) == "the top level lacks the key 'storage'"


def test_a_rig_without_a_name_is_told_by_its_number() -> None:
    text = with_rig('[[rig]]\ncamera = "127.0.0.1:11111/1"')
    assert complaint(text) == "[rig number 2] lacks the key 'name'"


@pytest.mark.parametrize(
    ("text", "start"),
    [
        (changed("latitude_deg = 32.9", "latitude_deg = 91"), "[site] latitude_deg: "),
        (changed("longitude_deg = -105.5", "longitude_deg = 254.5"), "[site] longitude_deg: "),
        (changed("elevation_m = 2225", "elevation_m = 22250"), "[site] elevation_m: "),
        (changed("latitude_deg = 32.9", "latitude_deg = nan"), "[site] latitude_deg: "),
        (changed("latitude_deg = 32.9", 'latitude_deg = "north"'), "[site] latitude_deg: "),
        (changed('"America/Denver"', '"America/Roswell"'), "[site] time_zone: no such time zone"),
        (changed('"America/Denver"', '"../../etc/passwd"'), "[site] time_zone: no such time zone"),
        (changed('"Hill"', '""'), "[site] name: "),
        (changed('"Hill"', r'"a/b"'), "[site] name: "),
        (changed('mode = "observe"', 'mode = "own"'), "[roof] mode: "),
        (changed('if_park_fails = "stay_open"', "if_park_fails = true"), "[roof] if_park_fails: "),
        (
            changed('safety_monitors = ["127.0.0.1:11111/0"]', "safety_monitors = []"),
            "[roof] safety_monitors: ",
        ),
        (MINIMAL + ROOF + "poll_s = 60\n", "[roof] poll_s: "),
        (with_rig("binning = 0"), '[rig "T1"] binning: '),
        (with_rig("binning = 1.5"), '[rig "T1"] binning: '),
        (with_rig("cooling = { set_temperature_c = -273.15 }"), '[rig "T1".cooling] set_temperature_c: '),
        (
            with_rig("cooling = { set_temperature_c = 0, tolerance_c = 1 }"),
            '[rig "T1".cooling] tolerance_c: ',
        ),
        (
            with_rig(
                "cooling = { set_temperature_c = 0, season = [{ months = [13], set_temperature_c = 1 }] }"
            ),
            '[rig "T1".cooling.season number 1.months',
        ),
        (with_rig("darks = { exposures_s = [60, 0] }"), '[rig "T1".darks.exposures_s'),
        (with_rig("darks = { exposures_s = [60, 999999] }"), '[rig "T1".darks.exposures_s'),
        (with_rig("bias = { count = -1 }"), '[rig "T1".bias] count: '),
        (with_rig("flats = { count = 1001 }"), '[rig "T1".flats] count: '),
        (with_rig("flats = { target_fraction = 50 }"), '[rig "T1".flats] target_fraction: '),
        (with_rig("flats = { lowest_sun_deg = -30 }"), '[rig "T1".flats] lowest_sun_deg: '),
        (with_rig("flats = { min_exposure_s = 70 }"), '[rig "T1".flats]: '),
        (with_rig("flats = { lowest_sun_deg = 1 }"), '[rig "T1".flats]: '),
        (with_rig("flats = 3"), '[rig "T1"] flats: '),
        (MINIMAL + '[masters]\nmethod = "mean"\n', "[masters] method: "),
        (MINIMAL + "[masters]\nmin_frames = 2\n", "[masters] min_frames: "),
    ],
)
def test_a_value_out_of_range_is_named_with_section_and_key(text: str, start: str) -> None:
    said = complaint(text)
    assert said.startswith(start)
    assert len(said) > len(start) + 10, "and it says what would be right"


def test_faults_of_order_name_both_keys() -> None:
    said = complaint(with_rig("flats = { min_exposure_s = 70 }"))
    assert "min_exposure_s must be below max_exposure_s" in said
    said = complaint(with_rig("flats = { lowest_sun_deg = 1 }"))
    assert "lowest_sun_deg must be below highest_sun_deg" in said


def test_two_rigs_cannot_share_a_name_or_a_camera() -> None:
    second = '[[rig]]\nname = "{}"\ncamera = "127.0.0.1:11111/{}"'
    assert "two rigs have the name T1; each needs its own" in complaint(with_rig(second.format("T1", 1)))
    assert "two rigs use the camera 127.0.0.1:11111/0" in complaint(with_rig(second.format("T2", 0)))


def test_a_config_without_rigs_is_refused() -> None:
    assert complaint("rig = []\n" + MINIMAL.partition("[[rig]]")[0]).startswith("the top level rig: ")


def test_each_fault_gets_a_line_of_its_own() -> None:
    text = changed("32.9", "99", changed("2225", "-2225"))
    with pytest.raises(BadInput) as caught:
        parse_config(text, PATH)
    lines = str(caught.value).splitlines()
    assert len(lines) == 2
    assert [re.search(r"\[site\] (\w+):", line)[1] for line in lines] == ["latitude_deg", "elevation_m"]  # type: ignore[index]


def test_what_is_no_toml_is_told_with_its_line() -> None:
    with pytest.raises(BadInput, match=r"nightcal\.toml is no valid TOML: .*line 2"):
        parse_config("[site]\nname = = 1", PATH)


def test_a_missing_file_says_how_to_name_one(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"there is no config file .*gone\.toml; name one with --config"):
        load_config(tmp_path / "gone.toml")


def test_an_unreadable_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes(b'name = "\xe9"')
    for name in ("latin.toml", "."):
        with pytest.raises(BadInput, match="cannot be read"):
            load_config(tmp_path / name)


def test_a_file_is_read_as_utf_8(tmp_path: Path) -> None:
    path = tmp_path / "nightcal.toml"
    path.write_text(MINIMAL + "# Überprüft\n", encoding="utf-8")
    assert load_config(path).storage.folder == tmp_path / "data"


def test_an_unknown_rig_is_refused_with_the_names_there_are(config: Config) -> None:
    with pytest.raises(BadInput, match="there is no rig 'T9' in the config; it has T1, T2"):
        config.rig_named("T9")


@pytest.mark.parametrize(
    ("grid", "words"),
    [
        ("[2, 4, 90]", "exposure_grid_s has 90 s, outside min_exposure_s to max_exposure_s (0.2 to 60 s)"),
        ("[2, 4, 4]", "exposure_grid_s must rise from each exposure to the next"),
        ("[4, 2]", "exposure_grid_s must rise from each exposure to the next"),
    ],
)
def test_an_exposure_grid_that_makes_no_sense_is_refused(grid: str, words: str) -> None:
    assert words in complaint(with_rig(f"[rig.flats]\nexposure_grid_s = {grid}"))


def test_the_catalogue_may_be_a_postgresql_database_and_no_other() -> None:
    url = "postgresql+psycopg://ada@db/nightcal"
    config = parse_config(changed('folder = "data"', f'folder = "data"\ndatabase = "{url}"'), PATH)
    assert config.storage.database == url
    assert parse_config(MINIMAL, PATH).storage.database is None
    text = complaint(changed('folder = "data"', 'folder = "data"\ndatabase = "mysql://ada:secret@db/n"'))
    assert "[storage]" in text
    assert "postgresql+psycopg://user@host/name" in text
    assert "secret" not in text
