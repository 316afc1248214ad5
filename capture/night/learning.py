"""What the twilights of the last weeks taught: made anew from the catalogued flats, never stored beside them.

Every flat teaches, the rejected ones too, as long as no event (a filter cleaned) came after it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import pairwise
from math import isfinite, log
from statistics import median, quantiles

from capture.config import FlatsConfig
from capture.frame import FrameSpec, Kind, Setup
from capture.night.plan import NOTHING_KNOWN, SkyKnown
from capture.night.twilight import Floats, Forecast, Limits, Pace
from capture.store.catalogue import Catalogue
from capture.store.rows import FrameRow
from sequences.flat_controller import Measurement
from sequences.sky_model import shape

# Older than this, dust and a season's haze say more than the frame does.
_HISTORY = timedelta(days=30)
_MOST_FRAMES = 1000
# Levels between which a median above bias is proportional to the light, as fractions of saturation.
_FAINTEST, _BRIGHTEST = 0.02, 0.97
_ENOUGH_GAPS = 5
_LONGEST_GAP_S = 180.0


@dataclass(frozen=True)
class History:
    """The flats of one setup (camera, binning, gain, offset, readout mode) that still teach, in order."""

    frames: tuple[FrameRow, ...]
    bias_adu: float

    @property
    def newest(self) -> datetime | None:
        """When the last of them was taken."""
        return self.frames[-1].taken if self.frames else None

    @property
    def measurements(self) -> tuple[Measurement, ...]:
        """What each of them showed."""
        return tuple(
            Measurement(
                filter=frame.spec.filter or "",
                exposure_s=frame.facts.exposure_s,
                started=frame.taken,
                level_adu=frame.statistics.median_adu - self.bias_adu,
                saturated_fraction=frame.statistics.saturated_fraction,
                counted=frame.good,
            )
            for frame in self.frames
        )

    def __str__(self) -> str:
        """In words, with the date: `84 flats of 7 nights, the last of 2026-11-21`."""
        if not self.frames:
            return "nothing yet"
        nights = len({frame.night for frame in self.frames})
        of = f"{nights} nights" if nights > 1 else "1 night"
        return f"{len(self.frames)} flats of {of}, the last of {self.frames[-1].night}"


def bias_level_adu(catalogue: Catalogue, rig: str, spec: FrameSpec) -> float | None:
    """The median of the newest good bias of `spec`'s setup; None while the library holds none."""
    bias = FrameSpec(Kind.BIAS, **spec.setup._asdict())
    # An event makes all before it worthless: where the newest is, none is left.
    rows = catalogue.frames(rig=rig, spec=bias, good=True, valid=True, newest=1)
    return rows[-1].statistics.median_adu if rows else None


def history_of(catalogue: Catalogue, rig: str, spec: FrameSpec, now: datetime) -> History:
    """The flats of `spec`'s setup, of the last 30 days and at most 1000; none while the bias is unknown."""
    bias_adu = bias_level_adu(catalogue, rig, spec)
    if bias_adu is None:
        return History((), 0.0)
    rows = catalogue.frames(rig=rig, kind=Kind.FLAT, since=now - _HISTORY, valid=True)
    # Under a shut roof they are a panel's.
    mine = [row for row in rows if row.spec.setup == spec.setup and not row.facts.roof_shut]
    # Another camera may have come under the same name and settings.
    frames = [row for row in mine if row.facts.camera == mine[-1].facts.camera]
    return History(tuple(frames[-_MOST_FRAMES:]), bias_adu)


def histories_of(
    catalogue: Catalogue, rig: str, specs: Iterable[FrameSpec], now: datetime
) -> tuple[History, ...]:
    """The history of each setup of these specs; of a filter among them only the frames of its own setup."""
    setups = {spec.filter: spec.setup for spec in specs}
    found = []
    for setup in dict.fromkeys(setups.values()):
        history = history_of(catalogue, rig, FrameSpec(Kind.FLAT, **setup._asdict()), now)
        frames = tuple(f for f in history.frames if setups.get(f.spec.filter, setup) == setup)
        found.append(replace(history, frames=frames))
    return tuple(found)


