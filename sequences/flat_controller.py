"""Which filter next, and how long? Closed loop over a changing sky. Pure: no I/O, no clock, no device.

A loop drives it: `next(now)` returns an action, `observe(measurement)` takes what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import erf, exp, log, sqrt

from capture.site import Window
from sequences.sky_model import SkyModel, exposure_for, log_rate_of

_PROBE_EVERY = timedelta(seconds=45)
_LONGEST_PROBE_S = 2.0
_SIGMA_AFTER_PROBE = 0.03
_STARVED_ADU = 60.0


@dataclass(frozen=True)
class Expose:
    """Take a flat."""

    filter: str
    exposure_s: float


@dataclass(frozen=True)
class Probe:
    """Take a short look that need not be kept."""

    filter: str
    exposure_s: float


@dataclass(frozen=True)
class Wait:
    """Nothing can be taken now, but waiting helps."""

    until: datetime
    reason: str


@dataclass(frozen=True)
class Stop:
    """There is nothing more to do in this twilight."""

    reason: str


Action = Expose | Probe | Wait | Stop


@dataclass(frozen=True)
class Measurement:
    """What a frame showed; `level_adu` is the median above bias, `counted` whether it was kept as good."""

    filter: str
    exposure_s: float
    started: datetime
    level_adu: float
    saturated_fraction: float
    counted: bool


@dataclass(frozen=True)
class FlatSettings:
    """What a flat should be. Levels are above bias; `tolerance` is a fraction of the target."""

    target_adu: float
    tolerance: float
    min_exposure_s: float
    max_exposure_s: float
    overhead_s: float = 2.0
    shutter_error_s: float = 0.0
    saturation_adu: float = 64000.0


@dataclass
class _Outlook:
    """One filter's prospect now: the exposure it needs and how sure that is."""

    filter: str
    exposure_s: float
    sigma: float


