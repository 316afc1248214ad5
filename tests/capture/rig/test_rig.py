"""The rig over HTTP: what it learns as it connects, and two of them under the real guard."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pytest

from capture.clock import SimulatedClock
from capture.config import Config
from capture.errors import (
    BadInput,
    DeviceUnreachable,
    Unsafe,
)
from capture.frame import Frame, FrameSpec, Kind
from capture.guard.client import RoofState
from capture.rig.rig import Rig
from simulators import Observatory, Server
from tests.capture.guard.bench import UNSAFE, Bench
from tests.capture.rig.bench import RigBench, on_a_rig
from tests.wire import Wire
from tests.worker import as_worker


class TestConnecting:
    @as_worker
    def test_reads_what_the_camera_says_of_itself(self, shut_bench: RigBench, clock: SimulatedClock) -> None:
        with shut_bench.rig() as rig:
            facts = rig.camera
            assert facts.name == "T1 CMOS camera"
            assert (facts.width_px, facts.height_px) == (96, 64)
            assert facts.pixel_size_um == (3.76, 3.76)
            assert facts.electrons_per_adu == pytest.approx(0.8)
            assert facts.saturation_adu == pytest.approx(51_000 / 0.8), "the well fills before the converter"
            assert (facts.gain, facts.offset) == (0, 50)
            assert facts.readout_modes == ("Normal", "Low noise")
            assert facts.bayer_pattern is None
            assert facts.can_cool
            assert rig.filters == ("L", "R", "G", "B", "Ha", "OIII", "SII")

    @as_worker
    def test_leaves_out_what_the_camera_does_not_have(
        self, ccd_bench: RigBench, clock: SimulatedClock
    ) -> None:
        with ccd_bench.rig() as rig:
            assert (rig.camera.gain, rig.camera.offset) == (None, None)
            assert rig.camera.saturation_adu == 65535
            spec = rig.spec(Kind.FLAT, 2.0, "V")
            assert (spec.gain, spec.offset, spec.readout_mode) == (None, None, None)
            assert spec.set_temperature_c == -20

    def test_ends_an_exposure_that_a_vanished_client_left_running(
        self, shut_bench: RigBench, clock: SimulatedClock
    ) -> None:
        camera = shut_bench.observatory.devices["camera", 0]
        camera.connected = True
        camera.call("put", "startexposure", {"Duration": "3000", "Light": "false"})
        frame = on_a_rig(shut_bench, lambda rig: rig.expose(FrameSpec(Kind.DARK, 1.0)))
        assert frame is not None
        assert clock.monotonic() < 10

    def test_takes_a_rig_of_only_a_camera(self, shut_bench: RigBench) -> None:
        bare = {"filter_wheel": None, "telescope": None, "cover_calibrator": None, "cooling": None}

        def work(rig: Rig) -> Frame:
            assert rig.filters == ()
            rig.cool()
            rig.stay_at_flat_spot()
            with pytest.raises(BadInput, match="it has none"):
                rig.select_filter("R")
            with rig.ready_for_dark():
                return rig.expose(rig.spec(Kind.DARK, 1.0))

        frame = on_a_rig(shut_bench, work, **bare)
        assert frame is not None
        assert frame.facts.altitude_deg is None

    def test_to_a_server_that_is_gone_names_device_and_remedy(
        self, shut_bench: RigBench, served: Server
    ) -> None:
        served.close()
        with pytest.raises(DeviceUnreachable, match=r"camera 0 at .*; check that its server runs"):
            on_a_rig(shut_bench, lambda _: None)


@pytest.mark.parametrize("onset_s", [160.0, 182.2, 204.4])
@as_worker
def test_under_the_real_guard_danger_ends_flats_parks_and_closes_in_time(
    config: Config, observatory: Observatory, wire: Wire, clock: SimulatedClock, onset_s: float
) -> None:
    site = Bench(config, observatory)
    rigs = [RigBench(config, observatory, RoofState.SHUT, rig=number) for number in (0, 1)]

    def flats(rig: Rig, filter_name: str) -> None:
        with rig.ready_for_sky():
            while True:
                rig.expose(rig.spec(Kind.FLAT, 20.0, filter_name))

    with site.guard() as guard, rigs[0].rig(guard) as first, rigs[1].rig(guard) as second:
        workers = [
            clock.spawn(lambda: flats(first, "Ha"), "T1", rank=20),
            clock.spawn(lambda: flats(second, "V"), "T2", rank=21),
        ]
        clock.sleep(onset_s - clock.monotonic())
        assert site.roof_is_open
        wire.says[UNSAFE] = False
        for worker in workers:
            with pytest.raises(Unsafe):
                worker.join()
        clock.sleep(120)
        assert site.roof_is_shut
    world = observatory.world
    aborts, parks, closes = site.when("abortexposure"), site.when("park"), site.when("closeshutter")
    assert len(aborts) == 2
    assert max(aborts) - onset_s <= 10
    parks = [at for at in parks if at >= onset_s]
    assert len(parks) == 2
    assert max(parks) - onset_s <= 10
    (close,) = closes
    start = (clock.now() - timedelta(seconds=clock.monotonic())).timestamp()
    steps = np.arange(onset_s, close + 1, 0.1)
    at_park = next(s for s in steps if all(rig.mount.parked(start + s) for rig in world.rigs))
    assert 0 <= close - at_park <= 10
    assert world.collisions == []
    assert all(not rig.mount.tracking(world.now_s()) for rig in world.rigs)
    assert all(rig.cover.value(world.now_s()) == 0 for rig in world.rigs)
