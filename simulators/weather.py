"""The weather: clouds, safety, temperature, humidity, wind, rain, as pure functions of (seed, time).

Times are Unix seconds, a float or an array; what comes back has the same shape.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from simulators.settings import SiteSettings, Veil, WeatherSettings

Array = NDArray[np.float64]


class Ripple:
    """A smooth random curve: `terms` sines with periods between two bounds, of unit variance."""

    def __init__(self, seed: tuple[int, ...], shortest_s: float, longest_s: float, terms: int = 12) -> None:
        rng = np.random.default_rng(seed)
        periods = np.exp(rng.uniform(np.log(shortest_s), np.log(longest_s), terms))
        # Slow waves are the tall ones, as in clouds and in room temperatures.
        heights = np.sqrt(periods)
        self._heights = heights * np.sqrt(2 / np.sum(heights**2))
        self._rates = 2 * np.pi / periods
        self._phases = rng.uniform(0, 2 * np.pi, terms)

    def __call__(self, t: ArrayLike) -> Array:
        """Return the curve's value at each time."""
        angles = np.multiply.outer(np.asarray(t, dtype=np.float64), self._rates) + self._phases
        return np.asarray(np.sin(angles) @ self._heights)


class Flicker:
    """A veil's ln brightness over one noon-to-noon night, every second: an Ornstein-Uhlenbeck process.

    Made whole by its power spectrum, 1 / (1 + (omega tau)^2), so that any time can be asked in any order.
    """

    def __init__(self, seed: tuple[int, ...], veil: Veil) -> None:
        rng = np.random.default_rng(seed)
        decay = np.exp(-1.0 / veil.tau_s)
        turns = np.exp(-2j * np.pi * np.fft.rfftfreq(86_400))
        noise = np.fft.rfft(rng.standard_normal(86_400))
        steps = np.sqrt(1 - decay**2)
        self._curve = veil.mean + veil.sigma * np.fft.irfft(steps * noise / (1 - decay * turns), 86_400)

    def __call__(self, seconds_of_night: Array) -> Array:
        """Return the curve at seconds since noon, 0 to 86 400, linear within a second."""
        return np.asarray(np.interp(seconds_of_night, np.arange(86_400.0), self._curve))