class FlatController:
    """Decides for one twilight. `wanted`: how many good frames by filter, in the operator's order."""

    def __init__(
        self,
        wanted: Mapping[str, int],
        settings: FlatSettings,
        window: Window,
        sun_altitude_deg: Callable[[datetime], float],
    ) -> None:
        self._left = {name: count for name, count in wanted.items() if count > 0}
        self._settings = settings
        self._window = window
        self._sun = sun_altitude_deg
        self._model = SkyModel(list(wanted))
        self._last_look: datetime | None = None
        self._probed: set[str] = set()

    @property
    def left(self) -> dict[str, int]:
        """How many good frames each unfinished filter still wants."""
        return dict(self._left)

    def next(self, now: datetime) -> Action:
        """What to do at `now` (UTC)."""
        if not self._left:
            return Stop("every filter has its frames")
        if now >= self._window.end:
            return Stop("the Sun's window is over; " + self._unfinished())
        self._model.advance(now.timestamp(), self._sun(now))
        setting = self._sun(now + timedelta(minutes=1)) < self._sun(now)
        outlooks = [self._outlook(name, now) for name in self._left]
        hopeful = [outlook for outlook in outlooks if not self._lost(outlook, setting)]
        if not hopeful:
            dim = "too dim" if setting else "too bright"
            return Stop(f"the sky is {dim} now for what is left; " + self._unfinished())
        ready = [outlook for outlook in hopeful if self._reachable(outlook)]
        # At dusk the faintest filter is lost first, at dawn the brightest: it goes first.
        if ready:
            chosen = max(ready, key=lambda o: o.exposure_s if setting else -o.exposure_s)
            return self._take(chosen, now)
        soonest = max(hopeful, key=lambda o: o.exposure_s if setting else -o.exposure_s)
        if self._last_look is None or now - self._last_look >= _PROBE_EVERY:
            return self._probe(soonest)
        too = "bright" if setting else "dim"
        ready_at = self._ready_at(soonest.filter, now)
        return Wait(min(ready_at, self._last_look + _PROBE_EVERY), f"too {too} yet for {soonest.filter}")

    def observe(self, measurement: Measurement) -> None:
        """Learn from a frame or a probe; a counted frame is one less to take."""
        m, settings = measurement, self._settings
        self._last_look = m.started + timedelta(seconds=m.exposure_s)
        self._probed.add(m.filter)
        middle = m.started + timedelta(seconds=m.exposure_s / 2)
        self._model.advance(middle.timestamp(), self._sun(middle))
        open_s = m.exposure_s + settings.shutter_error_s
        if m.saturated_fraction > 0.2 or m.level_adu >= settings.saturation_adu:
            self._model.learn_bound(m.filter, log(settings.saturation_adu / open_s), brighter=True)
        elif m.level_adu < _STARVED_ADU:
            self._model.learn_bound(m.filter, log(_STARVED_ADU / open_s), brighter=False)
        else:
            # A few ADU of bias drift are all the error of a bright frame and much of a faint one's.
            self._model.learn(m.filter, log_rate_of(m.level_adu, open_s), 3.0 / m.level_adu)
        if m.counted:
            self._left[m.filter] = self._left.get(m.filter, 0) - 1
            if self._left[m.filter] <= 0:
                del self._left[m.filter]

    def _outlook(self, name: str, now: datetime) -> _Outlook:
        log_rate, sigma = self._model.log_rate(name)
        per_s = self._model.slope_per_deg() * self._sun_speed_deg_per_s(now)
        settings = self._settings
        needed_s = exposure_for(settings.target_adu, log_rate, per_s, settings.shutter_error_s)
        return _Outlook(name, needed_s, sigma)

    def _sun_speed_deg_per_s(self, now: datetime) -> float:
        return (self._sun(now + timedelta(seconds=30)) - self._sun(now - timedelta(seconds=30))) / 60.0

    def _reachable(self, outlook: _Outlook) -> bool:
        """Whether an exposure within the limits lands well inside the band."""
        slack = 1.0 + self._settings.tolerance / 2
        return (
            self._settings.min_exposure_s / slack
            <= outlook.exposure_s
            <= self._settings.max_exposure_s * slack
        )

    def _lost(self, outlook: _Outlook, setting: bool) -> bool:
        """Whether this twilight will not bring the filter back, even if the model errs by two sigma."""
        doubt = exp(min(2 * outlook.sigma, 50.0))
        if setting:
            return outlook.exposure_s / doubt > self._settings.max_exposure_s * (1 + self._settings.tolerance)
        return outlook.exposure_s * doubt < self._settings.min_exposure_s / (1 + self._settings.tolerance)

    def _take(self, outlook: _Outlook, now: datetime) -> Action:
        settings = self._settings
        exposure_s = min(max(outlook.exposure_s, settings.min_exposure_s), settings.max_exposure_s)
        if now + timedelta(seconds=exposure_s) > self._window.end:
            return Stop("the Sun's window is over; " + self._unfinished())
        width = log(1.0 + settings.tolerance)
        cost_s = exposure_s + settings.overhead_s
        probe_s = self._probe_exposure_s(outlook) + settings.overhead_s
        hit, hit_after = _within(width, outlook.sigma), _within(width, _SIGMA_AFTER_PROBE)
        # A probe pays when what it costs is less than what a probable miss would.
        if cost_s / max(hit, 1e-6) > (cost_s + probe_s) / hit_after:
            return self._probe(outlook)
        return Expose(outlook.filter, exposure_s)

    def _probe(self, outlook: _Outlook) -> Probe:
        return Probe(outlook.filter, self._probe_exposure_s(outlook))

    def _probe_exposure_s(self, outlook: _Outlook) -> float:
        """Short, and shorter the less is known, so that it does not saturate; long enough to be measured."""
        aim_s = outlook.exposure_s * min(0.3, exp(-outlook.sigma))
        return max(self._settings.min_exposure_s, min(_LONGEST_PROBE_S, aim_s))

    def _ready_at(self, name: str, now: datetime) -> datetime:
        when = now
        while when < self._window.end:
            when += timedelta(seconds=3)
            log_rate, sigma = self._model.log_rate(name, self._sun(when))
            needed_s = exposure_for(self._settings.target_adu, log_rate, 0.0, self._settings.shutter_error_s)
            if self._reachable(_Outlook(name, needed_s, sigma)):
                return when
        return self._window.end

    def _unfinished(self) -> str:
        return "missing " + ", ".join(f"{count} of {name}" for name, count in self._left.items())


def _within(width: float, sigma: float) -> float:
    """The chance that a normal error of `sigma` stays within `width`."""
    return erf(width / (sigma * sqrt(2))) if sigma > 0 else 1.0
