"""Whether other programs' frames and masters count, by the gates that ours pass as they are taken.

Only what their data allow is judged: light in darks where the bias is known, stars on every flat, the shapes
of flats that were taken in one night, and masters against those that the library has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
from numpy.typing import NDArray

from capture.errors import StoreError
from capture.frame import Frame, FrameSpec, Kind, Setup
from capture.library.dark_model import dark_model_of
from capture.library.foreign import Foreign, Refused, raw_pixels
from capture.library.judging import off_temperature, saturated
from capture.library.shapes import pixels_of, shapes_of
from capture.store import fits_file
from capture.store.archive import Archive
from sequences.acceptance import stars_reason
from sequences.flat_company import Company
from sequences.flat_shape import shape_of, star_area
from sequences.light_leak import DarkModel, Look, Sentinel, look_at

# So many agree on what the dark current of a set is; one odd one of them does not shift the median.
_FEWEST = 3
_MOST_BIASES = 5
_NO_SUN_DEG = -90.0
# A dark below the bias by more than a bias wanders had its bias subtracted.
_BELOW_BIAS_ADU = 10.0
# A flat tells of dust and dirt as they are now: a master of another month may well differ.
_SAME_OPTICS = timedelta(days=14)


class ImportGates:
    """The gates of one import into `rig`; `frames` are the raw ones of it. Frames of a set come by time."""

    def __init__(self, archive: Archive, rig: str, frames: Iterable[Foreign]) -> None:
        self._archive, self._rig = archive, rig
        self._frames = [one for one in frames if not one.is_master]
        self._biases: dict[tuple[Setup, str], Look | None] = {}
        self._sentinels: dict[tuple[FrameSpec, str], Callable[[Look], str | None]] = {}
        self._companies: dict[tuple[FrameSpec, str, date], Company] = {}

    def judge(self, frame: Frame, night: date) -> Frame:
        """The frame of that night with its verdict."""
        reasons = saturated(frame.statistics)
        if frame.spec.kind is Kind.DARK:
            reasons += off_temperature(frame.spec, frame.facts)
            if not reasons:
                reasons += self._light(frame)
        if frame.spec.kind is Kind.FLAT:
            reasons += self._stars_and_shape(frame, night, otherwise_good=not reasons)
        return frame.judged(*reasons)

    def refuse(self, foreign: Foreign, pixels: NDArray[np.float32]) -> None:
        """Raise Refused for a master that is unfit; `pixels` are ADU [rows, columns]."""
        bias = self._bias(foreign.spec.setup, foreign.camera)
        if foreign.spec.kind is Kind.DARK and bias is not None:
            self._refuse_dark(foreign, look_at(pixels, foreign.exposure_s, self._sun_deg(foreign)), bias)
        if foreign.spec.kind is Kind.FLAT:
            self._refuse_flat(foreign, pixels)

    def _light(self, frame: Frame) -> list[str]:
        spec, facts = frame.spec, frame.facts
        key = spec.set_key(), facts.camera
        if key not in self._sentinels:
            self._sentinels[key] = self._sentinel(spec, facts.camera)
        reason = self._sentinels[key](look_at(frame.pixels, facts.exposure_s, facts.sun_altitude_deg))
        return [] if reason is None else [f"light: {reason}"]

    def _sentinel(self, spec: FrameSpec, camera: str) -> Callable[[Look], str | None]:
        """What tells of stray light in the darks of one set: by the library's masters, else by each other."""
        bias = self._bias(spec.setup, camera)
        if bias is None or not spec.exposure_s > 0:
            return lambda _: None
        cooled = spec.set_temperature_c is not None
        watch = Sentinel(dark_model_of(self._archive, self._rig, camera, spec), cooled=cooled)
        watch.see_bias(bias)
        if not watch.knows(bias.grid.shape):
            looks = self._looks(
                one for one in self._frames if (one.spec.set_key(), one.camera) == (spec.set_key(), camera)
            )
            usual = _median(looks)
            if usual is None or len(looks) < _FEWEST:
                return watch.see
            too_bright = watch.see(usual)
            if too_bright is not None:
                return lambda _: too_bright
            watch = Sentinel(DarkModel({spec.exposure_s: usual.grid - bias.grid}), cooled=cooled)
            watch.see_bias(bias)
        # A dark of another size than the bias cannot be compared with it.
        return lambda look: watch.see(look) if look.grid.shape == bias.grid.shape else None

    def _bias(self, setup: Setup, camera: str) -> Look | None:
        """The newest master bias of such frames, else the median of bias frames that came."""
        key = setup, camera
        if key not in self._biases:
            self._biases[key] = self._master_bias(*key) or _median(self._bias_looks(*key))
        return self._biases[key]

    def _master_bias(self, setup: Setup, camera: str) -> Look | None:
        for row in self._archive.catalogue.masters(rig=self._rig, valid=True):
            if row.spec.kind is Kind.BIAS and (row.spec.setup, row.camera) == (setup, camera):
                pixels, _ = pixels_of(self._archive, row)
                if pixels is not None:
                    return look_at(pixels, 0.0, _NO_SUN_DEG)
        return None

    def _bias_looks(self, setup: Setup, camera: str) -> list[Look]:
        mine = (one for one in self._frames if one.spec.kind is Kind.BIAS)
        looks = self._looks(one for one in mine if (one.spec.setup, one.camera) == (setup, camera))
        if looks:
            return looks
        spec = FrameSpec(Kind.BIAS, 0.0, None, *setup)
        for row in self._archive.catalogue.frames(rig=self._rig, spec=spec, good=True, valid=True)[::-1]:
            if row.facts.camera == camera and len(looks) < _MOST_BIASES:
                try:
                    looks.append(look_at(fits_file.read(self._archive.path_of(row))[1], 0.0, _NO_SUN_DEG))
                except StoreError:
                    continue
        return looks

    def _looks(self, frames: Iterable[Foreign]) -> list[Look]:
        """Those of frames that can be read, of biases the first few."""
        looks: list[Look] = []
        for one in frames:
            if one.spec.kind is Kind.BIAS and len(looks) == _MOST_BIASES:
                break
            try:
                looks.append(look_at(raw_pixels(one), one.exposure_s, self._sun_deg(one)))
            except Refused:
                continue
        return looks

    def _sun_deg(self, foreign: Foreign) -> float:
        return self._archive.site.sun_altitude_deg(foreign.taken)

    def _stars_and_shape(self, frame: Frame, night: date, *, otherwise_good: bool) -> list[str]:
        spec, camera = frame.spec, frame.facts.camera
        mosaic = frame.facts.bayer_pattern is not None
        stars = stars_reason(100 * star_area(frame.pixels, mosaic=mosaic))
        reasons = [] if stars is None else [stars]
        bias = self._bias(spec.setup, camera)
        if bias is None:
            return reasons
        shape = shape_of(frame.pixels, float(np.median(bias.grid)), mosaic=mosaic)
        if shape is None:
            return [*reasons, "level: it is no brighter than the bias"]
        company = self._companies.setdefault((spec.set_key(), camera, night), Company({}))
        good = otherwise_good and not reasons
        return [*reasons, *company.compare(spec.filter or "", shape, otherwise_good=good).reasons]

    def _refuse_dark(self, foreign: Foreign, look: Look, bias: Look) -> None:
        if look.grid.shape != bias.grid.shape:
            return
        level_adu = float(np.median(look.grid - bias.grid))
        if level_adu < -_BELOW_BIAS_ADU:
            raise Refused(
                f"its level is {-level_adu:.0f} ADU below the bias, which was subtracted from it already; "
                f"masters of darks keep theirs"
            )
        spec = foreign.spec
        model = dark_model_of(self._archive, self._rig, foreign.camera, spec)
        watch = Sentinel(model, cooled=spec.set_temperature_c is not None)
        watch.see_bias(bias)
        reason = watch.see(look) if look.exposure_s > 0 else None
        if reason is not None:
            raise Refused(f"there is light in it: {reason}")

    def _refuse_flat(self, foreign: Foreign, pixels: NDArray[np.float32]) -> None:
        shape = shape_of(pixels, mosaic=foreign.bayer_pattern is not None)
        spec = foreign.spec.set_key()
        masters = self._archive.catalogue.masters(rig=self._rig, spec=spec, valid=True)
        near = masters and abs(masters[0].newest_input - foreign.taken) <= _SAME_OPTICS
        known = shapes_of(self._archive, self._rig, foreign.camera, [spec]) if near else {}
        if shape is None or not known:
            return
        reasons = Company(known).compare(spec.filter or "", shape, otherwise_good=True)
        if reasons.reasons:
            raise Refused(f"unlike the last master of that time: {'; '.join(reasons.reasons)}")


def _median(looks: list[Look]) -> Look | None:
    """One look of them all, block by block; None of none, or of frames of several sizes."""
    if not looks or len({look.grid.shape for look in looks}) > 1:
        return None
    grid = np.asarray(np.median([look.grid for look in looks], axis=0))
    sigma = max(look.sigma_adu for look in looks) / len(looks) ** 0.5
    return replace(looks[0], sun_altitude_deg=_NO_SUN_DEG, grid=grid, sigma_adu=sigma)