def night_number(t: float, longitude_deg: float) -> int:
    """Return the count of the noon-to-noon night at that longitude."""
    return int((t + longitude_deg * 240 - 43_200) // 86_400)


class Weather:
    """The weather of one site."""

    def __init__(self, seed: int, site: SiteSettings, settings: WeatherSettings) -> None:
        self.settings = settings
        self._seed = seed
        self._site = site
        self._ripple = Ripple((seed, 101), 120, 2400)
        self._warmth = Ripple((seed, 102), 1800, 40_000)
        self._damp = Ripple((seed, 103), 3600, 80_000)
        self._breeze = Ripple((seed, 104), 600, 30_000)
        self._gusts = Ripple((seed, 105), 10, 120)
        self._flickers: dict[int, Flicker] = {}
        self._script = [
            (c.start.timestamp(), c.end.timestamp(), c.opacity_mag, c.overcast) for c in settings.clouds
        ]

    def _cover(self, t: Array, start: float, end: float) -> Array:
        """How far a cloud covers the sky, 0 to 1, with soft edges inside its interval."""
        ramp = max(min(self.settings.cloud_ramp_s, (end - start) / 2), 1.0)
        x = np.clip(np.minimum((t - start) / ramp, (end - t) / ramp), 0, 1)
        return np.asarray(x * x * (3 - 2 * x))

    def _cirrus(self, t: Array) -> Array:
        out = np.zeros_like(t)
        if self.settings.cirrus_chance <= 0 or not t.size:
            return out
        first, last = (night_number(float(e), self._site.longitude_deg) for e in (t.min(), t.max()))
        for night in range(first, last + 1):
            rng = np.random.default_rng((self._seed, 106, night + 2**20))
            if rng.random() < self.settings.cirrus_chance:
                start = night * 86_400 + 43_200 - self._site.longitude_deg * 240 + rng.uniform(0, 64_800)
                out += rng.uniform(0.1, 0.5) * self._cover(t, start, start + rng.uniform(3600, 21_600))
        return out

    def opacity_mag(self, t: ArrayLike) -> Array:
        """Return the smooth part of the clouds' opacity, what the safety monitor judges."""
        times = np.asarray(t, dtype=np.float64)
        out = self._cirrus(times)
        for start, end, opacity, _ in self._script:
            out = out + opacity * self._cover(times, start, end)
        return out

    def overcast(self, t: ArrayLike) -> Array:
        """Return how far the sky is closed by overcast, 0 to 1."""
        times = np.asarray(t, dtype=np.float64)
        out = np.zeros_like(times)
        for start, end, _, overcast in self._script:
            if overcast:
                out = np.maximum(out, self._cover(times, start, end))
        return out

    def star_transmission(self, t: ArrayLike) -> Array:
        """Return the part of star light that the clouds let through, 0 to 1."""
        opacity = self.opacity_mag(t)
        lumpy = opacity * np.clip(1 + 0.3 * self._ripple(t), 0, None)
        veil_mag = self.settings.veil.opacity_mag if self.settings.veil else 0.0
        return np.asarray(10 ** (-0.4 * (lumpy + veil_mag)))

    def twilight_factor(self, t: ArrayLike) -> Array:
        """Return clouded over clear brightness of the twilight sky.

        Thin cloud scatters and brightens a little, thick cloud darkens; both fluctuate over 2 to 40 min.
        """
        opacity = self.opacity_mag(t)
        mean = 0.25 * opacity * np.exp(-opacity) - 0.25 * np.maximum(opacity - 1, 0)
        scripted = mean + 0.2 * (1 - np.exp(-2 * opacity)) * self._ripple(t)
        return np.asarray(np.exp(scripted + self._veil_ln(np.asarray(t, dtype=np.float64))))

    def _veil_ln(self, t: Array) -> Array:
        """The veil's ln brightness over clear."""
        veil = self.settings.veil
        if veil is None or not t.size:
            return np.zeros_like(t)
        since = t + self._site.longitude_deg * 240 - 43_200
        nights = np.floor(since / 86_400).astype(int)
        out = np.empty_like(t)
        for night in np.unique(nights):
            if night not in self._flickers:
                self._flickers[night] = Flicker((self._seed, 107, int(night) + 2**20), veil)
            here = nights == night
            out[here] = self._flickers[night](since[here] - 86_400.0 * night)
        return out

    def temperature_c(self, t: ArrayLike) -> Array:
        """Return the air temperature: a daily wave, warmest at 15 h local, with slow ripples."""
        times = np.asarray(t, dtype=np.float64)
        hours = (times / 3600 + self._site.longitude_deg / 15) % 24
        wave = 5 * np.cos(2 * np.pi * (hours - 15) / 24)
        return np.asarray(self.settings.mean_temperature_c + wave + 0.7 * self._warmth(times))

    def humidity_percent(self, t: ArrayLike) -> Array:
        """Return the relative humidity; clouds bring damp."""
        value = 40 + 8 * self._damp(t) + 30 * (1 - np.exp(-self.opacity_mag(t)))
        return np.asarray(np.clip(value, 5, 100))

    def wind_m_s(self, t: ArrayLike) -> Array:
        """Return the mean wind."""
        return np.asarray(self.settings.mean_wind_m_s * np.exp(0.4 * self._breeze(t)))

    def gust_m_s(self, t: ArrayLike) -> Array:
        """Return the gusts, never below the mean wind."""
        return np.asarray(self.wind_m_s(t) * (1.15 + 0.25 * np.abs(self._gusts(t))))

    def wind_direction_deg(self, t: ArrayLike) -> Array:
        """Return where the wind comes from."""
        return np.asarray((230 + 40 * self._breeze(np.asarray(t) + 7.2e6)) % 360)

    def rain_mm_h(self, t: ArrayLike) -> Array:
        """Return the rain rate: only overcast of more than 5 mag rains."""
        heavy = np.clip(self.opacity_mag(t) - 5, 0, None)
        return np.asarray(heavy * self.overcast(t))

    def dew_point_c(self, t: ArrayLike) -> Array:
        """Return the dew point by the Magnus formula (a = 17.62, b = 243.12 C)."""
        warm = self.temperature_c(t)
        x = np.log(self.humidity_percent(t) / 100) + 17.62 * warm / (243.12 + warm)
        return np.asarray(243.12 * x / (17.62 - x))

    def cloud_cover_percent(self, t: ArrayLike) -> Array:
        """Return the part of the sky under cloud."""
        return np.asarray(100 * (1 - np.exp(-2 * self.opacity_mag(t))))

    def is_safe(self, t: float) -> bool:
        """Whether the roof may be open: no thick cloud, no rain, no damp, no storm."""
        s = self.settings
        return bool(
            self.opacity_mag(t) < s.unsafe_opacity_mag
            and self.rain_mm_h(t) <= 0
            and self.humidity_percent(t) < s.unsafe_humidity_percent
            and self.wind_m_s(t) < s.unsafe_wind_m_s
        )