def sky_known(history: History, flats: FlatsConfig) -> SkyKnown:
    """What the frames foretell of the coming twilights; NOTHING_KNOWN when they are none."""
    levels = _throughputs_ln(history)
    if not levels:
        return NOTHING_KNOWN
    newest = history.frames[-1]
    target_adu = flats.target_fraction * newest.facts.saturation_adu - history.bias_adu
    limits = Limits(target_adu, flats.min_exposure_s, flats.max_exposure_s)
    return SkyKnown(_ClearSky(newest.spec.setup, levels), limits, _pace(history.frames))


def skies_known(histories: Iterable[History], flats: FlatsConfig) -> SkyKnown:
    """The same of several setups; limits and pace are those of the first that foretells anything."""
    known = [sky for sky in (sky_known(history, flats) for history in histories) if sky is not NOTHING_KNOWN]
    if not known:
        return NOTHING_KNOWN
    return replace(known[0], forecast=_EachSetup(tuple(sky.forecast for sky in known)))


@dataclass(frozen=True)
class _EachSetup:
    """The forecast of the one that knows the set's setup."""

    forecasts: tuple[Forecast, ...]

    def log_rate(self, spec: FrameSpec, sun_altitude_deg: Floats) -> Floats | None:
        """See Forecast."""
        rates = (forecast.log_rate(spec, sun_altitude_deg) for forecast in self.forecasts)
        return next((rate for rate in rates if rate is not None), None)


class _ClearSky:
    """The median twilight of the last weeks: each filter's level on the shape common to all of them."""

    def __init__(self, setup: Setup, levels_ln: dict[str | None, float]) -> None:
        self._setup = setup
        self._levels_ln = levels_ln

    def log_rate(self, spec: FrameSpec, sun_altitude_deg: Floats) -> Floats | None:
        """See Forecast."""
        level_ln = self._levels_ln.get(spec.filter)
        if level_ln is None or spec.setup != self._setup:
            return None
        return level_ln + shape(sun_altitude_deg)


def _throughputs_ln(history: History) -> dict[str | None, float]:
    """By filter ln of the rate in ADU/s, less the shape of the twilight: the median over its frames."""
    found: dict[str | None, list[float]] = {}
    for frame in history.frames:
        level_adu = frame.statistics.median_adu - history.bias_adu
        full_adu = frame.facts.saturation_adu - history.bias_adu
        altitude_deg = frame.facts.sun_altitude_deg
        if _FAINTEST * full_adu < level_adu < _BRIGHTEST * full_adu and isfinite(altitude_deg):
            rate_ln = log(level_adu / frame.facts.exposure_s)
            found.setdefault(frame.spec.filter, []).append(rate_ln - float(shape(altitude_deg)))
    return {name: median(levels) for name, levels in found.items()}


def _pace(frames: Sequence[FrameRow]) -> Pace:
    """What frames and filter changes cost beside the exposures, from the starts of consecutive frames."""
    same: list[float] = []
    other: list[float] = []
    for one, following in pairwise(frames):
        gap_s = (following.taken - one.taken).total_seconds() - one.facts.exposure_s
        if one.run is not None and one.run == following.run and 0 <= gap_s <= _LONGEST_GAP_S:
            (same if one.spec.filter == following.spec.filter else other).append(gap_s)
    usual = Pace()
    frame_s = median(same) if len(same) >= _ENOUGH_GAPS else usual.frame_s
    # The sky is often waited for after a change: the quicker ones tell the wheel.
    wheel_s = quantiles(other, n=4)[0] - frame_s if len(other) >= _ENOUGH_GAPS else usual.wheel_s
    return Pace(frame_s, max(0.0, wheel_s))
