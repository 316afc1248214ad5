"""What the peers have in common: a law written as a script, and what their operator knows beforehand.

All peers are given the best that an operator could do for them: filters in the order of their throughput,
faintest first at dusk and last at dawn; the camera's own limits, its bias, its clock and site right; a
target that is the judge's. Slews, dithers and their programs' own delays cost them nothing unless their
file says so.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from weakref import WeakKeyDictionary

import numpy as np

from benchmarks.sky_flats.cameras import CameraKind
from benchmarks.sky_flats.truth import Array, Faults, Twilight
from sequences.flat_controller import Action, Expose, Measurement, Probe, Stop, Wait

_SLOW_DOWNLOAD_S = 5.0

Law = Generator[Action, Measurement | None, None]
Frame = Generator[Action, Measurement | None, Measurement]


class Peer(ABC):
    """A law as a generator: it yields actions, and is sent what a frame showed.

    A frame that gets lost is asked for again. Levels are above bias; `raw_adu` puts it back for the laws
    that do not know it.
    """

    def __init__(self, twilight: Twilight, quotas: Mapping[str, int]) -> None:
        self.camera: CameraKind = twilight.camera
        self.setting = twilight.setting
        self.quotas = dict(quotas)
        self.sun_altitude_deg = twilight.sun_altitude_deg
        self.usual = usual_sky(twilight)
        self.filters = [name for name in self.usual.order(faintest_first=self.setting) if quotas.get(name, 0)]
        self.now = twilight.epoch
        self._script: Law | None = None
        self._asked: Expose | Probe | None = None
        self._seen: Measurement | None = None

    @abstractmethod
    def law(self) -> Law:
        """The peer's whole twilight."""

    def saves(self, measurement: Measurement) -> bool:
        """Whether its rule keeps this frame; as it stands, all that were not taken to meter."""
        return True

    def next(self, now: datetime) -> Action:
        """What to do now."""
        self.now = now
        if self._asked is not None and self._seen is None:
            return self._asked
        if self._script is None:
            self._script = self.law()
        seen, self._seen, self._asked = self._seen, None, None
        try:
            action = self._script.send(seen)
        except StopIteration:
            return Stop("the law has ended")
        if isinstance(action, Expose | Probe):
            self._asked = action
        return action

    def observe(self, measurement: Measurement) -> None:
        """Take in what came of it."""
        self._seen = measurement

    def expose(self, name: str, exposure_s: float) -> Frame:
        """Take a full frame."""
        measurement = yield Expose(name, exposure_s)
        assert measurement is not None
        return measurement

    def probe(self, name: str, exposure_s: float) -> Frame:
        """Take a subframe, to meter."""
        measurement = yield Probe(name, exposure_s)
        assert measurement is not None
        return measurement

    def wait(self, seconds: float) -> Generator[Action, Measurement | None, None]:
        """Do nothing for so long."""
        yield Wait(self.now + timedelta(seconds=seconds), "")

    def sun_deg(self) -> float:
        """The Sun's altitude now."""
        return self.sun_altitude_deg(self.now)

    def raw_adu(self, measurement: Measurement) -> float:
        """The level with its bias."""
        return measurement.level_adu + self.camera.bias_adu

    @property
    def slow(self) -> bool:
        """Whether the camera's download is what an operator would call slow."""
        return self.camera.download_s > _SLOW_DOWNLOAD_S

    @property
    def raw_target_adu(self) -> float:
        """The target with its bias."""
        return self.camera.target_adu + self.camera.bias_adu

    def within(self, measurement: Measurement, fraction: float) -> bool:
        """Whether the level above bias is so near to the target, and not saturated."""
        off = abs(measurement.level_adu / self.camera.target_adu - 1)
        return off <= fraction and measurement.saturated_fraction < 0.01

    def too_late(self, exposure_s: float) -> bool:
        """Whether an exposure outside the limits says that this filter's time is over."""
        camera = self.camera
        return exposure_s > camera.max_exposure_s if self.setting else exposure_s < camera.min_exposure_s

    def too_early(self, exposure_s: float) -> bool:
        """Whether an exposure outside the limits says that this filter's time is to come."""
        camera = self.camera
        return exposure_s < camera.min_exposure_s if self.setting else exposure_s > camera.max_exposure_s


class UsualSky:
    """What an operator found on earlier clear nights: for each filter ln rate = a + b h (Sun at h deg).

    Fitted to this site's clear twilight at the mean zero point where the exposure lies between half the
    camera's minimum and twice its maximum. The night's own zero point, its clouds, and whatever the scenario
    injects as an error of the configured throughputs are not in it.
    """

    def __init__(self, twilight: Twilight) -> None:
        spec = twilight.spec
        errors = spec.faults.usual_throughput_error_mag
        believed = tuple((name, mag + errors.get(name, 0.0)) for name, mag in spec.throughput_mag)
        clear = Twilight(
            replace(spec, veil=None, zero_point_dex=0.0, throughput_mag=believed, faults=Faults())
        )
        camera = twilight.camera
        self._target_adu = camera.target_adu
        times_s = np.arange(0.0, clear.end_s, 10.0)
        sun_deg = np.array([clear.sun_altitude_deg(clear.when(t)) for t in times_s])
        self._lines: dict[str, tuple[float, float]] = {}
        for name in twilight.filters:
            rate = clear.rate_adu_per_s(name, times_s)
            exposure_s = camera.target_adu / rate
            useful = (exposure_s > camera.min_exposure_s / 2) & (exposure_s < camera.max_exposure_s * 2)
            self._lines[name] = _line(sun_deg[useful], np.log(rate[useful]))

    def rate_adu_per_s(self, name: str, sun_deg: float) -> float:
        """The usual rate through a filter."""
        level, slope = self._lines[name]
        return float(np.exp(level + slope * sun_deg))

    def exposure_s(self, name: str, sun_deg: float) -> float:
        """The usual exposure to the target, at the rate now."""
        return self._target_adu / self.rate_adu_per_s(name, sun_deg)

    def order(self, *, faintest_first: bool) -> list[str]:
        """The filters by their usual rate with the Sun at -4 deg."""
        return sorted(self._lines, key=lambda n: self.rate_adu_per_s(n, -4.0), reverse=not faintest_first)


def _line(sun_deg: Array, ln_rate: Array) -> tuple[float, float]:
    """Level and slope of a straight line; a usual slope where the twilight has too little of it."""
    if sun_deg.size < 3:
        return (float(np.mean(ln_rate)) if ln_rate.size else 0.0), 1.15
    slope, level = np.polyfit(sun_deg, ln_rate, 1)
    return float(level), float(slope)


_USUAL: WeakKeyDictionary[Twilight, UsualSky] = WeakKeyDictionary()


def usual_sky(twilight: Twilight) -> UsualSky:
    """The usual sky of this twilight, fitted once for all peers."""
    if twilight not in _USUAL:
        _USUAL[twilight] = UsualSky(twilight)
    return _USUAL[twilight]
