"""The mount: it points where the sky is flattest, whatever way it slews, and stands still there."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from itertools import pairwise
from typing import Any

import pytest

from capture.alpaca.devices import Telescope
from capture.clock import SimulatedClock
from capture.config import Config, FlatsConfig
from capture.errors import DeviceError, DeviceTimeout, Unsafe
from capture.frame import Frame, Kind
from capture.guard.client import RoofState
from capture.rig.flat_spot import FLAT_SPOT_ZENITH_DISTANCE_DEG
from simulators import Observatory, ObservatorySettings, demo_settings
from simulators.faults import Fault
from simulators.members import Member, absent
from simulators.settings import SiteSettings
from simulators.sun import separation_deg, sun_alt_az
from tests.capture.rig.bench import RigBench
from tests.wire import Wire
from tests.worker import as_worker

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
@as_worker
def test_every_kind_of_mount_finds_the_flat_spot_and_stands_there(
    open_bench: RigBench, clock: SimulatedClock, wire: Wire, slews_alt_az: bool
) -> None:
    wire.says[ALT_AZ] = slews_alt_az
    with open_bench.rig() as rig:
        assert rig.mount is not None
        rig.mount.point_at_flat_spot()
        assert true_distance_deg(open_bench) < 1
        assert rig.mount.pointing().distance_deg(rig.mount.flat_spot()) < 1
        assert not bool(open_bench.world_rig.mount.tracking(0))
        before = rig.mount.pointing()
        clock.sleep(60)
        assert rig.mount.pointing().distance_deg(before) < 0.001
    slews = {command.member for command in open_bench.commands("slewtoaltazasync", "slewtocoordinatesasync")}
    assert slews == {"slewtoaltazasync" if slews_alt_az else "slewtocoordinatesasync"}


@as_worker
def test_a_mount_that_is_near_enough_is_not_moved(open_bench: RigBench, clock: SimulatedClock) -> None:
    with open_bench.rig() as rig:
        rig.mount.point_at_flat_spot()
        rig.mount.point_at_flat_spot()
        clock.sleep(3600)
        rig.mount.point_at_flat_spot()
        assert true_distance_deg(open_bench) < 3
    assert len(open_bench.commands("slewtoaltazasync")) <= 2
    assert len(open_bench.commands("unpark")) == 1


@pytest.mark.parametrize("slews_alt_az", [True, False], ids=["alt/az", "ra/dec"])
@as_worker
def test_a_tracking_mount_is_pointed_all_the_same(
    open_bench: RigBench, clock: SimulatedClock, wire: Wire, slews_alt_az: bool
) -> None:
    wire.says[ALT_AZ] = slews_alt_az
    telescope = open_bench.observatory.devices["telescope", 0]
    with open_bench.rig() as rig:
        telescope.call("put", "unpark", {})
        telescope.call("put", "tracking", {"Tracking": "true"})
        rig.mount.point_at_flat_spot()
        assert true_distance_deg(open_bench) < 1
        assert telescope.call("get", "tracking", {}) is False


def test_a_mount_that_cannot_slew_is_refused(open_bench: RigBench, clock: SimulatedClock, wire: Wire) -> None:
    for member in ("canslew", "canslewasync", "canslewaltaz", "canslewaltazasync"):
        wire.says["telescope/0", member] = False

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
            rig.mount.point_at_flat_spot()

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
            rig.mount.point(rig.mount.flat_spot())

    with pytest.raises(Unsafe, match="rain"):
        clock.run(main)
    assert len(open_bench.commands("unpark")) == 1


@as_worker
def test_parking_waits_for_at_park(open_bench: RigBench, clock: SimulatedClock) -> None:
    with open_bench.rig() as rig:
        assert rig.mount is not None
        rig.mount.point_at_flat_spot()
        assert not rig.mount.is_parked()
        rig.mount.park()
        assert rig.mount.is_parked()
        rig.mount.park()
    assert len(open_bench.commands("park")) == 1


def star_steps_arcsec(bench: RigBench, times_s: list[float]) -> list[float]:
    """How far the field has moved against the stars between one time and the next, in the world."""
    mount = bench.world_rig.mount
    fields = []
    for t in times_s:
        hour_angle_deg, declination_deg = (float(x) for x in mount.ha_dec(t))
        fields.append((declination_deg, float(mount.sidereal_deg(t)) - hour_angle_deg))
    return [float(separation_deg(*a, *b)) * 3600 for a, b in pairwise(fields)]


def kinds_of_mount(**changes: Any) -> Any:
    """A fixture's settings whose first rig's mount is so."""
    demo = demo_settings(seed=7, width_px=96, height_px=64)
    return replace(demo, rigs=(replace(demo.rigs[0], **changes), *demo.rigs[1:]))


class TestMountsOfEveryKind:
    """Each of Alpaca's ways to slew, with and without tracking that can be switched, and parking."""

    @pytest.fixture(
        params=[
            {"slews": "alt_az"},
            {"slews": "ra_dec"},
            {"slews": "alt_az", "slews_async": False},
            {"slews": "ra_dec", "slews_async": False},
            {"slews": "ra_dec", "switches_tracking": False},
            {"slews": "both", "switches_tracking": False, "parks": False},
            {"slews": "both", "parks": False},
        ],
        ids=lambda changes: " ".join(f"{key}={value}" for key, value in changes.items()),
    )
    def settings(self, request: pytest.FixtureRequest) -> ObservatorySettings:
        return kinds_of_mount(**request.param)

    @as_worker
    def test_stay_at_the_spot_while_the_stars_move_on(
        self, open_bench: RigBench, clock: SimulatedClock
    ) -> None:
        exposed: list[float] = []
        offs_deg: list[float] = []
        with open_bench.rig() as rig, rig.ready_for_sky():
            frame: Frame | None = None
            for _ in range(40):
                rig.stay_at_flat_spot(frame)
                exposed.append(open_bench.observatory.world.now_s())
                frame = rig.expose(rig.spec(Kind.FLAT, 0.2, "R"))
                offs_deg.append(true_distance_deg(open_bench))
                if len(exposed) % 10 == 0:
                    clock.sleep(600)
        assert max(offs_deg) < 3.5
        assert min(star_steps_arcsec(open_bench, exposed)) > 11.5

    @as_worker
    def test_are_left_without_an_error(self, open_bench: RigBench, clock: SimulatedClock) -> None:
        with open_bench.rig() as rig:
            assert rig.mount is not None
            with rig.ready_for_sky():
                pass
            rig.mount.park()
        assert [command.error for command in open_bench.commands("park", "tracking") if command.error] == []


