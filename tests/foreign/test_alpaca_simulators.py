"""Against somebody else's server, alpaca-simulators, in real time: from the command line to masters."""

from __future__ import annotations

import os
import sqlite3
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from astropy.io import fits

from capture.site import Site
from capture.store import fits_file
from tests.foreign.server import ForeignServer, foreign_server, require_installed

SIZE_PX = 256
SUN_DEG = -3.0
# At the equator the Sun goes straight down, so that some longitude has it at any altitude, on any day.
LATITUDE_DEG = 0.0
TEMPERATURE_C = -20.0

CONFIG = """\
[site]
name = "Elsewhere"
latitude_deg = {latitude}
longitude_deg = {longitude}
elevation_m = 1000
time_zone = "{zone}"

[storage]
folder = "archive"

[masters]
min_frames = 5
{roof}
[[rig]]
name = "T9"
camera = "{server}/0"
filter_wheel = "{server}/0"
telescope = "{server}/0"
cover_calibrator = "{server}/0"
gain = 0
flats = {{ min_exposure_s = 0.1, max_exposure_s = 20.0 }}
darks = {{ probe_s = 0 }}
"""
ROOF = """
[roof]
dome = "{server}/0"
mode = "operate"
if_park_fails = "stay_open"
safety_monitors = ["{server}/0"]
observing_conditions = "{server}/0"
poll_s = 1.0
reopen_after_s = 0.0
"""


@pytest.fixture
def server(tmp_path: Path) -> Iterator[ForeignServer]:
    require_installed()
    with foreign_server(tmp_path, SIZE_PX) as running:
        yield running


def longitude_at_dusk(now: datetime) -> float:
    """Where on the equator the Sun sets at `now` and stands at SUN_DEG.

    Going east from where the Sun stands highest it is later, and the Sun lower, for 180 degrees.
    """

    def altitude_deg(longitude_deg: float) -> float:
        return Site("", LATITUDE_DEG, longitude_deg, 0.0, "UTC").sun_altitude_deg(now)

    noon = max(range(-180, 180), key=altitude_deg)
    high, low = float(noon), noon + 180.0
    for _ in range(40):
        middle = (high + low) / 2
        high, low = (middle, low) if altitude_deg((middle + 180) % 360 - 180) > SUN_DEG else (high, middle)
    return round((high + 180) % 360 - 180, 4)


def in_twilight(server: ForeignServer, folder: Path, roof: str = "") -> Path:
    """Move the server's telescope to where the Sun now sets, and write our config for it."""
    longitude = longitude_at_dusk(datetime.now(UTC))
    server.put("/api/v1/telescope/0/sitelatitude", SiteLatitude=LATITUDE_DEG)
    server.put("/api/v1/telescope/0/sitelongitude", SiteLongitude=longitude)
    hours = round(longitude / 15)
    zone = f"Etc/GMT{-hours:+d}" if hours else "UTC"
    path = folder / "nightcal.toml"
    path.write_text(
        CONFIG.format(
            server=server.address,
            latitude=LATITUDE_DEG,
            longitude=longitude,
            zone=zone,
            roof=roof.format(server=server.address),
        )
    )
    return path


