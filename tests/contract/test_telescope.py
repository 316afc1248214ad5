"""What nightcal relies on in a mount."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest
from alpaca.telescope import AlignmentModes, EquatorialCoordinateType

from capture.alpaca.devices import Telescope
from capture.errors import DeviceRefused
from tests.contract.bench import Bench

LONGEST_SLEW_S = 240.0


@pytest.fixture
def mount(bench: Bench) -> Telescope:
    return bench.device(Telescope)


@pytest.fixture
def free(bench: Bench, mount: Telescope) -> Iterator[Telescope]:
    """Unparked, still, not tracking; parked at the end."""
    if mount.AtPark:
        mount.Unpark()
    bench.wait(lambda: not mount.AtPark and not mount.Slewing, LONGEST_SLEW_S)
    mount.Tracking = False
    yield mount
    park(bench, mount)


def park(bench: Bench, mount: Telescope) -> None:
    if not mount.AtPark:
        mount.Park()
        bench.wait(lambda: bool(mount.AtPark), LONGEST_SLEW_S)


def test_it_says_what_it_can(mount: Telescope) -> None:
    assert mount.CanSlewAltAzAsync or mount.CanSlewAsync
    for can in (mount.CanPark, mount.CanUnpark, mount.CanSetTracking):
        assert can in (True, False)
    assert AlignmentModes(mount.AlignmentMode) in AlignmentModes
    assert EquatorialCoordinateType(mount.EquatorialSystem) in EquatorialCoordinateType


def test_it_says_where_it_stands_and_where_it_looks(mount: Telescope) -> None:
    assert -90 <= mount.SiteLatitude <= 90
    assert -180 <= mount.SiteLongitude <= 180
    assert -90 <= mount.Altitude <= 90
    assert 0 <= mount.Azimuth < 360
    assert 0 <= mount.RightAscension < 24
    assert -90 <= mount.Declination <= 90
    assert 0 <= mount.SiderealTime < 24


def test_its_clock_is_right(bench: Bench, mount: Telescope) -> None:
    assert abs(mount.UTCDate - bench.clock.now()) < timedelta(minutes=1)


@pytest.mark.moves
def test_it_slews_to_an_altitude_and_azimuth_and_stays_there(bench: Bench, free: Telescope) -> None:
    if not free.CanSlewAltAzAsync:
        pytest.skip("it cannot slew in Alt/Az")
    free.SlewToAltAzAsync(120.0, 70.0)
    assert free.Slewing is True
    bench.wait(lambda: not free.Slewing, LONGEST_SLEW_S)
    assert free.Altitude == pytest.approx(70, abs=0.2)
    assert free.Azimuth == pytest.approx(120, abs=0.5)
    assert free.Tracking is False


@pytest.mark.moves
def test_it_slews_to_coordinates_and_tracks(bench: Bench, free: Telescope) -> None:
    if not free.CanSlewAsync:
        pytest.skip("it cannot slew in RA/Dec")
    free.Tracking = True
    sidereal_h, declination_deg = float(free.SiderealTime), float(free.SiteLatitude)
    free.SlewToCoordinatesAsync(sidereal_h, declination_deg - 10)
    assert free.Slewing is True
    bench.wait(lambda: not free.Slewing, LONGEST_SLEW_S)
    assert free.RightAscension == pytest.approx(sidereal_h, abs=0.05)
    assert free.Declination == pytest.approx(declination_deg - 10, abs=0.2)
    assert free.Tracking is True


@pytest.mark.moves
def test_tracking_reads_as_it_was_set(free: Telescope) -> None:
    for tracking in (True, False):
        free.Tracking = tracking
        assert free.Tracking is tracking


@pytest.mark.moves
def test_it_is_at_park_only_when_it_has_arrived(bench: Bench, free: Telescope) -> None:
    if not free.CanSlewAltAzAsync:
        pytest.skip("it cannot slew in Alt/Az")
    free.SlewToAltAzAsync(120.0, 70.0)
    bench.wait(lambda: not free.Slewing, LONGEST_SLEW_S)
    free.Park()
    assert free.AtPark is False
    bench.wait(lambda: bool(free.AtPark), LONGEST_SLEW_S)
    assert free.Slewing is False
    assert free.Tracking is False


@pytest.mark.moves
def test_parking_a_parked_mount_is_no_error(bench: Bench, mount: Telescope) -> None:
    park(bench, mount)
    mount.Park()
    assert mount.AtPark is True


@pytest.mark.moves
def test_a_parked_mount_refuses_to_slew(bench: Bench, mount: Telescope) -> None:
    park(bench, mount)
    with pytest.raises(DeviceRefused) as caught:
        mount.SlewToAltAzAsync(120.0, 70.0) if mount.CanSlewAltAzAsync else mount.SlewToCoordinatesAsync(1, 1)
    assert caught.value.number in (0x408, 0x40B)
    assert mount.AtPark is True


@pytest.mark.moves
def test_a_direction_that_there_is_not_is_refused_as_an_invalid_value(free: Telescope) -> None:
    if not free.CanSlewAltAzAsync:
        pytest.skip("it cannot slew in Alt/Az")
    for azimuth, altitude in ((120.0, 91.0), (400.0, 50.0)):
        with pytest.raises(DeviceRefused) as caught:
            free.SlewToAltAzAsync(azimuth, altitude)
        assert caught.value.number == 0x401


@pytest.mark.moves
def test_a_slew_can_be_broken_off(bench: Bench, free: Telescope) -> None:
    if not free.CanSlewAltAzAsync:
        pytest.skip("it cannot slew in Alt/Az")
    free.SlewToAltAzAsync(200.0, 60.0)
    free.AbortSlew()
    bench.wait(lambda: not free.Slewing, 10)
