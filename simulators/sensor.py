"""A sensor: its fixed pattern, dark current and illumination, and the pixels of an exposure.

Arrays are indexed [row, column] = [y, x] of the sensor, float32 in truth and uint16 in frames.

Noise comes from a bank of normal numbers that is drawn once and read row by row at random offsets with random
signs: about 3 ms for a frame of 1 MP where Poisson draws take 40. Means and variances are those of Poisson
light plus Gaussian read noise; below some ten electrons the shape is not, which no average can see.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from simulators.settings import CameraSettings

Map = NDArray[np.float32]
Pixels = NDArray[np.uint16]

_BANK = 1 << 22
_ROWS = 64
_BAYER = ((0.62, 1.0), (1.0, 0.71))


@lru_cache(maxsize=1)
def _noise_bank() -> Map:
    """Return 4 million normal numbers of exactly zero mean and unit variance."""
    bank = np.random.default_rng(401).standard_normal(_BANK, dtype=np.float32)
    bank -= bank.mean(dtype=np.float64)
    bank /= bank.std(dtype=np.float64)
    return bank


@dataclass(frozen=True)
class Region:
    """Which part of the sensor is read, in binned pixels, and the binning."""

    start_x: int
    start_y: int
    width: int
    height: int
    bin: int = 1


@dataclass(frozen=True)
class Exposed:
    """What reached the sensor during one exposure, in electrons per unbinned pixel.

    `sky_e` is the sky at the frame's centre with its relative slopes per pixel; `panel_e` the flat panel;
    `leak_e` stray light that passed the optics by; `stars_e` the stars' map of the whole sensor or None.
    """

    dark_s: float
    temperature_c: float
    filter_name: str
    sky_e: float = 0.0
    slope_x: float = 0.0
    slope_y: float = 0.0
    panel_e: float = 0.0
    leak_e: float = 0.0
    stars_e: Map | None = field(default=None, compare=False)


@dataclass(frozen=True)
class Electronics:
    """How the sensor is read: gain and offset as their Alpaca values, the read noise's factor."""

    gain: int = 0
    offset: int = 0
    noise_factor: float = 1.0


