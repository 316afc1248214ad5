"""A camera is watched by its own history: what leaves it is told, with the master that shows it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from capture.clock import SimulatedClock
from capture.frame import FrameSpec, Kind, Pixels
from capture.journal import Entry, Journal
from capture.library.health.trends import Trend, alarms, told_value, trends
from capture.library.masters import build_masters
from capture.store.archive import Archive
from tests.capture.store.frames import NIGHT, SITE, START, make_frame

SHAPE = (256, 256)
BIAS = FrameSpec(Kind.BIAS, gain=100, offset=30)
FLAT = replace(BIAS, kind=Kind.FLAT, exposure_s=2.0, filter="Ha")
READ_ADU, GAIN = 5.0, 2.0
DAYS_APART = 1
ONE_DAY = dict.fromkeys(Kind, 0.5)


class Camera:
    """Sets of one rig, a master of each."""

    def __init__(self, folder: Path) -> None:
        self.clock = SimulatedClock(START)
        self.archive = Archive(folder, SITE, self.clock)
        self.journal = Journal(self.clock)
        self.said: list[Entry] = []
        self.journal.listen(self.said.append)
        self.rng = np.random.default_rng(1)
        self.number = 0

    def take(self, spec: FrameSpec, stack: list[Pixels]) -> None:
        """A set and its master, so long after the last that they share no frame."""
        self.number += 1
        minutes = self.number * DAYS_APART * 1440

        def later() -> None:
            for n, pixels in enumerate(stack):
                self.archive.save(make_frame(spec, pixels, minutes + n), None, NIGHT)
            self.clock.sleep_until(START + timedelta(minutes=minutes + 60))
            build_masters(self.archive, self.journal, max_age_days=ONE_DAY)

        self.clock.run(later)

    def biases(self, read_adu: float = READ_ADU, level: float = 500.0, count: int = 6) -> list[Pixels]:
        return [np.rint(self.rng.normal(level, read_adu, SHAPE)).astype(np.uint16) for _ in range(count)]

    def flats(self, motes: tuple[tuple[int, int], ...] = (), count: int = 6) -> list[Pixels]:
        y, x = np.mgrid[: SHAPE[0], : SHAPE[1]]
        light_e = 60_000.0 * np.ones(SHAPE)
        for row, column in motes:
            light_e *= 1 - 0.06 * (np.hypot(y - row, x - column) < 8)
        return [
            np.rint(500 + self.rng.poisson(light_e) / GAIN + self.rng.normal(0, READ_ADU, SHAPE)).astype(
                np.uint16
            )
            for _ in range(count)
        ]

    def trend(self, name: str) -> Trend:
        found = trends(self.archive.catalogue.masters())
        (one,) = [trend for trend in found if trend.quantity.name == name]
        return one

    def alarms(self) -> list[str]:
        return [entry.text for entry in self.said if (entry.source, entry.kind) == ("health", "alarm")]


@pytest.fixture
def watched(tmp_path: Path) -> Iterator[Camera]:
    made = Camera(tmp_path)
    yield made
    made.archive.close()


def test_a_steady_camera_is_never_told_of(watched: Camera) -> None:
    for _ in range(8):
        watched.take(BIAS, watched.biases())
    assert watched.alarms() == []
    noise = watched.trend("read_noise_adu")
    assert len(noise.points) == 8
    assert noise.newest.value == pytest.approx(READ_ADU, rel=0.02)
    assert noise.usual == pytest.approx(READ_ADU, rel=0.02)
    assert watched.trend("noise_over_expected").newest.value == pytest.approx(1.05, abs=0.1)


def test_a_read_noise_that_has_grown_is_told_with_the_master_that_shows_it(watched: Camera) -> None:
    for _ in range(6):
        watched.take(BIAS, watched.biases())
    watched.take(BIAS, watched.biases(read_adu=6.5))
    (noise,) = [text for text in watched.alarms() if "read noise" in text]
    newest = watched.archive.catalogue.masters()[0]
    assert noise.startswith("T1: read noise of bias")
    assert "was usual" in noise
    assert noise.endswith(Path(newest.path).name)


def test_a_bias_level_that_has_moved_by_a_few_adu_is_told(watched: Camera) -> None:
    for _ in range(6):
        watched.take(BIAS, watched.biases())
    watched.take(BIAS, watched.biases(level=508))
    assert [text for text in watched.alarms() if "bias level" in text] != []


def test_without_a_history_nothing_is_out_of_it(watched: Camera) -> None:
    watched.take(BIAS, watched.biases())
    watched.take(BIAS, watched.biases(read_adu=9))
    assert [text for text in watched.alarms() if "was usual" in text] == []


def test_what_was_out_of_the_history_does_not_become_it(watched: Camera) -> None:
    for _ in range(6):
        watched.take(BIAS, watched.biases())
    for _ in range(3):
        watched.take(BIAS, watched.biases(read_adu=6.5))
    assert len([text for text in watched.alarms() if "read noise" in text]) == 3


class TestFlats:
    def test_tell_the_gain(self, watched: Camera) -> None:
        watched.take(BIAS, watched.biases())
        watched.clock.run(lambda: watched.clock.sleep(1))
        watched.number -= 1
        watched.take(FLAT, watched.flats())
        assert watched.trend("gain_e_per_adu").newest.value == pytest.approx(GAIN, rel=0.03)

    def test_with_new_dust_say_where_it_is(self, watched: Camera) -> None:
        for motes in ((), ((60, 180),)):
            watched.take(BIAS, watched.biases())
            watched.number -= 1
            watched.take(FLAT, watched.flats(motes))
        (dust,) = [text for text in watched.alarms() if "dust" in text]
        assert "darker, at column 1" in dust
        assert watched.trend("dust_fraction").newest.value == pytest.approx(np.pi * 64 / 65536, rel=0.5)


def test_alarms_are_of_the_newest_master_alone(watched: Camera) -> None:
    for _ in range(6):
        watched.take(BIAS, watched.biases())
    watched.take(BIAS, watched.biases(read_adu=6.5))
    watched.take(BIAS, watched.biases())
    assert alarms(trends(watched.archive.catalogue.masters())) == []


@pytest.mark.parametrize(
    ("value", "told"),
    [(0.0, "0"), (-1e-9, "0"), (-3.24e-5, "-0.000032"), (0.054321, "0.05432"), (12345.6, "12346")],
)
def test_a_figure_is_told_without_an_exponent(value: float, told: str) -> None:
    assert told_value(value) == told
