"""Frames that are not fit for a master are left out, each with its reason; sound ones never are."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest
from astropy.io import fits

from capture.clock import SimulatedClock
from capture.frame import FrameSpec, Pixels, Statistics
from capture.journal import Entry, Journal
from capture.library.masters import build_masters
from capture.store.archive import Archive
from capture.store.events import EventKind
from capture.store.rows import FrameRow, MasterRow
from tests.capture.store.frames import BIAS, DARK, FLAT, NIGHT, SITE, START, make_frame, noise

SHAPE = (60, 80)
DAY = 24 * 60


@dataclass
class Library:
    archive: Archive
    journal: Journal
    said: list[Entry]

    def save(self, spec: FrameSpec, stack: list[Pixels], minutes: int = 0) -> list[FrameRow]:
        return [
            self.archive.save(make_frame(spec, pixels, minutes + n), None, NIGHT + timedelta(minutes // DAY))
            for n, pixels in enumerate(stack)
        ]

    def build(self) -> list[MasterRow]:
        return build_masters(self.archive, self.journal)

    def refused(self) -> list[str]:
        return [entry.text for entry in self.said if entry.kind == "refused"]

    def reasons(self, frame: FrameRow) -> str:
        return str(next(row for row in self.archive.catalogue.frames() if row.id == frame.id).verdict)

    def history(self, master: MasterRow) -> str:
        with fits.open(self.archive.path_of(master)) as hdus:
            return " ".join(hdus[0].header["HISTORY"])


@pytest.fixture
def library(tmp_path: Path) -> Iterator[Library]:
    clock = SimulatedClock(START + timedelta(days=3))
    archive, journal = Archive(tmp_path, SITE, clock), Journal(clock)
    said: list[Entry] = []
    journal.listen(said.append)
    yield Library(archive, journal, said)
    archive.close()


def stack(spec: FrameSpec, seed: int = 0, count: int = 8) -> list[Pixels]:
    """Sound frames: bias of 500 ADU, darks 24 above it, flats of twilight that falls by a tenth each."""
    if spec is FLAT:
        levels = [30000 * 0.9**n for n in range(count)]
        return [noise(seed + n, SHAPE, 500 + level, level**0.5) for n, level in enumerate(levels)]
    return [noise(seed + n, SHAPE, 500 if spec is BIAS else 524, 4) for n in range(count)]


def with_one(spec: FrameSpec, odd: Pixels, count: int = 8) -> list[Pixels]:
    return [*stack(spec, count=count - 1), odd]


def half_lit(spec: FrameSpec) -> Pixels:
    """A frame whose left tenth is much brighter than it should be."""
    pixels = stack(spec, 50, 1)[0]
    pixels[:, : SHAPE[1] // 10] += np.uint16(pixels.mean() / 2)
    return pixels


@pytest.mark.parametrize(
    ("spec", "odd", "reason"),
    [
        (BIAS, noise(50, SHAPE, 530, 4), "its level is +"),
        (DARK, noise(50, SHAPE, 494, 4), "its level is -"),
        (FLAT, noise(50, SHAPE, 20500, 1000), "a signal of 19 times the noise; 50 are needed"),
        (FLAT, np.full(SHAPE, 20500, np.uint16), "100% of its pixels have one value"),
    ],
    ids=["bias level", "dark level", "signal to noise", "one value"],
)
def test_a_frame_that_is_not_like_its_set_is_left_out_and_named_with_the_reason(
    library: Library, spec: FrameSpec, odd: Pixels, reason: str
) -> None:
    if spec is not BIAS:
        library.save(BIAS, stack(BIAS, 100))
    frames = library.save(spec, with_one(spec, odd))
    master = library.build()[-1]
    assert master.inputs == tuple(frame.id for frame in frames[:-1])
    (refusal,) = library.refused()
    assert refusal.startswith(f"T1: {Path(frames[-1].path).name} is left out: {reason}")
    assert library.reasons(frames[-1]).startswith(reason)
    assert f"Left out: {Path(frames[-1].path).name}" in library.history(master)
    assert library.build() == []
    assert len(library.refused()) == 1


@pytest.mark.parametrize("spec", [BIAS, DARK, FLAT], ids=["bias", "dark", "flat"])
def test_a_frame_unlike_the_last_master_is_left_out(library: Library, spec: FrameSpec) -> None:
    library.save(BIAS, stack(BIAS, 100))
    library.save(spec, stack(spec))
    first = library.build()[-1]
    assert "No earlier master to compare the frames with" in library.history(first)
    odd = library.save(spec, [*stack(spec, 20, 2), half_lit(spec)], minutes=DAY)[-1]
    (second,) = library.build()
    assert f"compared with {Path(first.path).name}" in library.history(second)
    assert odd.id not in second.inputs
    assert library.reasons(odd) == f"10% of its pixels are 6 sigma or more off {Path(first.path).name}"


def test_a_set_mostly_unlike_the_last_master_waits_for_an_event_and_then_begins_anew(
    library: Library,
) -> None:
    library.save(BIAS, stack(BIAS))
    assert len(library.build()) == 1
    library.save(BIAS, [pixels + np.uint16(60) for pixels in stack(BIAS, 20, 12)], minutes=DAY)
    assert library.build() == []
    assert "12 of 20 frames are unlike the last master" in library.refused()[-1]
    at = START + timedelta(hours=12)
    library.archive.catalogue.told.add_event("T1", EventKind.CAMERA_REPLACED, None, at, at, "ann", "")
    (master,) = library.build()
    assert master.count == 12
    assert "No earlier master" in library.history(master)


@pytest.mark.parametrize("spec", [BIAS, DARK], ids=["bias", "dark"])
def test_a_level_that_drifts_through_a_nights_set_costs_that_nights_frames_their_place(
    library: Library, spec: FrameSpec
) -> None:
    library.save(BIAS, stack(BIAS, 100), minutes=-60)
    assert len(library.build()) == 1
    drifting = [pixels + np.uint16(n) for n, pixels in enumerate(stack(spec, 20, 12))]
    frames = library.save(spec, drifting, minutes=DAY)
    library.build()
    assert all("the level drifts by +1" in library.reasons(frame) for frame in frames)
    assert len(library.refused()) >= len(frames)


@pytest.mark.parametrize(
    ("fact", "value", "reason"),
    [
        ("ccd_temperature_c", -9.0, "the sensor is +1.0 C off its set point of -10 C"),
        ("exposure_s", 90.0, "exposed 90 s instead of 120 s"),
    ],
)
def test_a_dark_that_nobody_judged_when_it_was_taken_is_judged_now(
    library: Library, fact: str, value: float, reason: str
) -> None:
    library.save(DARK, stack(DARK))
    odd = make_frame(DARK, stack(DARK, 20, 1)[0], 30)
    facts = replace(odd.facts, **{fact: value})  # type: ignore[arg-type]
    row = library.archive.save(replace(odd, facts=facts), None, NIGHT)
    (master,) = library.build()
    assert (row.id in master.inputs, library.reasons(row)) == (False, reason)


def test_saturated_frames_are_left_out_whatever_their_kind(library: Library) -> None:
    library.save(BIAS, stack(BIAS))
    frame = make_frame(BIAS, stack(BIAS, 20, 1)[0], 30)
    statistics: Statistics = replace(frame.statistics, saturated_fraction=0.06)
    row = library.archive.save(replace(frame, statistics=statistics), None, NIGHT)
    (master,) = library.build()
    assert (row.id in master.inputs, library.reasons(row)) == (False, "6% of the pixels are saturated")


@pytest.mark.parametrize("seed", range(0, 600, 100))
def test_sound_frames_of_three_nights_all_become_masters(library: Library, seed: int) -> None:
    for night in range(3):
        for spec in (BIAS, DARK, FLAT):
            # The bias level wanders by an ADU from night to night.
            frames = [pixels + np.uint16(night) for pixels in stack(spec, seed + 10 * night)]
            library.save(spec, frames, minutes=night * DAY)
        assert len(library.build()) == 3
    assert library.refused() == []