class TestWhatAMountCannotDo:
    @pytest.fixture
    def settings(self) -> ObservatorySettings:
        return kinds_of_mount(slews="ra_dec", switches_tracking=False, parks=False)

    @as_worker
    def test_is_told(self, open_bench: RigBench, clock: SimulatedClock) -> None:
        with open_bench.rig():
            pass
        told = [entry.text for entry in open_bench.entries]
        assert any("cannot be parked" in text for text in told)
        assert any("tracking cannot be switched" in text for text in told)


class TestNearThePole:
    """At noon in November, 76 deg north, the Sun stands at -6 deg and the flat spot at the very pole."""

    @pytest.fixture
    def clock(self) -> SimulatedClock:
        return SimulatedClock(datetime(2026, 11, 21, 18, 49, tzinfo=UTC))

    @pytest.fixture
    def settings(self) -> ObservatorySettings:
        return replace(kinds_of_mount(), site=SiteSettings(76.0, -105.5, 100.0))

    @pytest.fixture
    def config(self, config: Config) -> Config:
        north = config.site.model_copy(update={"latitude_deg": 76.0})
        return config.model_copy(update={"site": north})

    @as_worker
    def test_the_mount_moves_where_the_sky_does_not(
        self, open_bench: RigBench, clock: SimulatedClock
    ) -> None:
        world = open_bench.observatory.world
        exposed: list[float] = []
        with open_bench.rig() as rig:
            assert rig.mount is not None
            rig.mount.point_at_flat_spot()
            assert float(open_bench.world_rig.mount.ha_dec(world.now_s())[1]) > 89
            for _ in range(8):
                exposed.append(world.now_s())
                clock.sleep(2)
                rig.mount.move_off_stars(2.0)
        assert min(star_steps_arcsec(open_bench, exposed)) > 12
        assert max(b - a for a, b in pairwise(exposed)) < 10, "and it takes but seconds"


class TestTheSunWhileItIsUp:
    @pytest.fixture
    def clock(self) -> SimulatedClock:
        return SimulatedClock(datetime(2026, 11, 21, 23, 48, tzinfo=UTC))

    def test_is_kept_away_from_wherever_the_mount_is_moved_to(
        self, open_bench: RigBench, clock: SimulatedClock
    ) -> None:
        world = open_bench.observatory.world
        world_mount = open_bench.world_rig.mount

        def main() -> None:
            with open_bench.rig(flats=FlatsConfig(sun_distance_deg=50.0)) as rig, rig.ready_for_sky():
                now = world.now_s()
                sun_azimuth = float(sun_alt_az(now, 32.9, -105.5)[1])
                world_mount.slew_to_alt_az(now, 40.0, sun_azimuth)
                rig.patience.pause(60)

        with pytest.raises(Unsafe, match=r"T1: the mount points \d+ deg from the Sun, allowed is 50"):
            clock.run(main)
        now = world.now_s()
        at = tuple(float(x) for x in world_mount.alt_az(now))
        assert separation_deg(*at, *sun_alt_az(now, 32.9, -105.5)) > 20
        assert not world_mount.slewing(now)
        assert open_bench.world_rig.cover.value(now) == 0


