"""The devices keep their promises in time: roof, mount, wheel, cover, cooler, camera."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from capture.clock import SimulatedClock
from simulators import Observatory, demo_settings
from simulators.members import AlpacaError, BadRequest

Advance = Callable[[float], None]
OPEN, CLOSED, OPENING, CLOSING = range(4)


def read(observatory: Observatory, device: str, member: str, **query: str) -> Any:
    kind, number = device.split("/")
    return observatory.devices[kind, int(number)].call("get", member, query)


def do(observatory: Observatory, device: str, member: str, **form: object) -> None:
    kind, number = device.split("/")
    observatory.devices[kind, int(number)].call("put", member, {k: str(v) for k, v in form.items()})


def error_of(observatory: Observatory, device: str, member: str, **form: object) -> int:
    with pytest.raises(AlpacaError) as caught:
        do(observatory, device, member, **form)
    return caught.value.number


def test_the_roof_takes_45_s_to_open_and_says_so(observatory: Observatory, advance: Advance) -> None:
    assert read(observatory, "dome/0", "shutterstatus") == CLOSED
    do(observatory, "dome/0", "openshutter")
    advance(44)
    assert read(observatory, "dome/0", "shutterstatus") == OPENING
    assert read(observatory, "dome/0", "slewing")
    advance(1.5)
    assert read(observatory, "dome/0", "shutterstatus") == OPEN
    do(observatory, "dome/0", "closeshutter")
    advance(1)
    assert read(observatory, "dome/0", "shutterstatus") == CLOSING


def test_a_roof_that_turns_back_half_way_needs_only_half_the_time(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "dome/0", "openshutter")
    advance(20)
    do(observatory, "dome/0", "closeshutter")
    advance(20.1)
    assert read(observatory, "dome/0", "shutterstatus") == CLOSED


def test_a_roll_off_roof_has_no_azimuth(observatory: Observatory) -> None:
    assert read(observatory, "dome/0", "cansetazimuth") is False
    assert error_of(observatory, "dome/0", "slewtoazimuth", Azimuth=10) == 0x400


def test_a_roof_closing_onto_an_unparked_mount_is_a_collision(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "dome/0", "openshutter")
    advance(50)
    do(observatory, "telescope/1", "unpark")
    assert not observatory.world.collisions
    do(observatory, "dome/0", "closeshutter")
    assert [c.rig for c in observatory.world.collisions] == ["T2"]
    assert "T2" in observatory.command_log[-1].error


def test_a_roof_closing_over_parked_mounts_is_no_collision(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "dome/0", "openshutter")
    advance(50)
    do(observatory, "dome/0", "closeshutter")
    assert not observatory.world.collisions


def test_a_dome_turns_the_shorter_way_round(rotating: Observatory, advance: Advance) -> None:
    do(rotating, "dome/0", "slewtoazimuth", Azimuth=350)
    assert read(rotating, "dome/0", "slewing")
    advance(3.5)
    assert not read(rotating, "dome/0", "slewing")
    assert read(rotating, "dome/0", "azimuth") == pytest.approx(350)


def test_a_telescope_sees_the_sky_only_through_the_slit(rotating: Observatory, advance: Advance) -> None:
    do(rotating, "dome/0", "openshutter")
    do(rotating, "covercalibrator/0", "opencover")
    do(rotating, "telescope/0", "unpark")
    do(rotating, "telescope/0", "slewtoaltazasync", Azimuth=90, Altitude=50)
    do(rotating, "dome/0", "slewtoazimuth", Azimuth=90)
    advance(120)
    rig = rotating.world.rigs[0]
    seen = rotating.world.expose(rig, rotating.world.now_s(), 1.0, 0.0, True).sky_e
    do(rotating, "dome/0", "slewtoazimuth", Azimuth=270)
    advance(70)
    hidden = rotating.world.expose(rig, rotating.world.now_s(), 1.0, 0.0, True).sky_e
    assert hidden < 0.02 * seen


def test_the_wheel_reads_minus_one_until_the_filter_has_arrived(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "filterwheel/0", "position", Position=2)
    assert read(observatory, "filterwheel/0", "position") == -1
    advance(1.5)
    assert read(observatory, "filterwheel/0", "position") == -1
    advance(1)
    assert read(observatory, "filterwheel/0", "position") == 2
    assert error_of(observatory, "filterwheel/0", "position", Position=9) == 0x401


def test_a_parked_mount_refuses_to_move(observatory: Observatory) -> None:
    assert read(observatory, "telescope/0", "atpark")
    assert error_of(observatory, "telescope/0", "slewtoaltazasync", Azimuth=0, Altitude=80) == 0x408
    assert error_of(observatory, "telescope/0", "tracking", Tracking=True) == 0x408


def test_a_slew_takes_time_and_ends_where_it_was_sent(observatory: Observatory, advance: Advance) -> None:
    do(observatory, "telescope/0", "unpark")
    do(observatory, "telescope/0", "slewtoaltazasync", Azimuth=60, Altitude=76)
    assert read(observatory, "telescope/0", "slewing")
    advance(60)
    assert not read(observatory, "telescope/0", "slewing")
    assert read(observatory, "telescope/0", "altitude") == pytest.approx(76, abs=1e-6)
    assert read(observatory, "telescope/0", "azimuth") == pytest.approx(60, abs=1e-6)


def test_a_tracking_mount_holds_the_star_and_a_standing_one_the_horizon(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "telescope/0", "unpark")
    do(observatory, "telescope/0", "tracking", Tracking=True)
    assert error_of(observatory, "telescope/0", "slewtoaltazasync", Azimuth=60, Altitude=76) == 0x40B
    right_ascension = (read(observatory, "telescope/0", "siderealtime") + 23) % 24
    do(observatory, "telescope/0", "slewtocoordinatesasync", RightAscension=right_ascension, Declination=30)
    advance(120)
    assert read(observatory, "telescope/0", "rightascension") == pytest.approx(right_ascension, abs=1e-5)
    advance(3600)
    assert read(observatory, "telescope/0", "rightascension") == pytest.approx(right_ascension, abs=1e-5)
    do(observatory, "telescope/0", "tracking", Tracking=False)
    altitude = read(observatory, "telescope/0", "altitude")
    advance(3600)
    assert read(observatory, "telescope/0", "altitude") == pytest.approx(altitude, abs=1e-6)


def test_park_arrives_later_and_an_abort_breaks_it_off(observatory: Observatory, advance: Advance) -> None:
    do(observatory, "telescope/0", "unpark")
    do(observatory, "telescope/0", "slewtoaltazasync", Azimuth=60, Altitude=76)
    advance(60)
    do(observatory, "telescope/0", "park")
    advance(3)
    assert not read(observatory, "telescope/0", "atpark")
    do(observatory, "telescope/0", "abortslew")
    advance(120)
    assert not read(observatory, "telescope/0", "atpark")
    do(observatory, "telescope/0", "park")
    advance(120)
    assert read(observatory, "telescope/0", "atpark")


def test_the_cover_moves_for_some_seconds_and_the_panel_warms_up(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "covercalibrator/0", "opencover")
    assert read(observatory, "covercalibrator/0", "coverstate") == 2
    assert read(observatory, "covercalibrator/0", "covermoving")
    advance(9)
    assert read(observatory, "covercalibrator/0", "coverstate") == 3
    do(observatory, "covercalibrator/0", "calibratoron", Brightness=255)
    assert read(observatory, "covercalibrator/0", "calibratorstate") == 2
    advance(3)
    assert read(observatory, "covercalibrator/0", "calibratorstate") == 3
    assert error_of(observatory, "covercalibrator/0", "calibratoron", Brightness=256) == 0x401


def test_the_cooler_ramps_then_holds_within_a_tenth_of_a_degree(
    observatory: Observatory, advance: Advance
) -> None:
    warm = read(observatory, "camera/0", "ccdtemperature")
    do(observatory, "camera/0", "setccdtemperature", SetCCDTemperature=-10)
    advance(5)
    assert read(observatory, "camera/0", "ccdtemperature") == pytest.approx(warm, abs=0.1)
    do(observatory, "camera/0", "cooleron", CoolerOn=True)
    advance(30)
    assert read(observatory, "camera/0", "ccdtemperature") == pytest.approx(warm - 4.5, abs=0.2)
    assert read(observatory, "camera/0", "coolerpower") == 100
    advance(300)
    held = []
    for _ in range(30):
        advance(20)
        held.append(read(observatory, "camera/0", "ccdtemperature"))
    assert held == pytest.approx([-10.0] * 30, abs=0.15)
    assert len(set(held)) > 5


def test_the_cooler_cannot_go_further_below_the_air_than_it_is_built_for(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "camera/0", "setccdtemperature", SetCCDTemperature=-60)
    do(observatory, "camera/0", "cooleron", CoolerOn=True)
    advance(900)
    assert read(observatory, "camera/0", "ccdtemperature") > -40
    assert read(observatory, "camera/0", "coolerpower") > 90


def test_an_exposure_is_ready_after_its_time_and_the_readout(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "camera/1", "startexposure", Duration=5, Light=False)
    assert read(observatory, "camera/1", "camerastate") == 2
    advance(5.5)
    assert read(observatory, "camera/1", "camerastate") == 3
    assert not read(observatory, "camera/1", "imageready")
    advance(10)
    assert read(observatory, "camera/1", "imageready")
    assert read(observatory, "camera/1", "lastexposureduration") == 5
    assert read(observatory, "camera/1", "lastexposurestarttime") == "2026-11-22T00:05:00.000"
    assert observatory.camera(1).image().shape == (64, 96)


def test_an_aborted_exposure_gives_no_image_and_a_stopped_one_a_shorter_one(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "camera/0", "abortexposure")
    do(observatory, "camera/0", "startexposure", Duration=100, Light=True)
    do(observatory, "camera/0", "abortexposure")
    advance(200)
    assert not read(observatory, "camera/0", "imageready")
    do(observatory, "camera/0", "startexposure", Duration=100, Light=True)
    advance(10)
    do(observatory, "camera/0", "stopexposure")
    advance(2)
    assert read(observatory, "camera/0", "imageready")
    assert read(observatory, "camera/0", "lastexposureduration") == 10


def test_a_camera_checks_what_it_is_asked_for(observatory: Observatory) -> None:
    assert error_of(observatory, "camera/0", "startexposure", Duration=0, Light=False) == 0x401
    assert error_of(observatory, "camera/0", "startexposure", Duration=-1, Light=False) == 0x401
    do(observatory, "camera/0", "numx", NumX=5000)
    assert error_of(observatory, "camera/0", "startexposure", Duration=1, Light=False) == 0x401
    assert error_of(observatory, "camera/1", "gain", Gain=1) == 0x400
    with pytest.raises(AlpacaError):
        observatory.camera(0).image()
    with pytest.raises(AlpacaError):
        read(observatory, "camera/0", "lastexposureduration")


def test_nothing_works_before_the_connection(observatory: Observatory) -> None:
    do(observatory, "camera/0", "disconnect")
    assert error_of(observatory, "camera/0", "startexposure", Duration=1, Light=False) == 0x407
    do(observatory, "safetymonitor/0", "connected", Connected=False)
    assert read(observatory, "safetymonitor/0", "issafe") is False


def _open_up(observatory: Observatory, advance: Advance) -> None:
    do(observatory, "dome/0", "openshutter")
    for n in (0, 1):
        do(observatory, f"covercalibrator/{n}", "opencover")
        do(observatory, f"telescope/{n}", "unpark")
        do(observatory, f"telescope/{n}", "slewtoaltazasync", Azimuth=60, Altitude=76)
    advance(60)


def _expose(observatory: Observatory, advance: Advance, n: int, seconds: float, light: bool) -> float:
    do(observatory, f"camera/{n}", "startexposure", Duration=seconds, Light=light)
    advance(seconds + 11)
    return float(np.median(observatory.camera(n).image()))


def test_an_open_sky_reaches_a_sensor_without_a_shutter_even_in_a_dark(
    observatory: Observatory, advance: Advance
) -> None:
    _open_up(observatory, advance)
    assert _expose(observatory, advance, 0, 0.01, False) > 2000
    assert _expose(observatory, advance, 1, 1.0, False) == pytest.approx(1000, abs=10)


def test_cover_and_roof_keep_the_sky_out(observatory: Observatory, advance: Advance) -> None:
    _open_up(observatory, advance)
    do(observatory, "covercalibrator/0", "closecover")
    advance(10)
    assert _expose(observatory, advance, 0, 0.01, True) == pytest.approx(500, abs=2)


def test_daylight_leaks_through_the_closed_roof_into_a_dark_without_a_shutter(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "covercalibrator/0", "opencover")
    for n in (0, 1):
        do(observatory, f"camera/{n}", "setccdtemperature", SetCCDTemperature=-10)
        do(observatory, f"camera/{n}", "cooleron", CoolerOn=True)
    advance(6 * 3600)
    night = [_expose(observatory, advance, n, 300, False) for n in (0, 1)]
    advance(12 * 3600)
    day = [_expose(observatory, advance, n, 300, False) for n in (0, 1)]
    assert day[0] > night[0] + 50
    assert day[1] == pytest.approx(night[1], abs=10)


def test_a_panel_lights_the_telescope_through_its_closed_cover(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "covercalibrator/0", "calibratoron", Brightness=128)
    advance(5)
    assert 10_000 < _expose(observatory, advance, 0, 0.3, True) < 60_000


def test_a_mechanical_shutter_adds_its_error_to_the_light(observatory: Observatory, advance: Advance) -> None:
    _open_up(observatory, advance)
    rig, now = observatory.world.rigs[1], observatory.world.now_s()
    short, long = (observatory.world.expose(rig, now, d, -20.0, True).sky_e for d in (0.1, 0.2))
    assert long / short == pytest.approx(0.22 / 0.12, rel=0.01)


def test_a_long_exposure_holds_the_sum_of_short_ones_of_a_falling_sky(
    observatory: Observatory, advance: Advance
) -> None:
    _open_up(observatory, advance)
    world, rig, now = observatory.world, observatory.world.rigs[0], observatory.world.now_s()
    long = world.expose(rig, now, 60.0, 0.0, True).sky_e
    parts = [world.expose(rig, now + second, 1.0, 0.0, True).sky_e for second in range(60)]
    assert long == pytest.approx(sum(parts), rel=1e-6)
    assert parts[-1] < 0.95 * parts[0]


def test_a_roof_that_moves_during_an_exposure_lets_a_part_of_the_light_in(
    observatory: Observatory, advance: Advance
) -> None:
    do(observatory, "covercalibrator/0", "opencover")
    do(observatory, "telescope/0", "unpark")
    do(observatory, "telescope/0", "slewtoaltazasync", Azimuth=60, Altitude=76)
    advance(60)
    now, world, rig = observatory.world.now_s(), observatory.world, observatory.world.rigs[0]
    do(observatory, "dome/0", "openshutter")
    advance(90)
    opening, opened = (world.expose(rig, now + late, 45.0, 0.0, True).sky_e for late in (0, 45))
    assert 0.3 < opening / opened < 0.8


def test_stars_come_out_trail_when_the_mount_stands_and_move_with_a_dither(
    clock: SimulatedClock, advance: Advance
) -> None:
    observatory = Observatory(clock, demo_settings(seed=7, width_px=500, height_px=400))
    for device in observatory.devices.values():
        device.connected = True
    _open_up(observatory, advance)
    world, rig = observatory.world, observatory.world.rigs[0]

    def stars() -> NDArray[np.float32]:
        drawn = world.expose(rig, world.now_s(), 20.0, 0.0, True).stars_e
        assert drawn is not None
        return drawn

    assert world.expose(rig, world.now_s(), 0.001, 0.0, True).stars_e is None
    advance(2.5 * 3600)
    trailed = stars()
    do(observatory, "telescope/0", "tracking", Tracking=True)
    round_ = stars()
    assert round_.max() > 3 * trailed.max()
    advance(100)
    assert np.allclose(stars(), round_, rtol=0.01, atol=0.05 * round_.max())
    ra, dec = (read(observatory, "telescope/0", m) for m in ("rightascension", "declination"))
    do(observatory, "telescope/0", "slewtocoordinatesasync", RightAscension=ra, Declination=dec + 10 / 3600)
    advance(20)
    assert np.allclose(stars()[50:300], round_[60:310], atol=0.05 * round_.max())


def test_the_command_log_holds_every_command_with_its_time_and_error(observatory: Observatory) -> None:
    before = len(observatory.command_log)
    do(observatory, "filterwheel/0", "position", Position=1)
    error_of(observatory, "filterwheel/0", "position", Position=99)
    with pytest.raises(BadRequest):
        do(observatory, "filterwheel/0", "position", Position="x")
    good, bad, unreadable = observatory.command_log[before:]
    assert (good.device, good.member, good.parameters) == ("filterwheel/0", "position", {"Position": "1"})
    assert good.time == observatory.clock.now()
    assert [c.error_number for c in (good, bad, unreadable)] == [0, 0x401, 400]


def test_the_weather_station_reports_the_worlds_weather(observatory: Observatory, advance: Advance) -> None:
    assert read(observatory, "observingconditions/0", "skyquality") < 12
    assert read(observatory, "observingconditions/0", "cloudcover") == 0
    advance(5 * 3600)
    assert read(observatory, "observingconditions/0", "skyquality") > 16
    assert read(observatory, "observingconditions/0", "cloudcover") > 50
    assert not read(observatory, "safetymonitor/0", "issafe")
