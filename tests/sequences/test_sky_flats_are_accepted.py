"""Flats of a simulated sky over HTTP: what spoils them is told, and what does not costs none."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from capture.clock import SimulatedClock
from capture.config import Config
from capture.frame import Frame, Kind
from capture.guard.client import RoofState
from capture.rig.rig import Rig
from capture.site import Window
from sequences.flat_controller import Measurement
from sequences.flat_shape import FlatShape, shape_of
from sequences.job import Job, Want
from sequences.sky_flats import sky_flats
from simulators import Observatory, ObservatorySettings, demo_settings
from simulators.sensor import Sensor
from simulators.settings import CloudSettings, WeatherSettings
from tests.capture.rig.bench import RigBench, later
from tests.wire import Wire

# The Sun stands at -3 deg, at dusk.
DUSK = datetime(2026, 11, 22, 0, 8, tzinfo=UTC)


@pytest.fixture
def clock() -> SimulatedClock:
    return SimulatedClock(DUSK)


@pytest.fixture
def settings(request: pytest.FixtureRequest) -> ObservatorySettings:
    """T1 with a field of half a degree; a test may change it by indirect parametrisation."""
    demo = demo_settings(seed=7, width_px=192, height_px=128)
    wide = replace(demo.rigs[0], camera=replace(demo.rigs[0].camera, scale_arcsec=8.0))
    wide_field = replace(demo, rigs=(wide, demo.rigs[1]), weather=WeatherSettings())
    change = getattr(request, "param", lambda settings: settings)
    changed: ObservatorySettings = change(wide_field)
    return changed


@pytest.fixture
def bench(config: Config, observatory: Observatory) -> RigBench:
    return RigBench(config, observatory, RoofState.OPEN)


def flats(
    bench: RigBench,
    count: int,
    filter_name: str = "R",
    shapes: dict[str, FlatShape] | None = None,
    history: tuple[Measurement, ...] = (),
    meanwhile: Callable[[Rig], object] = lambda _: None,
    others: tuple[str, ...] = (),
) -> list[Frame]:
    """What a run of half an hour from now yields."""

    def main() -> list[Frame]:
        with bench.rig() as rig:
            now = bench.clock.now()
            window = Window(now, now + timedelta(minutes=30))
            wants = tuple(Want(rig.spec(Kind.FLAT, 0.0, name), count) for name in (filter_name, *others))
            meanwhile(rig)
            bias_adu = {want.spec.setup: 500.0 for want in wants}
            job = Job("sky_flats", "T1", now.date(), window, wants, bias_adu, history, shapes or {})
            return list(sky_flats(rig, job))

    return bench.clock.run(main)


def measured(frame: Frame) -> Measurement:
    level_adu = frame.statistics.median_adu - 500.0
    return Measurement("L", frame.facts.exposure_s, frame.facts.started, level_adu, 0.0)


def gates(frames: list[Frame]) -> list[str]:
    """Of each frame the names of the gates that it failed."""
    return [" ".join(r.partition(":")[0] for r in frame.verdict.reasons) for frame in frames]


def alarms(bench: RigBench) -> list[str]:
    return [entry.text for entry in bench.entries if entry.kind == "alarm"]


def test_under_a_clear_sky_every_flat_counts_and_has_its_figures(bench: RigBench) -> None:
    frames = flats(bench, 12)
    assert gates(frames) == [""] * 12
    assert alarms(bench) == []
    last = frames[-1].gates
    assert last["spot_deg"] < 3.5
    assert last["moved_arcsec"] > 5
    assert last["gradient_percent"] < 0.3
    assert abs(last["sky_percent"]) < 3
    assert last["predicted_adu"] == pytest.approx(frames[-1].statistics.median_adu, rel=0.03)


def test_what_comes_next_is_told_with_every_flat(bench: RigBench) -> None:
    frames = flats(bench, 3)
    assert [frame.then.split()[:2] for frame in frames] == [["next", "R"], ["next", "R"], ["ends:", "every"]]
    assert float(frames[0].then.split()[2]) == pytest.approx(frames[1].facts.exposure_s, rel=0.01)


def _late(settings: ObservatorySettings) -> ObservatorySettings:
    """A telescope whose flats take half a minute when the sky is full of stars."""
    slow = replace(settings.rigs[0].camera, sky_v_e_per_s=8000.0)
    return replace(settings, rigs=(replace(settings.rigs[0], camera=slow), settings.rigs[1]))


@pytest.mark.parametrize("settings", [_late], indirect=True)
def test_flats_taken_so_late_that_stars_cover_them_are_refused(
    bench: RigBench, clock: SimulatedClock
) -> None:
    clock.run(lambda: clock.sleep_until(DUSK + timedelta(minutes=20)))
    early = flats(bench, 3, "L")
    assert gates(early) == [""] * 3
    clock.run(lambda: clock.sleep_until(DUSK + timedelta(minutes=33)))
    late = flats(bench, 3, "L", history=tuple(map(measured, early)))
    assert len(late) >= 3
    assert all("stars" in failed for failed in gates(late))
    assert all(frame.gates["stars_percent"] > 1 for frame in late)


def _cloud(settings: ObservatorySettings) -> ObservatorySettings:
    """A thick cloud comes within seconds, 40 s from the start."""
    cloud = CloudSettings(DUSK + timedelta(seconds=60), DUSK + timedelta(minutes=30), 4.0, overcast=True)
    weather = WeatherSettings(clouds=(cloud,), cloud_ramp_s=1.0, unsafe_opacity_mag=10.0)
    return replace(settings, weather=weather)


@pytest.mark.parametrize("settings", [_cloud], indirect=True)
def test_a_flat_that_a_cloud_darkens_is_refused_and_the_cloud_named(bench: RigBench) -> None:
    frames = flats(bench, 60)
    refused = [frame for frame in frames if not frame.verdict.good]
    assert 1 <= len(refused) <= 5
    assert "clouds, for the sky was" in str(refused[0].verdict)
    assert "darker than foreseen" in str(refused[0].verdict)
    assert refused[0].gates["sky_percent"] < -20
    assert sum(frame.verdict.good for frame in frames) == 60


def test_stars_that_stand_still_between_flats_are_told(bench: RigBench, wire: Wire) -> None:
    wire.says["telescope/0", "rightascension"] = 3.0
    wire.says["telescope/0", "declination"] = 33.0
    first, second, *_ = gates(flats(bench, 2))
    assert (first, second) == ("", "dither")


def with_dust(settings: ObservatorySettings) -> Sensor:
    """The first rig's sensor with a cleaned, and then dustier, window."""
    return Sensor(replace(settings.rigs[0].camera, dust_specks=60, vignetting=0.5), settings.seed, 0)