class Sensor:
    """The sensor of one camera; `seed` makes it the individual that it is."""

    def __init__(self, settings: CameraSettings, seed: int, number: int) -> None:
        self.settings = settings
        self._seed = seed
        self._number = number
        self._shape = (settings.height_px, settings.width_px)
        self._pattern = self._make_pattern()
        self._dark = self._make_dark()
        self._response = self._make_response()
        self._illuminations: dict[str, Map] = {}

    def _rng(self, *what: int) -> np.random.Generator:
        return np.random.default_rng((self._seed, 402, self._number, *what))

    def _grid(self) -> tuple[Map, Map]:
        """Return y as a column and x as a row, from -1 to 1 across the sensor's half diagonal."""
        h, w = self._shape
        half = np.hypot(h, w) / 2
        y = ((np.arange(h) - (h - 1) / 2) / half).astype(np.float32)[:, None]
        x = ((np.arange(w) - (w - 1) / 2) / half).astype(np.float32)[None, :]
        return y, x

    def _make_pattern(self) -> Map:
        h, w = self._shape
        rng = self._rng(1)
        unit = self.settings.read_noise_e / self.settings.gain_e_per_adu
        pattern = rng.standard_normal((h, w), dtype=np.float32) * (0.4 * unit)
        pattern += rng.standard_normal((1, w), dtype=np.float32) * (0.3 * unit)
        pattern += rng.standard_normal((h, 1), dtype=np.float32) * (0.15 * unit)
        y, x = self._grid()
        pattern += unit * (0.5 * y + 0.3 * x * y)
        pattern -= pattern.mean(dtype=np.float64)
        return np.asarray(pattern, dtype=np.float32)

    def _make_dark(self) -> Map:
        s = self.settings
        rng = self._rng(2)
        dark = s.dark_e_per_s * np.exp(0.3 * rng.standard_normal(self._shape, dtype=np.float32))
        hot = rng.random(self._shape) < s.hot_fraction
        # A long tail: most hot pixels are some tens of times the median, a few are thousands.
        dark[hot] *= np.exp(rng.normal(np.log(40), 1.3, int(hot.sum())))
        if s.amp_glow_e_per_s:
            y, x = self._grid()
            dark += s.amp_glow_e_per_s * np.exp(-((x - x.max()) ** 2 + (y - y.max()) ** 2) / 0.08)
        return np.asarray(dark, dtype=np.float32)

    def _make_response(self) -> Map:
        response = 1 + self.settings.prnu * self._rng(3).standard_normal(self._shape, dtype=np.float32)
        if self.settings.bayer:
            for row in (0, 1):
                for column in (0, 1):
                    response[row::2, column::2] *= _BAYER[row][column]
        return np.asarray(response, dtype=np.float32)

    def _specks(self, rng: np.random.Generator, count: int, into: Map) -> None:
        """Multiply dust into an illumination: rings, as the shadow of a secondary mirror's hole has them."""
        h, w = self._shape
        for _ in range(count):
            outer = rng.uniform(0.015, 0.05) * min(h, w) + 2
            cy, cx, depth = rng.uniform(0, h), rng.uniform(0, w), rng.uniform(0.02, 0.08)
            y0, y1 = max(0, int(cy - 1.3 * outer)), min(h, int(cy + 1.3 * outer) + 1)
            x0, x1 = max(0, int(cx - 1.3 * outer)), min(w, int(cx + 1.3 * outer) + 1)
            if y0 >= y1 or x0 >= x1:
                continue
            r = np.hypot(np.arange(y0, y1)[:, None] - cy, np.arange(x0, x1)[None, :] - cx) / outer
            soft = 1 / (1 + np.exp((r - 1) / 0.06)) - 0.7 / (1 + np.exp((r - 0.4) / 0.06))
            into[y0:y1, x0:x1] *= 1 - depth * soft

    def bias_adu(self, offset: int | None = None) -> Map:
        """Return the bias without noise: level and fixed pattern, in ADU."""
        s = self.settings
        steps = (s.default_offset if offset is None else offset) - s.default_offset
        return self._pattern + np.float32(s.level_adu + (s.adu_per_offset * steps if s.has_gain else 0.0))

    def dark_e_per_s(self, temperature_c: float) -> Map:
        """Return the dark current at a sensor temperature; it doubles every `dark_doubling_c`."""
        return self._dark * np.float32(self.dark_factor(temperature_c))

    def dark_factor(self, temperature_c: float) -> float:
        """Return the dark current's ratio to that at the reference temperature."""
        s = self.settings
        return float(2 ** ((temperature_c - s.dark_reference_c) / s.dark_doubling_c))

    def illumination(self, filter_name: str) -> Map:
        """Return what an even sky looks like through a filter: vignetting x dust x pixel response."""
        known = self._illuminations.get(filter_name)
        if known is not None:
            return known
        y, x = self._grid()
        tag = crc32(filter_name.encode())
        centre = self._rng(4, tag).uniform(-0.04, 0.04, 2)
        falloff = (x - centre[0]) ** 2 + (y - centre[1]) ** 2
        light: Map = np.asarray(1 - self.settings.vignetting * falloff, dtype=np.float32)
        self._specks(self._rng(5), self.settings.dust_specks, light)
        self._specks(self._rng(6, tag), max(1, self.settings.dust_specks // 2), light)
        light *= self._response
        self._illuminations[filter_name] = light
        return light

    def gain_e_per_adu(self, gain: int = 0) -> float:
        """Return the conversion at a gain value: 0.1 dB a step, as common CMOS cameras have it."""
        s = self.settings
        return s.gain_e_per_adu * (10 ** (-gain / 200) if s.has_gain else 1.0)

    def read_noise_adu(self, electronics: Electronics) -> float:
        """Return the read noise of a frame."""
        noise_e = self.settings.read_noise_e * electronics.noise_factor
        return noise_e / self.gain_e_per_adu(electronics.gain)

    def render(self, exposed: Exposed, region: Region, electronics: Electronics, number: int) -> Pixels:
        """Return the frame number `number` as uint16 of shape (region.height, region.width)."""
        s = self.settings
        gain = np.float32(self.gain_e_per_adu(electronics.gain))
        # Rounding to whole ADU adds 1/12 ADU^2, so that much is taken off.
        read_variance = max(self.read_noise_adu(electronics) ** 2 - 1 / 12, 0.0)
        cells = region.bin**2
        if s.kind == "cmos":
            read_variance *= cells
        bank = _noise_bank()
        rng = np.random.default_rng((self._seed, 403, self._number, number))
        offsets = rng.integers(0, _BANK - region.width, region.height)
        signs = rng.choice(np.array([-1, 1], dtype=np.float32), region.height)
        windows = np.lib.stride_tricks.sliding_window_view(bank, region.width)
        well = np.float32(s.full_well_e * cells)
        steps = electronics.offset - s.default_offset if s.has_gain else 0
        level = s.level_adu + s.adu_per_offset * steps
        out = np.empty((region.height, region.width), dtype=np.uint16)
        # Blocks of rows stay in the cache: half the time of whole frames.
        for top in range(0, region.height, _ROWS):
            rows = slice(top, min(top + _ROWS, region.height))
            signal = self._electrons(exposed, region, rows)
            np.minimum(signal, well, out=signal)
            signal /= gain
            noise = signal / gain
            noise += np.float32(read_variance)
            np.sqrt(noise, out=noise)
            noise *= windows[offsets[rows]]
            noise *= signs[rows, None]
            signal += noise
            signal += self._pattern_of(region, rows)
            signal += np.float32(level + 0.5)
            np.clip(signal, 0, s.max_adu, out=signal)
            out[rows] = signal.astype(np.uint16)
        return out

    @staticmethod
    def _unbinned(region: Region, rows: slice) -> tuple[slice, slice]:
        b = region.bin
        top = (region.start_y + rows.start) * b
        left = region.start_x * b
        return slice(top, top + (rows.stop - rows.start) * b), slice(left, left + region.width * b)

    def _pattern_of(self, region: Region, rows: slice) -> Map:
        """Return the fixed pattern of some binned rows: a binned pixel is read once: their mean."""
        part = self._pattern[self._unbinned(region, rows)]
        if region.bin == 1:
            return part
        blocks = part.reshape(rows.stop - rows.start, region.bin, region.width, region.bin)
        return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)

    def _electrons(self, exposed: Exposed, region: Region, rows: slice) -> Map:
        """Return the expected electrons of some binned rows."""
        h, w = self._shape
        box = self._unbinned(region, rows)
        signal = self._dark[box] * np.float32(self.dark_factor(exposed.temperature_c) * exposed.dark_s)
        if exposed.sky_e > 0 or exposed.panel_e > 0:
            # A plane: the sky's slope across the frame; the panel's own is 2 % from edge to edge.
            x = (np.arange(box[1].start, box[1].stop) - (w - 1) / 2).astype(np.float32)
            y = (np.arange(box[0].start, box[0].stop) - (h - 1) / 2).astype(np.float32)
            along_x = exposed.sky_e * exposed.slope_x + exposed.panel_e * 0.02 / w
            plane = (
                np.float32(along_x) * x[None, :]
                + (
                    np.float32(exposed.sky_e * exposed.slope_y) * y
                    + np.float32(exposed.sky_e + exposed.panel_e)
                )[:, None]
            )
            if exposed.stars_e is not None:
                plane += exposed.stars_e[box]
            np.maximum(plane, 0, out=plane)
            plane *= self.illumination(exposed.filter_name)[box]
            signal += plane
        if exposed.leak_e > 0:
            glow = 1 + 0.5 * np.arange(box[1].start, box[1].stop, dtype=np.float32) / w
            signal += np.float32(exposed.leak_e) * glow[None, :]
        if region.bin > 1:
            b = region.bin
            signal = signal.reshape(rows.stop - rows.start, b, region.width, b).sum(
                axis=(1, 3), dtype=np.float32
            )
        return signal
