"""A rig whose device fails is connected anew, once, then given up with the reason; the other goes on."""

from __future__ import annotations

import re
from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from capture.night.farm import Farm
from simulators import Fault, Observatory
from tests.nights.harness import AFTERNOON, Night, live, settings

ALL = Counter({"bias": 2, "dark 60 s": 4, "dark 300 s": 4})
# When T1's camera dies: after the afternoon's connecting, or as it reads out this one of its darks of 300 s.
AT_THE_START, AT_WORK, AT_WORK_AGAIN = 0, 2, 3
FOREVER_S = 40_000.0
CRASH = Fault("camera/0", "*", "refuse")
HANG = Fault("camera/0", "*", "hang")


def only_darks(text: str) -> str:
    """No flats and few darks, so that the night is a short one."""
    text = re.sub(r"flats = .*", "flats = { count = 0 }", text)
    text = re.sub(r"bias = .*", "bias = { count = 2 }", text)
    return re.sub(r"darks = .*", "darks = { count = 4, exposures_s = [60, 300], probe_s = 0 }", text)


def await_reading_out(farm: Farm, observatory: Observatory, dark: int) -> None:
    """Sleep until T1 has read out half of that one of its darks of 300 s, a second each."""
    while True:
        begun = [
            command.time for command in observatory.command_log
            if (command.device, command.member) == ("camera/0", "startexposure")
            and float(command.parameters["Duration"]) == 300
        ]  # fmt: skip
        if len(begun) >= dark:
            farm.clock.sleep_until(begun[dark - 1] + timedelta(seconds=300.5))
            return
        farm.clock.sleep(60)


def lived(folder: Path, fault: Fault, *strikes: tuple[int, float]) -> Night:
    """A night in which T1's camera is dead from each time on, for so many seconds."""

    def meanwhile(farm: Farm, observatory: Observatory) -> None:
        for dark, seconds in strikes:
            if dark == AT_THE_START:
                farm.clock.sleep_until(AFTERNOON)
            else:
                await_reading_out(farm, observatory, dark)
            observatory.faults.add(fault)
            farm.clock.sleep(seconds)
            observatory.faults.clear()

    night = live(folder, settings(), meanwhile=meanwhile, change=only_darks)
    assert frames(night, "T2") == ALL
    return night


def frames(night: Night, rig: str) -> Counter[str]:
    return Counter(str(frame.spec.set_key()) for frame in night.frames if frame.rig == rig and frame.good)


def new_connections(night: Night) -> int:
    return sum("Connecting anew, once" in text for text in night.said("alarm"))


@pytest.mark.parametrize("fault", [CRASH, HANG], ids=lambda fault: fault.kind)
@pytest.mark.parametrize("when", [AT_THE_START, AT_WORK], ids=["at the start", "at work"])
def test_a_camera_that_dies_and_comes_back_takes_all_its_frames(
    tmp_path: Path, fault: Fault, when: int
) -> None:
    night = lived(tmp_path, fault, (when, 35.0))
    assert night.result.failures == {}
    assert new_connections(night) == 1
    assert frames(night, "T1") == ALL


@pytest.mark.parametrize("when", [AT_THE_START, AT_WORK], ids=["at the start", "at work"])
def test_a_camera_that_never_comes_back_costs_its_rig_the_night_and_no_other(
    tmp_path: Path, when: int
) -> None:
    night = lived(tmp_path, CRASH, (when, FOREVER_S))
    assert new_connections(night) == 1
    assert list(night.result.failures) == ["T1"]
    assert "camera 0 at" in night.result.failures["T1"]
    (given_up,) = [entry.time for entry in night.entries if "T1 is given up for tonight" in entry.text]
    (anew,) = [entry.time for entry in night.entries if "Connecting anew, once" in entry.text]
    assert given_up - anew < timedelta(minutes=5)


def test_a_camera_that_dies_a_second_time_is_not_connected_anew_again(tmp_path: Path) -> None:
    night = lived(tmp_path, CRASH, (AT_WORK, 35.0), (AT_WORK_AGAIN, 400.0))
    assert new_connections(night) == 1
    assert list(night.result.failures) == ["T1"]
    assert 0 < frames(night, "T1")["dark 300 s"] < 4
