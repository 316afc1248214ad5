"""Flats in company: is a flat's shape that of its filter's other flats tonight, or of the last master? Pure.

One flat that is unlike the others is refused. Several in a row that are like each other but not like those
before them tell that the optics changed: from then on they are the measure.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from sequences.flat_shape import Difference, FlatShape, difference, median_shape

# What is left of the sky's gradient, corner to corner.
_GRADIENT = 0.01
# Over all blocks, as of a vignetting that moved, and of the worst one, as of a speck of dust.
_RMS, _WORST = 0.01, 0.02
_IN_A_ROW = 3
_REMEMBERED = 9


@dataclass(frozen=True)
class Likeness:
    """What was measured, by the names in capture/store/gates.py; why to refuse; what to tell the operator."""

    gates: Mapping[str, float] = field(default_factory=dict)
    reasons: tuple[str, ...] = ()
    alarm: str | None = None


class Company:
    """The shapes of one run's good flats by filter. `masters`: those of the last masters."""

    def __init__(self, masters: Mapping[str, FlatShape]) -> None:
        self._masters = dict(masters)
        self._tonight: dict[str, list[FlatShape]] = {}
        self._strangers: dict[str, list[FlatShape]] = {}
        self._unlike_master: dict[str, int] = {}

    def compare(self, filter_name: str, shape: FlatShape, *, otherwise_good: bool) -> Likeness:
        """Compare the next flat, and remember it when it is good."""
        tonight = self._tonight.setdefault(filter_name, [])
        master = self._masters.get(filter_name)
        gates: dict[str, float] = {}
        to_tonight = difference(shape, median_shape(tonight)) if tonight else None
        to_master = difference(shape, master) if master is not None else None
        # One flat alone is no measure where there is a master.
        nearest = to_tonight if len(tonight) > 1 or to_master is None else to_master
        if nearest is not None:
            gates["gradient_percent"] = 100 * nearest.gradient
        for name, found in (("shape", to_tonight), ("master", to_master)):
            if found is not None:
                gates[f"{name}_rms_percent"] = 100 * found.rms
                gates[f"{name}_worst_percent"] = 100 * found.worst
        alone = to_tonight is not None and (to_master is None or _unlike(to_master))
        reasons = _reasons(filter_name, nearest, to_tonight if alone else None)
        if not otherwise_good:
            return Likeness(gates, reasons)
        if reasons:
            return self._as_stranger(filter_name, shape, gates, reasons)
        self._strangers.pop(filter_name, None)
        self._remember(filter_name, shape)
        return Likeness(gates, alarm=self._alarm_of_master(filter_name, to_master))

    def _remember(self, filter_name: str, *shapes: FlatShape) -> None:
        self._tonight[filter_name] = [*self._tonight.get(filter_name, []), *shapes][-_REMEMBERED:]

    def _as_stranger(
        self, filter_name: str, shape: FlatShape, gates: Mapping[str, float], reasons: tuple[str, ...]
    ) -> Likeness:
        strangers = self._strangers.setdefault(filter_name, [])
        found = difference(shape, strangers[-1]) if strangers else None
        if found is not None and (found.gradient > _GRADIENT / 2 or _unlike(found)):
            strangers.clear()
        strangers.append(shape)
        if len(strangers) < _IN_A_ROW:
            return Likeness(gates, reasons)
        # They agree: it is they that are right now.
        self._tonight[filter_name] = []
        self._remember(filter_name, *self._strangers.pop(filter_name))
        known = self._masters.pop(filter_name, None) is not None
        than = "the last master" if known else "those before them"
        return Likeness(gates, alarm=_alarm(filter_name, than, "; ".join(reasons)))

    def _alarm_of_master(self, filter_name: str, to_master: Difference | None) -> str | None:
        if to_master is None or not _unlike(to_master):
            self._unlike_master.pop(filter_name, None)
            return None
        count = self._unlike_master.get(filter_name, 0) + 1
        self._unlike_master[filter_name] = count
        return _alarm(filter_name, "the last master", _how(to_master)) if count == _IN_A_ROW else None


def _reasons(filter_name: str, nearest: Difference | None, to_tonight: Difference | None) -> tuple[str, ...]:
    reasons = []
    if nearest is not None and nearest.gradient > _GRADIENT:
        reasons.append(
            f"gradient: {nearest.gradient:.1%} from corner to corner is left, allowed is {_GRADIENT:.0%}"
        )
    if to_tonight is not None and _unlike(to_tonight):
        reasons.append(f"shape: unlike tonight's other {filter_name} flats by {_how(to_tonight)}")
    return tuple(reasons)


def _unlike(found: Difference) -> bool:
    return found.rms > _RMS or found.worst > _WORST


def _how(found: Difference) -> str:
    return f"{found.rms:.1%} rms and {found.worst:.1%} at worst, allowed are {_RMS:.0%} and {_WORST:.0%}"


def _alarm(filter_name: str, than: str, how: str) -> str:
    return (
        f"{filter_name}: {_IN_A_ROW} flats in a row are like each other and unlike {than} ({how}). Did dust "
        f"move, or did somebody touch the optics? Then tell it: nightcal event"
    )
