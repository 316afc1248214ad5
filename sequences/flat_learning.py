"""What twilights teach that the next one can use: frozen plain data, made from frames alone. Pure."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import hypot
from types import MappingProxyType

from capture.site import Window
from sequences.flat_actions import FlatSettings, Measurement
from sequences.sky_model import SkyModel, SkyPrior, Throughput
from sequences.sun_track import SunTrack

# Two nights differ by a third in ln for their zero points, and by more in haze; a dawn is much like its dusk.
_NIGHT_SIGMA, _SAME_NIGHT_SIGMA = 0.5, 0.25
_ONE_NIGHT = timedelta(hours=18)
# Tonight's slope is much like the last one's, but not its weather.
_SLOPE_SIGMA = 0.1
# Dust gathers, filters are cleaned: a throughput is trusted to this, and to this more for each month.
_AGE_SIGMA, _MONTH_SIGMA = 0.03, 0.1
# A shutter's error is believed to be this part of the shortest exposure.
_SHUTTER_PART = 0.02
_SATURATED_FRACTION = 0.4
FAINTEST_ADU = 60.0
# Frames further apart belong to different twilights.
_APART = timedelta(hours=3)


@dataclass(frozen=True)
class LearnedFilter:
    """A filter's ln throughput beside the others of `Learned`, its deviation, and when it was seen last."""

    throughput_ln: float
    sigma: float
    seen: datetime


@dataclass(frozen=True)
class Learned:
    """The sky's level (ln ADU/s at Sun -4 deg through a filter of throughput 0), slope, shutter and filters.

    `level_ln` is None before the first frame.
    """

    level_ln: float | None = None
    slope: float = 1.0
    shutter_error_s: float | None = None
    shutter_sigma_s: float = 0.0
    filters: Mapping[str, LearnedFilter] = field(default_factory=lambda: MappingProxyType({}))


def model_from(
    learned: Learned, filters: Sequence[str], sun: SunTrack, start: datetime, settings: FlatSettings
) -> SkyModel:
    """Return a model that believes what was learned, as far as it can still be trusted at `start`."""
    # A shutter that was exact yesterday may be slow today: it is never trusted far.
    shutter_s = settings.shutter_error_s if learned.shutter_error_s is None else learned.shutter_error_s
    sigma_s = max(learned.shutter_sigma_s, _SHUTTER_PART * settings.min_exposure_s)
    prior = SkyPrior(shutter_error_s=shutter_s, shutter_sigma_s=sigma_s)
    if learned.level_ln is not None:
        newest = max(one.seen for one in learned.filters.values())
        same_night = start - newest < _ONE_NIGHT and not sun.is_setting(start.timestamp())
        prior = replace(
            prior,
            level_ln=learned.level_ln,
            level_sigma=_SAME_NIGHT_SIGMA if same_night else _NIGHT_SIGMA,
            slope=learned.slope,
            slope_sigma=_SLOPE_SIGMA,
        )
    known = {name: _aged(learned.filters[name], start) for name in filters if name in learned.filters}
    return SkyModel(filters, sun, start.timestamp(), prior, known)


def _aged(one: LearnedFilter, now: datetime) -> Throughput:
    months = max(0.0, (now - one.seen) / timedelta(days=30))
    return Throughput(one.throughput_ln, hypot(one.sigma, _AGE_SIGMA, _MONTH_SIGMA * months))


def learned_of(before: Learned, model: SkyModel, seen: Mapping[str, datetime]) -> Learned:
    """Return what a model knows after the frames of the filters `seen`; the others stay as they were."""
    if not seen:
        return before
    prior, throughputs = model.learned(tuple(seen))
    filters = dict(before.filters)
    # Filters that were not seen keep their place beside those that were.
    shared = [name for name in seen if name in before.filters]
    moved = sum(throughputs[n].ln - before.filters[n].throughput_ln for n in shared) / max(len(shared), 1)
    filters = {n: replace(f, throughput_ln=f.throughput_ln + moved) for n, f in before.filters.items()}
    for name, when in seen.items():
        filters[name] = LearnedFilter(throughputs[name].ln, throughputs[name].sigma, when)
    return Learned(
        level_ln=prior.level_ln,
        slope=prior.slope,
        shutter_error_s=prior.shutter_error_s,
        shutter_sigma_s=prior.shutter_sigma_s,
        filters=MappingProxyType(filters),
    )


def take_in(model: SkyModel, measurement: Measurement, settings: FlatSettings) -> None:
    """Teach a model one frame: its level, or that it was beyond what can be measured."""
    m = measurement
    frame = (m.filter, m.started.timestamp(), m.exposure_s)
    if m.saturated_fraction > _SATURATED_FRACTION or m.level_adu >= settings.saturation_adu:
        model.learn_bound(*frame, settings.saturation_adu, brighter=True)
    elif m.level_adu < FAINTEST_ADU:
        model.learn_bound(*frame, FAINTEST_ADU, brighter=False)
    else:
        model.learn(*frame, m.level_adu, m.sigma_ln)


def learned_from(
    measurements: Sequence[Measurement],
    sun_altitude_deg: Callable[[datetime], float],
    settings: FlatSettings,
    learned: Learned | None = None,
) -> Learned:
    """Return what frames of one rig and setup teach, one twilight after the other, in order of time.

    `learned` is what was known before them. Frames taken before a filter was cleaned are to be left out.
    """
    known = learned or Learned()
    twilight: list[Measurement] = []
    for m in sorted(measurements, key=lambda m: m.started):
        if twilight and m.started - twilight[-1].started > _APART:
            known = _after(known, twilight, sun_altitude_deg, settings)
            twilight = []
        twilight.append(m)
    return _after(known, twilight, sun_altitude_deg, settings) if twilight else known


def _after(
    known: Learned,
    twilight: Sequence[Measurement],
    sun_altitude_deg: Callable[[datetime], float],
    settings: FlatSettings,
) -> Learned:
    window = Window(twilight[0].started, twilight[-1].started + timedelta(seconds=twilight[-1].exposure_s))
    filters = tuple({m.filter: None for m in twilight})
    model = model_from(known, filters, SunTrack(window, sun_altitude_deg), window.start, settings)
    seen: dict[str, datetime] = {}
    for m in twilight:
        take_in(model, m, settings)
        seen[m.filter] = m.started
    return learned_of(known, model, seen)
