"""The clairvoyant: knows the true sky to come, and takes the most good frames that a schedule can.

It exposes exactly (`openings.py`) and pays what every strategy pays: the shutter, the mean download, and what
the wheel takes longer than the download; frames that get lost cost it their share of time. It takes each
filter in one run, in whichever order and with whichever counts serve best, waiting where that helps.

Over sets of filters, a dynamic programme (Held & Karp 1962): the earliest time by which `total` good frames
are done with the filters of a set. Earlier is never worse, since waiting is free, so only that time need be
kept; the state leaves open how the total is spread over the set, and the best spread comes out by itself.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from benchmarks.sky_flats.drive import Shot
from benchmarks.sky_flats.openings import STEP_S, Openings, openings
from benchmarks.sky_flats.truth import Array, Twilight

_NEVER_S = 1e12


def clairvoyant(twilight: Twilight, quotas: Mapping[str, int], aim: float = 1.0) -> list[Shot]:
    """Return the most good frames that can be had, capped at `quotas`, all saved, in their order of time.

    By default every frame is aimed at the target itself, as an honest strategy does; who aims lower takes
    shorter frames that are still good: at an `aim` of 0.905 some 2 % more at capacity.
    """
    exact = openings(twilight, aim)
    free = Steps(exact, frame_cost_s(twilight, exact))
    blocks = best_blocks(free, twilight, quotas)
    return _shots(twilight, exact, blocks)


def frame_cost_s(twilight: Twilight, exact: Openings) -> Array:
    """From opening a frame to being ready for the next, (filters, times); infinite where none is good."""
    camera = twilight.camera
    download_s = camera.download_s + camera.download_jitter_s / 2
    open_s = exact.exposure_s + camera.shutter_error_s
    return np.asarray((open_s + download_s) / (1 - twilight.spec.faults.lost_fraction))


@dataclass(frozen=True)
class Block:
    """A run of good frames through one filter."""

    filter: str
    count: int


class Steps:
    """When the camera is ready again after the next good frame, if it is free at a given time."""

    def __init__(self, exact: Openings, cost_s: Array) -> None:
        ready_s = exact.times_s + cost_s
        # One more column: past the last opening nothing can be taken any more.
        ready_s = np.pad(np.minimum(ready_s, _NEVER_S), ((0, 0), (0, 2)), constant_values=_NEVER_S)
        self.filters = exact.filters
        self._ready_s = np.minimum.accumulate(ready_s[:, ::-1], axis=1)[:, ::-1]
        self._last = ready_s.shape[1] - 2

    def next_ready_s(self, row: int, free_s: Array) -> Array:
        """The earliest time to be ready after one more frame through filter number `row`; may wait first."""
        ready_s = self._ready_s[row]
        place = np.minimum(free_s / STEP_S, float(self._last))
        low = place.astype(np.intp)
        part = place - low
        early, late = ready_s[low], ready_s[low + 1]
        # Past the last good opening on the grid there is none: no line is drawn towards never.
        between = np.where(late < _NEVER_S, early + part * (late - early), _NEVER_S)
        return np.asarray(np.where(part > 0, between, early))


def best_blocks(steps: Steps, twilight: Twilight, quotas: Mapping[str, int]) -> list[Block]:
    """The order of filters and their counts that bring the most frames, and that soonest."""
    wanted = [quotas.get(name, 0) for name in steps.filters]
    camera = twilight.camera
    change_s = max(0.0, camera.wheel_s - camera.download_s)
    sets, most = 2 ** len(wanted), sum(wanted)
    done_s = np.full((sets, most + 1), _NEVER_S)
    done_s[0, 0] = 0.0
    last = np.full((sets, most + 1), -1, dtype=np.int16)
    count = np.zeros((sets, most + 1), dtype=np.int16)
    for size in range(len(wanted)):
        for row, quota in enumerate(wanted):
            here = [s for s in range(sets) if s.bit_count() == size and not s >> row & 1]
            there = np.array(here) | 1 << row
            free_s = done_s[here] + (change_s if size else 0.0)
            for n in range(1, quota + 1):
                free_s = steps.next_ready_s(row, free_s)
                if free_s.min() >= _NEVER_S:
                    break
                arrived_s = free_s[:, : most + 1 - n]
                known_s = done_s[there, n:]
                better = arrived_s < known_s
                done_s[there, n:] = np.where(better, arrived_s, known_s)
                last[there, n:] = np.where(better, row, last[there, n:])
                count[there, n:] = np.where(better, n, count[there, n:])
    total = int(np.flatnonzero((done_s < _NEVER_S).any(axis=0))[-1])
    filters = int(np.argmin(done_s[:, total]))
    blocks = []
    while total:
        row, n = int(last[filters, total]), int(count[filters, total])
        blocks.append(Block(steps.filters[row], n))
        filters, total = filters & ~(1 << row), total - n
    return blocks[::-1]


def _shots(twilight: Twilight, exact: Openings, blocks: list[Block]) -> list[Shot]:
    """Play the blocks: each frame opens as soon as the clairvoyant thinks it best."""
    camera = twilight.camera
    cost_s = frame_cost_s(twilight, exact)
    shots: list[Shot] = []
    free_s = 0.0
    for number, block in enumerate(blocks):
        row = exact.filters.index(block.filter)
        free_s += max(0.0, camera.wheel_s - camera.download_s) if number else 0.0
        for _ in range(block.count):
            opened_s, exposure_s, taken_s = _opening(exact, cost_s, row, free_s)
            if not np.isfinite(exposure_s):
                break
            level_adu = twilight.level_adu(block.filter, opened_s, exposure_s + camera.shutter_error_s)
            shots.append(Shot(block.filter, opened_s, exposure_s, level_adu, saved=True, probe=False))
            free_s = opened_s + taken_s
    return shots


def _opening(exact: Openings, cost_s: Array, row: int, free_s: float) -> tuple[float, float, float]:
    """The opening that is done soonest: its time, its exposure, what it takes in all; infinite if none."""
    first = int(np.ceil(free_s / STEP_S))
    if first >= exact.times_s.size:
        return free_s, np.inf, np.inf
    later = exact.times_s[first:] + cost_s[row, first:]
    best = first + int(np.argmin(later))
    opened_s, exposure_s, taken_s = exact.times_s[best], exact.exposure_s[row, best], cost_s[row, best]
    if best == first > 0 and np.isfinite(cost_s[row, first - 1]):
        # Between two points of the grid that both serve it opens at once.
        part = free_s / STEP_S - (first - 1)
        ends = cost_s[row, first - 1 : first + 1], exact.exposure_s[row, first - 1 : first + 1]
        taken_s, exposure_s = (float(np.interp(part, (0.0, 1.0), pair)) for pair in ends)
        opened_s = free_s
    return float(opened_s), float(exposure_s), float(taken_s)