def nightcal(config: Path, *arguments: str) -> str:
    """Run the command by hand as an operator does, expect success, return what it printed."""
    command = [sys.executable, "-m", "capture", *arguments, "--config", str(config)]
    done = subprocess.run(
        command, capture_output=True, text=True, check=False, timeout=150, env=os.environ | {"COLUMNS": "200"}
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stderr == ""
    return done.stdout


def headers_of(archive: Path) -> dict[Path, fits.Header]:
    """Every FITS file below `archive`, proven whole by our checksums and by astropy's."""
    headers = {}
    for path in sorted(archive.rglob("*.fits")):
        fits_file.verify(path)
        # With checksum=True astropy warns of a wrong one, and here a warning is an error.
        with fits.open(path, checksum=True) as hdus:
            assert hdus[0].verify_datasum() == 1
            assert hdus[0].verify_checksum() == 1
            headers[path] = hdus[0].header.copy()
    assert not list(archive.rglob("*.part"))
    return headers


def assert_true(header: fits.Header, site: Site, begun: datetime) -> None:
    """What every raw frame's header must tell truly, whatever its kind."""
    started = datetime.fromisoformat(header["DATE-OBS"]).replace(tzinfo=UTC)
    assert begun <= started <= datetime.now(UTC)
    middle = started + timedelta(seconds=header["EXPTIME"] / 2)
    assert header["SUNALT"] == pytest.approx(site.sun_altitude_deg(middle), abs=0.001)
    assert (header["SITELAT"], header["SITELONG"]) == (site.latitude_deg, site.longitude_deg)
    assert header["INSTRUME"] == "Simulator Camera"
    assert header["TELESCOP"] == "T9"
    assert header["CCD-TEMP"] == TEMPERATURE_C
    # Of any gain that it is told it says one more.
    assert (header["GAIN"], header["OFFSET"]) == (0, 1)
    assert (header["NAXIS1"], header["NAXIS2"]) == (SIZE_PX, SIZE_PX)
    assert (header["XBINNING"], header["YBINNING"]) == (1, 1)
    assert header["EXPTIME"] == pytest.approx(header["EXPREQ"], abs=0.01)


def of_kind(headers: dict[Path, fits.Header], image_type: str) -> dict[Path, fits.Header]:
    return {path: header for path, header in headers.items() if header["IMAGETYP"] == image_type}


def site_of(config: Path) -> Site:
    site: dict[str, Any] = tomllib.loads(config.read_text())["site"]
    return Site(*(site[key] for key in ("name", "latitude_deg", "longitude_deg", "elevation_m", "time_zone")))


def test_a_bench_without_a_roof_gets_bias_darks_flats_and_masters(
    server: ForeignServer, tmp_path: Path
) -> None:
    config, begun = in_twilight(server, tmp_path), datetime.now(UTC)
    print(nightcal(config, "run", "bias", "--count", "5"))
    print(nightcal(config, "run", "darks", "--exposures", "1,2", "--count", "5"))
    print(nightcal(config, "run", "sky-flats", "--filters", "Red,Luminance", "--count", "5"))

    headers, site = headers_of(tmp_path / "archive"), site_of(config)
    raw = {path: header for path, header in headers.items() if "NCOMBINE" not in header}
    for header in raw.values():
        assert_true(header, site, begun)

    biases, darks = of_kind(headers, "Bias Frame"), of_kind(headers, "Dark Frame")
    assert [header["EXPTIME"] for header in biases.values()] == [0.0] * 5
    assert sorted(header["EXPTIME"] for header in darks.values()) == [1.0] * 5 + [2.0] * 5
    flats = of_kind(headers, "Flat Field")
    good = [header for header in flats.values() if header["NREASON"] == 0]
    assert sorted(header["FILTER"] for header in good) == ["Luminance"] * 5 + ["Red"] * 5
    for header in good:
        # Half of the 50000 electrons that its well holds, within a quarter.
        assert 0.75 * 25000 < header["MEDIAN"] - 300 < 1.25 * 25000
        assert -8 < header["SUNALT"] < -2
        assert header["CENTALT"] == pytest.approx(76, abs=4)

    masters = [header for header in headers.values() if "NCOMBINE" in header]
    assert sorted(header["IMAGETYP"] for header in masters) == [
        "Master Bias", "Master Dark", "Master Dark", "Master Flat", "Master Flat",
    ]  # fmt: skip
    assert all(header["NCOMBINE"] >= 5 for header in masters)
    (bias,) = of_kind(headers, "Master Bias").values()
    assert bias["MEDIAN"] == pytest.approx(300, abs=1)
    # No two exposures are the same picture.
    pictures = [fits.getdata(path).tobytes() for path in biases]
    assert len(set(pictures)) == len(pictures)
    for path, header in of_kind(headers, "Master Flat").items():
        # A camera without vignetting under an even sky: level throughout, but for photon noise.
        pixels = fits.getdata(path) / header["FLATMEAN"]
        assert np.median(pixels) == pytest.approx(1, abs=0.001)
        assert np.std(pixels) < 0.01

    # What it opened or unparked for the flats is put away.
    assert server.value("covercalibrator/0/coverstate") == 1
    assert server.value("telescope/0/tracking") is False


def test_under_a_roof_the_guard_opens_it_for_flats_and_shuts_it_afterwards(
    server: ForeignServer, tmp_path: Path
) -> None:
    config, begun = in_twilight(server, tmp_path, ROOF), datetime.now(UTC)
    print(nightcal(config, "run", "bias", "--count", "5"))
    assert server.value("dome/0/shutterstatus") == 1
    said = nightcal(config, "run", "sky-flats", "--filters", "Green", "--count", "5")
    print(said)
    assert "the roof is open" in said
    assert server.value("dome/0/shutterstatus") == 1
    assert server.value("telescope/0/atpark") is True

    headers, site = headers_of(tmp_path / "archive"), site_of(config)
    for header in (header for header in headers.values() if "NCOMBINE" not in header):
        assert_true(header, site, begun)
    for kind, shut in (("Bias Frame", True), ("Flat Field", False)):
        assert {header["ROOFSHUT"] for header in of_kind(headers, kind).values()} == {shut}
    assert len(of_kind(headers, "Master Flat")) == 1


def test_a_camera_that_reports_an_error_is_not_waited_for(server: ForeignServer, tmp_path: Path) -> None:
    config = in_twilight(server, tmp_path)
    # Without its stars this server's camera goes into its error state on every light frame.
    connection = sqlite3.connect(tmp_path / "stars.sqlite")
    connection.execute("DROP TABLE gaia_sources")
    connection.close()
    command = [sys.executable, "-m", "capture", "run", "sky-flats", "--count", "5", "--config", str(config)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 3
    assert done.stderr.count("\n") == 1
    assert "T9: the camera reports that the exposure failed" in done.stderr
    assert server.value("camera/0/camerastate") == 0
    assert not list((tmp_path / "archive").rglob("*.fits"))
