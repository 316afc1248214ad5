"""Frames for the tests: small, repeatable, with every fact set."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import numpy as np

from capture.frame import Facts, Frame, FrameSpec, Kind, Pixels, Statistics
from capture.site import Site

START = datetime(2026, 11, 22, 1, 0, tzinfo=UTC)
NIGHT = date(2026, 11, 21)
SITE = Site("Mayhill", 32.9, -105.5, 2225.0, "America/Denver")

BIAS = FrameSpec(Kind.BIAS, gain=100, offset=30, readout_mode="Normal", set_temperature_c=-10.0)
DARK = replace(BIAS, kind=Kind.DARK, exposure_s=120.0)
FLAT = replace(BIAS, kind=Kind.FLAT, exposure_s=2.5, filter="Ha")


def noise(seed: int, shape: tuple[int, int] = (24, 32), level: float = 1000.0, sigma: float = 8.0) -> Pixels:
    """Gaussian noise around a level, uint16 [rows, columns]."""
    values = np.random.default_rng(seed).normal(level, sigma, shape)
    return np.clip(np.rint(values), 0, 65535).astype(np.uint16)


def make_frame(
    spec: FrameSpec = DARK, pixels: Pixels | None = None, minutes: float = 0.0, rig: str = "T1"
) -> Frame:
    """A good frame of `spec`, taken so many minutes after START."""
    pixels = noise(abs(int(minutes)) + 1) if pixels is None else pixels
    facts = Facts(
        rig=rig,
        camera=f"Camera of {rig}",
        started=START + timedelta(minutes=minutes),
        exposure_s=spec.exposure_s,
        sun_altitude_deg=-25.5,
        ccd_temperature_c=-10.02,
        altitude_deg=76.0,
        azimuth_deg=95.25,
        right_ascension_h=5.25,
        declination_deg=-5.5,
        rotator_deg=12.5,
        roof_shut=spec.kind in (Kind.BIAS, Kind.DARK),
        saturation_adu=60000.0,
        electrons_per_adu=0.25,
        pixel_size_um=(3.76, 3.76),
        subframe_origin_px=(4, 8),
        bayer_pattern="RGGB",
        bayer_offset_px=(0, 1),
        downloaded_s=0.75,
    )
    return Frame(pixels, spec, facts, Statistics.of(pixels, facts.saturation_adu), target_adu=1000.0)
