"""Synthetic flats: vignetting, noise, and what may lie on them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
from numpy.typing import NDArray

from capture.frame import Facts, Frame, FrameSpec, Kind, Statistics

Light = NDArray[np.float64]
START = datetime(2026, 11, 22, 0, 20, tzinfo=UTC)
BIAS_ADU = 500.0
SHAPE = (256, 384)


def vignetting(shape: tuple[int, int] = SHAPE, centre: float = 0.0, falloff: float = 0.25) -> Light:
    """Light that falls off from the middle; `centre` moves that, in half diagonals."""
    y, x = _places(shape)
    return np.asarray(1 - falloff * ((x - centre) ** 2 + (y - centre / 2) ** 2))


def tilt(part: float, shape: tuple[int, int] = SHAPE) -> Light:
    """A plane that rises by `part` from the left to the right."""
    return np.asarray(1 + part * np.broadcast_to(np.linspace(-0.5, 0.5, shape[1]), shape))


def speck(depth: float, at: tuple[int, int] = (60, 90), radius_px: float = 14.0) -> Light:
    """Dust out of focus: a disc of that much less light."""
    rows, columns = np.indices(SHAPE)
    return np.asarray(1 - depth * (np.hypot(rows - at[0], columns - at[1]) < radius_px))


def trails(count: int, strength: float = 0.3, seed: int = 5) -> Light:
    """Stars that moved along the rows: 4 pixels wide, 20 long."""
    rng, light = np.random.default_rng(seed), np.ones(SHAPE)
    for row, column in zip(rng.integers(0, SHAPE[0], count), rng.integers(0, SHAPE[1], count), strict=True):
        light[row : row + 4, column : column + 20] += strength
    return light


def flat(
    light: Light | None = None,
    number: int = 0,
    *,
    level_adu: float = 30_000.0,
    electrons_per_adu: float = 1.0,
    filter_name: str = "R",
    **facts: object,
) -> Frame:
    """The flat `number` of a run: median `level_adu` above a bias of 500, noise of its own."""
    light = vignetting() if light is None else light
    signal_e = level_adu * electrons_per_adu * light / np.median(light)
    noise = np.random.default_rng(number).normal(size=signal_e.shape)
    adu = BIAS_ADU + (signal_e + noise * np.sqrt(signal_e + 25)) / electrons_per_adu
    pixels = np.clip(np.rint(adu), 0, 65535).astype(np.uint16)
    known = {
        "rig": "T1", "camera": "C", "started": START + timedelta(seconds=20 * number), "exposure_s": 5.0,
        "sun_altitude_deg": -4.0, "altitude_deg": 76.0, "azimuth_deg": 60.0,
        "right_ascension_h": 3.0 + number / 180, "declination_deg": 33.0,
    }  # fmt: skip
    seen = Facts(**known | facts)  # type: ignore[arg-type]
    mosaic = seen.bayer_pattern is not None
    statistics = Statistics.of(pixels, seen.saturation_adu, mosaic=mosaic)
    return Frame(pixels, FrameSpec(Kind.FLAT, 5.0, filter_name), seen, statistics)


def _places(shape: tuple[int, int]) -> tuple[Light, Light]:
    rows, columns = np.indices(shape)
    half = np.hypot(*shape) / 2
    return (rows - (shape[0] - 1) / 2) / half, (columns - (shape[1] - 1) / 2) / half
