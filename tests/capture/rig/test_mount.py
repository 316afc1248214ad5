"""The mount: it points where the sky is flattest, whatever way it slews, and stands still there."""

from __future__ import annotations

from datetime import UTC, datetime

import astropy.units as u
import numpy as np
import pytest
from astropy.coordinates import TETE, AltAz, EarthLocation, SkyCoord
from astropy.time import Time
from astropy.utils import iers

from capture.alpaca.devices import Telescope
from capture.clock import SimulatedClock
from capture.config import DeviceAddress
from capture.errors import DeviceError, DeviceTimeout, Unsafe
from capture.guard.client import RoofState
from capture.rig.mount import FLAT_SPOT_ZENITH_DISTANCE_DEG, Mount
from capture.rig.patience import Patience
from capture.site import Site
from simulators.sun import separation_deg, sun_alt_az
from tests.capture.rig.bench import RigBench
from tests.wire import Wire

ALT_AZ = ("telescope/0", "canslewaltazasync")


def true_distance_deg(bench: RigBench) -> float:
    """From where the world's mount points to the flat spot by the world's own Sun."""
    world = bench.observatory.world
    now = world.now_s()
    altitude, azimuth = (float(x) for x in bench.world_rig.mount.alt_az(now))
    site = world.settings.site
    sun_azimuth = float(sun_alt_az(now, site.latitude_deg, site.longitude_deg)[1])
    spot = (90 - FLAT_SPOT_ZENITH_DISTANCE_DEG, (sun_azimuth + 180) % 360)
    return float(separation_deg(altitude, azimuth, *spot))


@pytest.mark.parametrize("slews_alt_az", [True, False], ids=["alt/az", "ra/dec"])
def test_every_kind_of_mount_finds_the_flat_spot_and_stands_there(
    open_bench: RigBench, clock: SimulatedClock, wire: Wire, slews_alt_az: bool
) -> None:
    wire.says[ALT_AZ] = slews_alt_az

    def main() -> None:
        with open_bench.rig() as rig:
            assert rig.mount is not None
            rig.point_at_flat_spot()
            assert true_distance_deg(open_bench) < 1
            assert rig.mount.offset_from_flat_spot_deg() < 1
            assert not bool(open_bench.world_rig.mount.tracking(0))
            before = rig.mount.pointing()
            clock.sleep(60)
            assert rig.mount.pointing() == pytest.approx(before)

    clock.run(main)
    slews = {command.member for command in open_bench.commands("slewtoaltazasync", "slewtocoordinatesasync")}
    assert slews == {"slewtoaltazasync" if slews_alt_az else "slewtocoordinatesasync"}


def test_a_mount_that_is_near_enough_is_not_moved(open_bench: RigBench, clock: SimulatedClock) -> None:
    def main() -> None:
        with open_bench.rig() as rig:
            rig.point_at_flat_spot()
            rig.point_at_flat_spot()
            clock.sleep(3600)
            rig.point_at_flat_spot()
            assert true_distance_deg(open_bench) < 3

    clock.run(main)
    assert len(open_bench.commands("slewtoaltazasync")) <= 2
    assert len(open_bench.commands("unpark")) == 1


@pytest.mark.parametrize("slews_alt_az", [True, False], ids=["alt/az", "ra/dec"])
def test_a_tracking_mount_is_pointed_all_the_same(
    open_bench: RigBench, clock: SimulatedClock, wire: Wire, slews_alt_az: bool
) -> None:
    wire.says[ALT_AZ] = slews_alt_az
    telescope = open_bench.observatory.devices["telescope", 0]

    def main() -> None:
        with open_bench.rig() as rig:
            telescope.call("put", "unpark", {})
            telescope.call("put", "tracking", {"Tracking": "true"})
            rig.point_at_flat_spot()
            assert true_distance_deg(open_bench) < 1
            assert telescope.call("get", "tracking", {}) is False

    clock.run(main)


def test_a_mount_that_cannot_slew_is_refused(open_bench: RigBench, clock: SimulatedClock, wire: Wire) -> None:
    wire.says[ALT_AZ] = False
    wire.says["telescope/0", "canslewasync"] = False

    def main() -> None:
        with open_bench.rig():
            pass

    with pytest.raises(DeviceError, match="T1: the mount can slew neither in Alt/Az nor in RA/Dec"):
        clock.run(main)


def test_a_slew_that_does_not_end_runs_into_its_deadline(
    open_bench: RigBench, clock: SimulatedClock, wire: Wire
) -> None:
    wire.says["telescope/0", "slewing"] = True

    def main() -> None:
        with open_bench.rig() as rig:
            rig.point_at_flat_spot()

    with pytest.raises(DeviceTimeout, match="T1: the slew"):
        clock.run(main)


def test_a_mount_that_the_guard_has_parked_is_not_unparked_again(
    open_bench: RigBench, clock: SimulatedClock
) -> None:
    def main() -> None:
        with open_bench.rig() as rig, rig.ready_for_sky():
            assert rig.mount is not None
            open_bench.observatory.devices["telescope", 0].call("put", "park", {})
            clock.sleep(60)
            open_bench.guard.says(safe=False, roof=RoofState.CLOSING, reasons=("rain",))
            rig.mount.point(*rig.mount.flat_spot())

    with pytest.raises(Unsafe, match="rain"):
        clock.run(main)
    assert len(open_bench.commands("unpark")) == 1


def test_parking_waits_for_at_park(open_bench: RigBench, clock: SimulatedClock) -> None:
    def main() -> None:
        with open_bench.rig() as rig:
            assert rig.mount is not None
            rig.point_at_flat_spot()
            assert not rig.mount.is_parked()
            rig.mount.park()
            assert rig.mount.is_parked()
            rig.mount.park()

    clock.run(main)
    assert len(open_bench.commands("park")) == 1


@pytest.mark.parametrize("latitude_deg", [-70.0, -30.2, 0.1, 32.9, 65.0])
@pytest.mark.parametrize("azimuth_deg", [3.0, 120.0, 200.0, 290.0])
def test_coordinates_of_a_direction_agree_with_astropy(latitude_deg: float, azimuth_deg: float) -> None:
    when = datetime(2024, 5, 2, 3, 4, 5, tzinfo=UTC)
    site = Site("Test", latitude_deg, -105.5, 2225.0, "America/Denver")
    clock = SimulatedClock(when)
    telescope = Telescope(DeviceAddress(host="127.0.0.1", port=1, number=0))
    mount = Mount("T1", telescope, site, Patience("T1", clock), clock)
    with iers.conf.set_temp("auto_download", False):
        place = EarthLocation.from_geodetic(-105.5, latitude_deg, 2225.0)
        altitudes = np.array([20.0, 50.0, 76.0, 89.0])
        frame = AltAz(obstime=Time(when), location=place)
        directions = SkyCoord(
            alt=altitudes * u.deg, az=np.full(4, azimuth_deg) * u.deg, distance=1e9 * u.pc, frame=frame
        )
        truth = directions.transform_to(TETE(obstime=Time(when), location=place))
        ours = [mount.to_ra_dec(float(altitude), azimuth_deg) for altitude in altitudes]
        found = SkyCoord(
            ra=[ra for ra, _ in ours] * u.hourangle, dec=[dec for _, dec in ours] * u.deg, frame=truth.frame
        )
        assert found.separation(truth).max() < 0.05 * u.deg