def test_optics_that_change_during_a_run_are_told_and_then_believed(
    bench: RigBench, clock: SimulatedClock, settings: ObservatorySettings
) -> None:
    def shift() -> None:
        bench.world_rig.sensor = with_dust(settings)

    failed = gates(flats(bench, 30, meanwhile=lambda _: later(clock, 60.0, shift)))
    changed = failed.index("gradient shape")
    assert changed > 3
    assert failed == [""] * changed + ["gradient shape"] * 2 + [""] * (30 - changed)
    assert len(alarms(bench)) == 1
    assert "R: 3 flats in a row are like each other and unlike those before them" in alarms(bench)[0]


def test_flats_unlike_the_last_master_are_good_and_told_once(
    bench: RigBench, settings: ObservatorySettings
) -> None:
    before = shape_of(with_dust(settings).illumination("R"))
    assert before is not None
    frames = flats(bench, 6, shapes={"R": before})
    assert gates(frames) == [""] * 6
    assert [("unlike the last master" in text, "nightcal event" in text) for text in alarms(bench)] == [
        (True, True)
    ]


def test_flats_like_the_last_master_raise_no_alarm(bench: RigBench, settings: ObservatorySettings) -> None:
    same = shape_of(bench.world_rig.sensor.illumination("R"))
    assert same is not None
    frames = flats(bench, 6, shapes={"R": same})
    assert gates(frames) == [""] * 6
    assert max(frame.gates["master_worst_percent"] for frame in frames) < 1.5
    assert alarms(bench) == []


def test_a_gradient_that_the_last_master_had_not_is_refused_until_three_agree(
    bench: RigBench, settings: ObservatorySettings
) -> None:
    light = bench.world_rig.sensor.illumination("R")
    tilted = shape_of(light * (1 + 0.03 * (light.cumsum(axis=1) / light.sum(axis=1, keepdims=True) - 0.5)))
    assert tilted is not None
    assert gates(flats(bench, 4, shapes={"R": tilted})) == ["gradient", "gradient", "", "", "", ""]


def exposed_px(bench: RigBench) -> list[int]:
    """How wide what was exposed was read out, in order."""
    wide, read = 0, []
    for command in bench.commands("numx", "startexposure"):
        wide = int(command.parameters.get("NumX", wide))
        if command.member == "startexposure":
            read.append(wide)
    return read


def strange_filters(settings: ObservatorySettings) -> ObservatorySettings:
    """Three filters whose names say nothing, so that each is looked at."""
    names = zip(settings.rigs[0].filters, "XYZ", strict=False)
    strange = tuple(replace(one, name=name) for one, name in names)
    return replace(settings, rigs=(replace(settings.rigs[0], filters=strange), settings.rigs[1]))


class TestProbes:
    @pytest.mark.parametrize("settings", [strange_filters], indirect=True)
    def test_read_the_middle_alone_once_a_whole_frame_told_what_that_is_worth(self, bench: RigBench) -> None:
        first = flats(bench, 2, "X", others=("Y", "Z"))
        read_px = exposed_px(bench)
        assert read_px[0] == 192, "nothing is known yet"
        assert read_px[1:3] == [48, 48]
        assert read_px.count(192) == 1 + len(first)
        assert {frame.pixels.shape for frame in first} == {(128, 192)}

    def test_are_worth_as_much_as_whole_frames_from_the_first_on_where_there_is_a_master(
        self, bench: RigBench
    ) -> None:
        shape = shape_of(flats(bench, 1)[0].pixels, 500.0)
        assert shape is not None
        before = len(exposed_px(bench))
        frames = flats(bench, 2, shapes={"R": shape})
        read_px = exposed_px(bench)[before:]
        assert read_px[0] == 48
        assert read_px.count(192) == len(frames) == 2
        assert abs(frames[0].gates["level_percent"]) < 3
