"""A camera is not believed: old images, other clients, time-outs and nonsense are met in exposing."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from capture.clock import SimulatedClock
from capture.errors import DeviceError, DeviceTimeout, DeviceUnreachable
from capture.frame import Frame, FrameSpec, Kind
from capture.rig.novelty import Novelty, Told, time_of
from capture.rig.rig import Rig
from simulators import Observatory
from simulators.faults import Fault
from tests.capture.rig.bench import RigBench, later
from tests.wire import Wire

DARK_60 = FrameSpec(Kind.DARK, 60.0)
CAMERA = "camera/0"


def on_a_rig(bench: RigBench, work: Callable[[Rig], Frame | None], **changes: Any) -> Frame | None:
    def main() -> Frame | None:
        with bench.rig(**changes) as rig:
            return work(rig)

    return bench.clock.run(main)


class TestAnOldImage:
    def test_is_known_by_its_pixels_and_taken_again_once(
        self, shut_bench: RigBench, observatory: Observatory
    ) -> None:
        observatory.faults.add(Fault(CAMERA, "imagearray", "stuck"))

        def work(rig: Rig) -> None:
            rig.expose(DARK_60)
            rig.expose(DARK_60)

        expected = "T1: the camera sent an old image: its pixels are those of the frame before"
        with pytest.raises(DeviceError, match=expected):
            on_a_rig(shut_bench, work)
        assert len(shut_bench.commands("startexposure")) == 3

    def test_that_is_followed_by_a_new_one_costs_no_more_than_time(
        self, shut_bench: RigBench, observatory: Observatory
    ) -> None:
        observatory.faults.add(Fault(CAMERA, "imagearray", "stuck", times=2))

        def work(rig: Rig) -> Frame:
            rig.expose(DARK_60)
            return rig.expose(DARK_60)

        frame = on_a_rig(shut_bench, work)
        assert frame is not None
        np.testing.assert_array_equal(frame.pixels, observatory.camera(0).image())
        assert frame.facts.started == shut_bench.commands("startexposure")[2].time
        (alarm,) = [entry for entry in shut_bench.entries if entry.kind == "alarm"]
        assert "the camera sent an old image" in alarm.text

    def test_of_a_client_before_us_is_known_by_its_start(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        camera = observatory.devices["camera", 0]
        camera.connected = True
        camera.call("put", "startexposure", {"Duration": "5", "Light": "false"})
        began = clock.now()

        def work(rig: Rig) -> Frame:
            clock.sleep(30)
            rig.disconnect()
            rig.connect()
            stuck = f"{began:%Y-%m-%dT%H:%M:%S}"
            observatory.faults.add(Fault(CAMERA, "lastexposurestarttime", "stuck", value=stuck, times=2))
            return rig.expose(DARK_60)

        on_a_rig(shut_bench, work)
        (alarm,) = [entry for entry in shut_bench.entries if entry.kind == "alarm"]
        assert "an old image: by its own word it was begun before" in alarm.text
        assert len(shut_bench.commands("startexposure")) == 3

    def test_is_not_what_a_driver_sends_that_never_changes_its_start(
        self, shut_bench: RigBench, wire: Wire
    ) -> None:
        def work(rig: Rig) -> Frame:
            rig.expose(DARK_60)
            wire.says[CAMERA, "lastexposurestarttime"] = "2000-01-01T00:00:00"
            for _ in range(3):
                frame = rig.expose(DARK_60)
            return frame

        assert on_a_rig(shut_bench, work) is not None

    @pytest.mark.parametrize("said", ["", "0", "yesterday", "0001-01-01T00:00:00"])
    def test_is_not_what_comes_without_a_start(self, shut_bench: RigBench, wire: Wire, said: str) -> None:
        def work(rig: Rig) -> Frame:
            wire.says[CAMERA, "lastexposurestarttime"] = said
            rig.expose(DARK_60)
            return rig.expose(DARK_60)

        assert on_a_rig(shut_bench, work) is not None

    def test_is_not_asked_for_although_it_is_said_to_be_ready_at_once(
        self, shut_bench: RigBench, wire: Wire, clock: SimulatedClock
    ) -> None:
        def work(rig: Rig) -> Frame:
            rig.expose(DARK_60)
            wire.says[CAMERA, "imageready"] = True
            begun = clock.monotonic()
            frame = rig.expose(DARK_60)
            assert clock.monotonic() - begun >= 60
            return frame

        assert on_a_rig(shut_bench, work) is not None


class TestTheTimeOfAnExposure:
    @pytest.mark.parametrize("said", [0.0, -1, 1e9, float("nan")])
    def test_is_what_we_asked_for_when_the_camera_talks_nonsense(
        self, shut_bench: RigBench, wire: Wire, said: float
    ) -> None:
        wire.says[CAMERA, "lastexposureduration"] = said
        frame = on_a_rig(shut_bench, lambda rig: rig.expose(DARK_60))
        assert frame is not None
        assert frame.facts.exposure_s == 60

    def test_is_the_cameras_own_when_it_is_plausible(self, shut_bench: RigBench, wire: Wire) -> None:
        wire.says[CAMERA, "lastexposureduration"] = 60.02
        frame = on_a_rig(shut_bench, lambda rig: rig.expose(DARK_60))
        assert frame is not None
        assert frame.facts.exposure_s == 60.02


@pytest.mark.parametrize("said", [float("nan"), float("inf"), -273.15, 1e6, "cold", None])
def test_a_temperature_that_makes_no_sense_is_none_and_costs_no_frame(
    shut_bench: RigBench, wire: Wire, said: object
) -> None:
    wire.says[CAMERA, "ccdtemperature"] = said
    frame = on_a_rig(shut_bench, lambda rig: rig.expose(DARK_60))
    assert frame is not None
    assert frame.facts.ccd_temperature_c is None


@pytest.mark.parametrize(
    ("member", "said"), [("electronsperadu", float("nan")), ("electronsperadu", 0), ("pixelsizex", 0),
                         ("fullwellcapacity", -1), ("maxadu", 0), ("exposuremax", float("nan"))],
)  # fmt: skip
def test_facts_that_make_no_sense_are_left_out(
    shut_bench: RigBench, wire: Wire, member: str, said: float
) -> None:
    wire.says[CAMERA, member] = said
    frame = on_a_rig(shut_bench, lambda rig: rig.expose(DARK_60))
    assert frame is not None
    assert frame.facts.saturation_adu > 0


@pytest.mark.parametrize("size", [0, -5, 2**31])
def test_a_sensor_of_an_impossible_size_is_refused(shut_bench: RigBench, wire: Wire, size: int) -> None:
    wire.says[CAMERA, "cameraxsize"] = size
    with pytest.raises(DeviceError, match="T1: the camera claims a sensor of"):
        on_a_rig(shut_bench, lambda _: None)


class TestAnotherClient:
    def test_that_is_exposing_is_given_way_to(self, shut_bench: RigBench, observatory: Observatory) -> None:
        camera = observatory.devices["camera", 0]

        def work(rig: Rig) -> None:
            rig.expose(DARK_60)
            camera.call("put", "startexposure", {"Duration": "500", "Light": "false"})
            rig.expose(DARK_60)

        with pytest.raises(DeviceError, match="T1: somebody else uses the camera: its state is exposing"):
            on_a_rig(shut_bench, work)
        assert len(shut_bench.commands("startexposure")) == 2
        assert shut_bench.commands("abortexposure") == []

    def test_is_not_aborted_by_a_new_connection_either(
        self, shut_bench: RigBench, observatory: Observatory
    ) -> None:
        camera = observatory.devices["camera", 0]

        def work(rig: Rig) -> None:
            rig.expose(DARK_60)
            camera.call("put", "startexposure", {"Duration": "500", "Light": "false"})
            with pytest.raises(DeviceError, match="somebody else"):
                rig.expose(DARK_60)
            rig.disconnect()
            with pytest.raises(DeviceError, match="somebody else"):
                rig.connect()
            shut_bench.clock.sleep(600)
            rig.connect()
            rig.expose(DARK_60)

        on_a_rig(shut_bench, work)
        assert shut_bench.commands("abortexposure") == []

    @pytest.mark.parametrize(
        ("member", "parameters", "sign"),
        [
            ("gain", {"Gain": "7"}, "its gain is 7 where we set 0"),
            ("offset", {"Offset": "7"}, "its offset is 7 where we set 50"),
            ("readoutmode", {"ReadoutMode": "1"}, "its readout mode is 1 where we set 0"),
            ("binx", {"BinX": "1"}, "its binning is 1 where we set 2"),
        ],
    )
    def test_that_changes_a_setting_is_noticed_before_the_next_frame(
        self,
        shut_bench: RigBench,
        observatory: Observatory,
        member: str,
        parameters: dict[str, str],
        sign: str,
    ) -> None:
        def work(rig: Rig) -> None:
            rig.expose(rig.spec(Kind.DARK, 60.0))
            observatory.devices["camera", 0].call("put", member, parameters)
            rig.expose(rig.spec(Kind.DARK, 60.0))

        with pytest.raises(DeviceError, match=f"T1: somebody else uses the camera: {sign}"):
            on_a_rig(shut_bench, work, binning=2)
        assert len(shut_bench.commands("startexposure")) == 1

    def test_is_not_suspected_where_the_camera_counts_its_gains_in_its_own_way(
        self, shut_bench: RigBench, wire: Wire
    ) -> None:
        def work(rig: Rig) -> None:
            wire.says["camera/0", "gain"] = 11
            for binning in (1, 1, 2, 1):
                rig.expose(replace(rig.spec(Kind.BIAS), binning=binning))
            wire.says["camera/0", "gain"] = 10
            rig.expose(rig.spec(Kind.BIAS))

        with pytest.raises(DeviceError, match="its gain is 10 where we set 10, which it called 11"):
            on_a_rig(shut_bench, work, gain=10)
        assert len(shut_bench.commands("startexposure")) == 4
        said = [entry.text for entry in shut_bench.entries if "did not take" in entry.text]
        assert said == ["the camera did not take gain 10, it says 11; that is held to be its way of counting"]

    def test_that_changes_the_subframe_is_noticed_by_the_images_size(
        self, shut_bench: RigBench, observatory: Observatory
    ) -> None:
        def work(rig: Rig) -> None:
            rig.expose(DARK_60)
            observatory.devices["camera", 0].call("put", "numx", {"NumX": "40"})
            rig.expose(DARK_60)

        with pytest.raises(DeviceError, match="its binning and size are 1, 40 x 64 where we set 1, 96 x 64"):
            on_a_rig(shut_bench, work)

    def test_whose_exposure_took_the_place_of_ours_is_noticed_by_its_times(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        camera = observatory.devices["camera", 0]

        def take_over() -> None:
            camera.call("put", "abortexposure", {})
            camera.call("put", "startexposure", {"Duration": "5", "Light": "false"})

        def work(rig: Rig) -> None:
            rig.expose(DARK_60)
            later(clock, 20, take_over)
            rig.expose(DARK_60)

        with pytest.raises(DeviceError, match="its image was exposed for 5 s, and we asked for 60 s"):
            on_a_rig(shut_bench, work)

    def test_that_lets_go_again_after_a_restart_of_ours_is_forgotten(self, shut_bench: RigBench) -> None:
        """What a client that vanished long ago left running is still aborted at the first connection."""
        camera = shut_bench.observatory.devices["camera", 0]
        camera.connected = True
        camera.call("put", "startexposure", {"Duration": "3000", "Light": "false"})
        assert on_a_rig(shut_bench, lambda rig: rig.expose(DARK_60)) is not None
        assert len(shut_bench.commands("abortexposure")) == 1


def test_a_camera_that_lost_its_connection_is_not_exposed_with(
    shut_bench: RigBench, observatory: Observatory
) -> None:
    def work(rig: Rig) -> None:
        rig.expose(DARK_60)
        observatory.devices["camera", 0].connected = False
        rig.expose(DARK_60)

    with pytest.raises(DeviceError, match="T1: the camera is no longer connected"):
        on_a_rig(shut_bench, work)


class TestAStartWithoutAnAnswer:
    def test_that_was_heard_is_waited_for_and_not_told_again(
        self, shut_bench: RigBench, observatory: Observatory
    ) -> None:
        observatory.faults.add(Fault(CAMERA, "startexposure", "hang", method="PUT", carried_out=True))
        frame = on_a_rig(shut_bench, lambda rig: rig.expose(DARK_60))
        assert frame is not None
        assert len(shut_bench.commands("startexposure")) == 1
        assert shut_bench.commands("abortexposure") == []

    def test_that_was_not_heard_is_an_error_and_aborted_to_be_sure(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        observatory.faults.add(Fault(CAMERA, "startexposure", "hang", method="PUT", carried_out=False))
        with pytest.raises(DeviceTimeout, match="PUT startexposure within 15 s"):
            on_a_rig(shut_bench, lambda rig: rig.expose(DARK_60))
        assert len(shut_bench.commands("abortexposure")) == 1
        assert 15 <= clock.monotonic() < 20


class TestAnExposureThatDoesNotEnd:
    def test_is_given_up_half_a_minute_after_its_time(
        self, shut_bench: RigBench, wire: Wire, clock: SimulatedClock
    ) -> None:
        def work(rig: Rig) -> None:
            later(clock, 5, lambda: wire.says.update({(CAMERA, "camerastate"): 2}))
            wire.says[CAMERA, "imageready"] = False
            rig.expose(DARK_60)

        with pytest.raises(DeviceTimeout, match=r"did not end within .*the camera's state is exposing"):
            on_a_rig(shut_bench, work)
        assert 90 <= clock.monotonic() <= 95
        assert len(shut_bench.commands("abortexposure")) == 1

    def test_without_an_image_names_the_state_and_a_remedy(
        self, shut_bench: RigBench, wire: Wire, clock: SimulatedClock
    ) -> None:
        wire.says[CAMERA, "imageready"] = False
        expected = r"T1: an exposure of 60 s was not done within 180 s; the camera's state is idle\. Look at"
        with pytest.raises(DeviceTimeout, match=expected):
            on_a_rig(shut_bench, lambda rig: rig.expose(DARK_60))

    def test_because_its_server_died_waits_for_its_restart_before_it_says_so(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        gone = Fault(CAMERA, "*", "refuse")

        def work(rig: Rig) -> None:
            later(clock, 30, lambda: observatory.faults.add(gone))
            later(clock, 90, observatory.faults.clear)
            with pytest.raises(DeviceUnreachable, match="GET imageready"):
                rig.expose(DARK_60)
            assert 90 <= clock.monotonic() < 95
            rig.disconnect()
            rig.connect()
            rig.expose(DARK_60)

        on_a_rig(shut_bench, work)

    def test_because_its_server_died_for_good_is_told_after_a_minute(
        self, shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock
    ) -> None:
        def work(rig: Rig) -> None:
            later(clock, 30, lambda: observatory.faults.add(Fault(CAMERA, "*", "refuse")))
            rig.expose(DARK_60)

        with pytest.raises(DeviceUnreachable):
            on_a_rig(shut_bench, work)
        assert 115 <= clock.monotonic() <= 130


class TestTheWheelAndTheMount:
    def test_a_wheel_that_answers_when_it_has_arrived_is_told_once(
        self, shut_bench: RigBench, observatory: Observatory
    ) -> None:
        observatory.faults.add(Fault("filterwheel/0", "position", "hang", method="PUT", carried_out=True))
        on_a_rig(shut_bench, lambda rig: rig.select_filter("G"))
        assert len(shut_bench.commands("position")) == 1

    def test_a_mount_that_answers_when_it_is_parked_is_told_once(
        self, open_bench: RigBench, observatory: Observatory
    ) -> None:
        def work(rig: Rig) -> None:
            assert rig.mount is not None
            rig.stay_at_flat_spot()
            observatory.faults.add(Fault("telescope/0", "park", "hang", method="PUT", carried_out=True))
            rig.mount.park()
            assert rig.mount.is_parked()

        on_a_rig(open_bench, work)
        assert len(open_bench.commands("park")) == 1


class TestNovelty:
    BEGAN = datetime(2026, 1, 1, tzinfo=UTC)

    def at(self, seconds: float) -> datetime:
        return self.BEGAN + timedelta(seconds=seconds)

    def noise(self, seed: int) -> np.ndarray:
        return np.random.default_rng(seed).integers(0, 1000, (300, 400)).astype(np.uint16)

    def told(self, seconds: float, exposure_s: float = 10.0) -> Told:
        return Told(self.at(seconds), exposure_s)

    @pytest.mark.parametrize("turned", [False, True])
    def test_the_same_pixels_are_old_unless_they_are_all_alike(self, turned: bool) -> None:
        novelty, pixels = Novelty(), self.noise(1)
        pixels = pixels.T if turned else pixels
        for n in range(3):
            flat = np.full_like(pixels, 65535)
            assert novelty.is_stale(flat, self.at(n * 20), self.told(n * 20)) is None
            assert novelty.is_anothers(self.at(n * 20), 10.0, self.told(n * 20)) is None
        assert novelty.is_stale(pixels, self.at(60), self.told(60)) is None
        assert novelty.is_stale(np.array(pixels), self.at(80), self.told(80)) is not None

    def test_a_clock_that_is_wrong_or_set_makes_no_stranger(self) -> None:
        novelty = Novelty()
        for n, offset_s in enumerate((3600, 3600, 3700, 3550)):
            began, told = self.at(n * 200), self.told(n * 200 + offset_s)
            assert novelty.is_stale(self.noise(n), began, told) is None
            assert novelty.is_anothers(began, 10.0, told) is None

    def test_short_frames_may_begin_in_the_same_second(self) -> None:
        novelty, second = Novelty(), self.told(0)
        for n in range(4):
            assert novelty.is_stale(self.noise(n), self.at(n * 0.3), second) is None
            assert novelty.is_anothers(self.at(n * 0.3), 10.0, second) is None

    @pytest.mark.parametrize("text", [None, "", "now", "2026-13-01T00:00:00"])
    def test_a_time_that_is_none_is_none(self, text: str | None) -> None:
        assert time_of(text) is None

    def test_a_time_without_a_zone_is_utc(self) -> None:
        assert time_of("2026-01-01T00:00:00.000") == time_of("2026-01-01T00:00:00Z") == self.BEGAN