def test_a_mount_whose_clock_is_wrong_is_found_out(
    open_bench: RigBench, clock: SimulatedClock, wire: Wire
) -> None:
    def main() -> None:
        with open_bench.rig() as rig:
            assert rig.mount is not None
            wire.says["telescope/0", "altitude"] = 60.0
            rig.mount.point_at_flat_spot()

    with pytest.raises(DeviceError, match=r"arrived, but it stands 16 deg from where it was sent; check its"):
        clock.run(main)


@pytest.mark.parametrize("member", ["slewtoaltazasync", "park"])
def test_a_mount_that_somebody_else_moves_is_not_fought_over(
    open_bench: RigBench, clock: SimulatedClock, member: str
) -> None:
    telescope = open_bench.observatory.devices["telescope", 0]
    there = {"Azimuth": "200", "Altitude": "50"} if member != "park" else {}

    def main() -> None:
        with open_bench.rig() as rig, rig.ready_for_sky():
            telescope.call("put", member, there)
            clock.sleep(60)
            rig.stay_at_flat_spot()

    with pytest.raises(DeviceError, match="T1: somebody else uses the mount"):
        clock.run(main)
    assert len(open_bench.commands("slewtoaltazasync", "park")) == 2


@as_worker
def test_a_mount_that_knows_no_alt_az_is_located_by_its_coordinates(
    open_bench: RigBench, clock: SimulatedClock
) -> None:
    telescope = open_bench.observatory.devices["telescope", 0]
    for member in ("altitude", "azimuth"):
        telescope.members["get", member] = Member(absent(member), (), True)
    with open_bench.rig() as rig:
        assert rig.mount is not None
        rig.mount.point_at_flat_spot()
        assert true_distance_deg(open_bench) < 1
        assert rig.mount.pointing().distance_deg(rig.mount.flat_spot()) < 1


@as_worker
def test_a_mount_that_answers_when_it_is_there_is_not_told_twice(
    open_bench: RigBench, observatory: Observatory, clock: SimulatedClock
) -> None:
    observatory.faults.add(Fault("telescope/0", "slewtoaltazasync", "slow", seconds=100.0))
    with open_bench.rig() as rig:
        assert rig.mount is not None
        rig.mount.point_at_flat_spot()
        assert true_distance_deg(open_bench) < 1
    assert len(open_bench.commands("slewtoaltazasync")) == 1


@pytest.mark.parametrize("slews", ["alt_az", "ra_dec"])
class TestAMountThatAnswersWhenItIsThere:
    @pytest.fixture(params=[4.0, 1.0, 0.5])
    def deg_per_s(self, request: pytest.FixtureRequest) -> float:
        return float(request.param)

    @pytest.fixture
    def settings(self, slews: Any, deg_per_s: float) -> ObservatorySettings:
        return kinds_of_mount(slews=slews, slews_async=False, slew_deg_per_s=deg_per_s)

    def test_is_waited_for_and_told_once(
        self, open_bench: RigBench, clock: SimulatedClock, slews: str, deg_per_s: float
    ) -> None:
        def main() -> float:
            with open_bench.rig() as rig:
                assert rig.mount is not None
                begun = clock.monotonic()
                rig.mount.point_at_flat_spot()
                return clock.monotonic() - begun

        took_s = clock.run(main)
        assert true_distance_deg(open_bench) < 1
        assert took_s == pytest.approx(80 / deg_per_s, rel=0.25)
        assert len(open_bench.commands("slewtoaltaz", "slewtocoordinates")) == 1

    def test_holds_its_caller_no_longer_than_a_slow_write(
        self, config: Config, clock: SimulatedClock, slews: str, deg_per_s: float
    ) -> None:
        def main() -> float:
            assert config.rig[0].telescope is not None
            mount = Telescope(config.rig[0].telescope)
            mount.open(clock)
            mount.Unpark()
            begun = clock.monotonic()
            with suppress(DeviceTimeout):
                if slews == "alt_az":
                    mount.SlewToAltAz(0.0, 85.0)
                else:
                    mount.Tracking = True
                    mount.SlewToCoordinates((mount.SiderealTime - 1.0) % 24, 35.0)
            mount.close()
            return clock.monotonic() - begun

        assert clock.run(main) == pytest.approx(min(60.0, 80 / deg_per_s), rel=0.25)
