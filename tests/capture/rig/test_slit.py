"""A rotating dome: its slit is before the mount whenever a flat is exposed, and only then is it ours."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from capture.clock import SimulatedClock
from capture.config import Config
from capture.errors import BadInput, DeviceTimeout, Unsafe
from capture.frame import Kind
from capture.guard.client import RoofState
from capture.rig.rig import Rig
from simulators import Observatory, ObservatorySettings, demo_settings
from simulators.settings import RoofSettings
from tests.capture.rig.bench import RigBench
from tests.wire import Wire
from tests.worker import as_worker


@pytest.fixture
def settings() -> ObservatorySettings:
    demo = demo_settings(seed=7, width_px=96, height_px=64)
    return replace(demo, roof=RoofSettings(kind="rotating_dome", clears_mounts=True, dome_deg_per_s=2.0))


@pytest.fixture
def dome(config: Config) -> dict[str, Any]:
    return {"dome": config.rig[0].camera}


def light_passes(observatory: Observatory) -> float:
    """The part of the sky's light that reaches the first telescope."""
    world = observatory.world
    now = np.array([world.now_s()])
    return float(world.roof.passes(now, *world.rigs[0].mount.alt_az(now))[0])


def turns(observatory: Observatory) -> list[str]:
    return [c.member for c in observatory.command_log if c.member == "slewtoazimuth"]


@as_worker
def test_the_slit_comes_before_the_mount_and_nothing_is_exposed_before(
    open_bench: RigBench, observatory: Observatory, clock: SimulatedClock, dome: dict[str, Any]
) -> None:
    with open_bench.rig(**dome) as rig, rig.ready_for_sky():
        assert light_passes(observatory) > 0.99
        assert not observatory.world.roof.azimuth.moving(observatory.world.now_s())
        frame = rig.expose(rig.spec(Kind.FLAT, 2.0, "Ha"))
        assert frame.statistics.median_adu > 600, "the sky is in it"
    assert len(turns(observatory)) == 1


@as_worker
def test_without_it_the_dome_keeps_the_light_out(
    open_bench: RigBench, observatory: Observatory, clock: SimulatedClock
) -> None:
    with open_bench.rig() as rig, rig.ready_for_sky():
        assert light_passes(observatory) < 0.1


@as_worker
def test_it_follows_when_the_mount_is_moved_or_somebody_turns_the_dome(
    open_bench: RigBench, observatory: Observatory, clock: SimulatedClock, dome: dict[str, Any]
) -> None:
    device = observatory.devices["dome", 0]
    with open_bench.rig(**dome) as rig, rig.ready_for_sky():
        azimuth = device.call("get", "azimuth", {})
        device.call("put", "slewtoazimuth", {"Azimuth": str((azimuth + 150) % 360)})
        rig.stay_at_flat_spot()
        assert light_passes(observatory) > 0.99
    assert len(turns(observatory)) == 3


@as_worker
def test_a_dome_that_is_slaved_is_let_be_and_waited_for(
    open_bench: RigBench, observatory: Observatory, clock: SimulatedClock, wire: Wire, dome: dict[str, Any]
) -> None:
    wire.says["dome/0", "slaved"] = True
    roof, world = observatory.world.roof, observatory.world
    with open_bench.rig(**dome) as rig, rig.ready_for_sky():
        begun = clock.monotonic()
        roof.azimuth.send(world.now_s(), roof.azimuth.value(world.now_s()) + 60)
        rig.stay_at_flat_spot()
        assert clock.monotonic() - begun >= 30
    assert turns(observatory) == []


def test_a_slit_that_does_not_come_is_given_up_in_time_with_where_it_stands(
    open_bench: RigBench, clock: SimulatedClock, wire: Wire, dome: dict[str, Any]
) -> None:
    wire.says["dome/0", "azimuth"] = 250.0

    def main() -> None:
        with open_bench.rig(**dome) as rig, rig.ready_for_sky():
            pass

    says = r"T1: the dome's slit did not come to azimuth \d+ deg within 300 s, it stands at azimuth 250 deg"
    with pytest.raises(DeviceTimeout, match=says):
        clock.run(main)
    assert clock.monotonic() < 400
    assert open_bench.commands("startexposure") == []


def test_the_dome_is_neither_turned_while_the_roof_is_shut_nor_stopped_when_it_closes(
    shut_bench: RigBench, observatory: Observatory, clock: SimulatedClock, dome: dict[str, Any]
) -> None:
    def work(rig: Rig) -> None:
        with rig.ready_for_dark():
            rig.expose(rig.spec(Kind.DARK, 5.0))
        shut_bench.guard.says(roof=RoofState.OPEN)
        with rig.ready_for_sky():
            observatory.devices["dome", 0].call("put", "slewtoazimuth", {"Azimuth": "200"})
            shut_bench.guard.says(safe=False, reasons=("rain",))
            rig.stay_at_flat_spot()

    def main() -> None:
        with shut_bench.rig(**dome) as rig:
            work(rig)

    with pytest.raises(Unsafe, match="rain"):
        clock.run(main)
    assert [c.member for c in observatory.command_log if c.member == "abortslew"] == []


class TestARoofThatDoesNotTurn:
    @pytest.fixture
    def settings(self) -> ObservatorySettings:
        return demo_settings(seed=7, width_px=96, height_px=64)

    def test_is_no_dome_to_follow(
        self, open_bench: RigBench, clock: SimulatedClock, dome: dict[str, Any]
    ) -> None:
        def main() -> None:
            with open_bench.rig(**dome):
                pass

        with pytest.raises(BadInput, match=r"T1: the dome cannot be turned; take the key dome out"):
            clock.run(main)
