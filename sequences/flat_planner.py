"""In which order, and how many of each? A dynamic programme over the rest of the window. Pure.

From the time that a good frame of each filter takes if opened at each moment, it foresees when the camera is
free again, waiting where waiting helps. Filters follow each other by their throughput: at dusk the faintest
first, at dawn the brightest. Over that order, the earliest finish with so many frames (or so many filters
complete) is found filter by filter; earlier is never worse, so nothing else need be kept.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEVER_S = 1e13
# Counts of more frames than this in all are planned in larger steps, so that a plan takes milliseconds.
_MOST_STEPS = 100
# Waiting is to bring more than this, else an error of the forecast makes it wait for ever.
_PATIENCE_S = 1.0
# What completing a filter is worth beside its frames, in frames: more for those wanted first.
_COMPLETE, _FIRST = 3, 2


@dataclass(frozen=True)
class Outlook:
    """For each filter and time on an even grid, the seconds that one good frame takes.

    `times_s` (times,), `cost_s` (filters, times), infinite where none can be had. `filters` are in the
    operator's order, the one wanted most first; `line` (filters,) is what they follow each other by, the
    smallest first; `change_s` is what a change of filter costs, `look_s` what a look does.
    """

    filters: tuple[str, ...]
    times_s: Floats
    cost_s: Floats
    line: Floats
    change_s: float
    look_s: float


@dataclass(frozen=True)
class Plan:
    """What to take next and when it opens, and what comes of it all; empty when nothing can be taken.

    `counts` are the frames by filter in their order of time.
    """

    counts: tuple[tuple[str, int], ...]
    opens_s: float
    complete: int
    worth: int
    finish_s: float

    def __bool__(self) -> bool:
        return bool(self.counts)


class _Track:
    """When the camera is free again after a step of several frames of one filter, by when it is free now."""

    def __init__(self, times_s: Floats, ready_s: Floats) -> None:
        self._times_s = times_s
        self._step_s = float(times_s[1] - times_s[0])
        self._ready_s = np.append(ready_s, NEVER_S)

    @classmethod
    def of(cls, times_s: Floats, cost_s: Floats) -> _Track:
        ready_s = np.minimum(times_s + cost_s, NEVER_S)
        return cls(times_s, np.minimum.accumulate(ready_s[::-1])[::-1])

    def after(self, free_s: Floats) -> Floats:
        """The times after one step."""
        place = np.maximum((free_s - self._times_s[0]) / self._step_s, 0.0)
        place = np.minimum(place, self._times_s.size - 1.0)
        low = place.astype(np.intp)
        early, late = self._ready_s[low], self._ready_s[low + 1]
        ready_s = early + (place - low) * np.where(late < NEVER_S, late - early, 0.0)
        # The last good moment to open is on the grid: after it there is none.
        gone = (late >= NEVER_S) & (place > low) | (free_s > self._times_s[-1])
        return np.asarray(np.where(gone, NEVER_S, np.maximum(ready_s, early)))

    def times(self, count: int) -> _Track:
        """The same for `count` steps at once."""
        done, power, left = self._times_s, self, count
        while left:
            if left & 1:
                done = power.after(done)
            left >>= 1
            if left:
                power = _Track(self._times_s, power.after(power._ready_s[:-1]))
        return _Track(self._times_s, done)


def best_plan(
    outlook: Outlook, left: Mapping[str, int], now_s: float, current: str, *, all_of_it: bool = False
) -> Plan:
    """The plan from `now_s` that is worth most: frames, and more for every filter that gets all of its own.

    `left` are the good frames still wanted. The filter in the light, `current`, is kept where that costs no
    frame. With `all_of_it` the plan is empty unless every frame can be had, and a look at each filter, which
    is soon found out.
    """
    order = [
        int(row) for row in np.argsort(outlook.line, kind="stable") if np.isfinite(outlook.cost_s[row]).any()
    ]
    if not order or (all_of_it and (len(order) < len(left) or not _holds_all(outlook, left, now_s, order))):
        return Plan((), NEVER_S, 0, 0, NEVER_S)
    plan = _planned(outlook, left, now_s, current, order)
    if current in left and plan and plan.counts[0][0] != current:
        row = outlook.filters.index(current)
        if row in order:
            kept = _planned(outlook, left, now_s, current, [row, *(r for r in order if r != row)])
            usual_s = float(np.median(outlook.cost_s[row][np.isfinite(outlook.cost_s[row])]))
            at_once = kept.opens_s <= plan.opens_s + outlook.change_s + _PATIENCE_S
            if at_once and kept.worth >= plan.worth and kept.finish_s <= plan.finish_s + usual_s:
                return kept
    return plan


def _holds_all(outlook: Outlook, left: Mapping[str, int], now_s: float, order: Sequence[int]) -> bool:
    free_s = np.array([now_s])
    for row in order:
        track = _Track.of(outlook.times_s, outlook.cost_s[row]).times(left[outlook.filters[row]])
        free_s = track.after(free_s + outlook.change_s + outlook.look_s)
    return bool(free_s[0] < NEVER_S)


def _planned(
    outlook: Outlook, left: Mapping[str, int], now_s: float, current: str, order: Sequence[int]
) -> Plan:
    names = [outlook.filters[row] for row in order]
    tracks = [_Track.of(outlook.times_s, outlook.cost_s[row]) for row in order]
    wanted = [left[name] for name in names]
    change_s = [0.0 if name == current else outlook.change_s for name in names]
    last = max(1, len(outlook.filters) - 1)
    bonus = [_COMPLETE + round(_FIRST * (1 - row / last)) for row in order]
    counts, finish_s = _most_worth(tracks, wanted, change_s, now_s, bonus)
    taken = [(name, count) for name, count in zip(names, counts, strict=True) if count]
    complete = sum(count == want for count, want in zip(counts, wanted, strict=True))
    first = next((n for n, count in enumerate(counts) if count), None)
    opens_s = NEVER_S
    if first is not None:
        free_s = now_s + change_s[first]
        later = outlook.times_s >= free_s - 1e-6
        ready_s = np.where(later, outlook.times_s + outlook.cost_s[order[first]], np.inf)
        opens_s = _opening(outlook, order[first], free_s, ready_s)
    worth = sum(counts) + sum(extra for n, extra in enumerate(bonus) if counts[n] == wanted[n])
    return Plan(tuple(taken), opens_s, complete, worth, finish_s)


def _opening(outlook: Outlook, row: int, free_s: float, ready_s: Floats) -> float:
    """When the next frame opens: at once, unless the sky has to change first."""
    at_once = np.interp(free_s, outlook.times_s, np.minimum(outlook.cost_s[row], NEVER_S))
    best = int(np.argmin(ready_s))
    if at_once < NEVER_S / 10 and free_s + at_once <= ready_s[best] + _PATIENCE_S:
        return free_s
    return float(outlook.times_s[best]) if np.isfinite(ready_s[best]) else free_s


def _most_worth(
    tracks: Sequence[_Track],
    wanted: Sequence[int],
    change_s: Sequence[float],
    now_s: float,
    bonus: Sequence[int],
) -> tuple[list[int], float]:
    """The counts that are worth most, and when they are done."""
    free_s = np.array([now_s])
    for track, want, changed_s in zip(tracks, wanted, change_s, strict=True):
        free_s = track.times(want).after(free_s + changed_s)
    if free_s[0] < NEVER_S:
        return list(wanted), float(free_s[0])
    # Worth is counted in steps of `size` frames.
    size = -(-sum(wanted) // _MOST_STEPS)
    done_s, taken = np.array([now_s]), []
    for track, want, changed_s, extra in zip(tracks, wanted, change_s, bonus, strict=True):
        steps = -(-want // size)
        first = want - (steps - 1) * size
        most = steps + -(-extra // size)
        best, choice = np.full(done_s.size + most, NEVER_S), np.zeros(done_s.size + most, dtype=np.intp)
        best[: done_s.size] = done_s
        free_s, stride = done_s + changed_s, track.times(size)
        for step in range(1, steps + 1):
            free_s = (track.times(first) if step == 1 and first != size else stride).after(free_s)
            if free_s.min() >= NEVER_S:
                break
            worth = most if step == steps else step
            here = slice(worth, worth + free_s.size)
            better = free_s < best[here]
            best[here] = np.where(better, free_s, best[here])
            choice[here] = np.where(better, step, choice[here])
        taken.append((choice, steps, most, first))
        done_s = best
    left = int(np.flatnonzero(done_s < NEVER_S).max(initial=0))
    finish_s, counts = float(done_s[left]), []
    for choice, steps, most, first in reversed(taken):
        step = int(choice[left])
        counts.append(first + (step - 1) * size if step else 0)
        left -= most if step == steps else step
    return counts[::-1], finish_s
