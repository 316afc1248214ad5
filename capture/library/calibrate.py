"""A light less its dark, over its flat: (light - dark) / (flat / FLATMEAN), piece by piece.

The dark keeps its bias; one that is scaled does not: bias + scale x (dark - bias) is subtracted. The raw file
is only read. The calibrated one has its header, the masters by name and SHA-256, and an extension MASK.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import numpy as np

from capture.config import CalibrationConfig
from capture.errors import BadInput, StoreError
from capture.frame import Kind
from capture.library.calibrate_numpy import by_numpy
from capture.library.calibrated_file import write_calibrated
from capture.library.calibrated_header import calibrated_cards, history
from capture.library.light import Light
from capture.library.match import Chosen, Match
from capture.library.recipe import PEDESTAL_ADU, Recipe, Tally, Way
from capture.store.fits_bands import PixelReader, Values
from capture.store.fits_file import Card

_FULL_WELL_MARGIN = 0.98
# A pixel of a dark so many deviations above its median is hot.
HOT_SIGMA = 10.0


@dataclass(frozen=True)
class Calibrated:
    """What was made: the file, its letters of CALSTAT, and how many pixels MASK marks for which reason."""

    path: Path
    calstat: str
    counts: dict[str, int]


def calibrate(
    light: Light,
    found: Match,
    root: Path,
    out: Path,
    policy: CalibrationConfig,
    now: datetime,
    way: Way | None = None,
) -> Calibrated:
    """Calibrate a light with the masters that were found for it, into the new file `out`.

    `root` is the archive's folder. `way` computes; left out, the fastest that there is. Raises BadInput when
    the match is not complete, or the light no raw frame of the masters' size; StoreError when a file is
    damaged, or `out` is there or cannot be written.
    """
    if not found.complete:
        raise BadInput(f"{light.path} stays raw: {found.reason or 'no master fits'}")
    with ExitStack() as stack:
        raw = stack.enter_context(_open_light(light))
        masters = {
            one.master.kind: (one, stack.enter_context(PixelReader(root / one.master.path)))
            for one in found.masters
        }
        for one, reader in masters.values():
            if reader.shape != raw.shape:
                raise BadInput(
                    f"{light.path} has {raw.shape[1]} x {raw.shape[0]} pixels, and the master "
                    f"{one.name} {reader.shape[1]} x {reader.shape[0]}"
                )
        flat_mean_adu = _flat_mean_adu(*masters[Kind.FLAT]) if Kind.FLAT in masters else 1.0
        recipe = _recipe(light, raw, masters, policy, flat_mean_adu)
        letters = calstat(found.masters)

        def cards(tally: Tally) -> list[Card]:
            return calibrated_cards(
                light.path.name, raw.header, found.masters, letters, flat_mean_adu,
                PEDESTAL_ADU if recipe.whole else 0, vars(tally), now,
            )  # fmt: skip

        make = (way or fastest(recipe))(recipe)
        tally = write_calibrated(out, recipe, make, cards, history(policy, found.masters), policy.mask)
    counted = {
        "hot": tally.hot, "unlit": tally.unlit, "saturated": tally.saturated, "no_value": tally.no_value
    }  # fmt: skip
    return Calibrated(out, letters, counted)


def fastest(recipe: Recipe) -> Way:
    """The compiled way where nightcal[fast] is installed and the files' types are its own, else numpy's."""
    try:
        from capture.library import calibrate_compiled  # noqa: PLC0415 - numba is not there everywhere
    except ImportError:
        return by_numpy
    return calibrate_compiled.by_compiled if calibrate_compiled.can_compute(recipe) else by_numpy


def calibrated_name(raw: Path, folder: Path | None = None) -> Path:
    """`x_cal.fits` in `folder`, or beside the raw light `x.fits`."""
    return (folder or raw.parent) / f"{raw.stem}_cal.fits"


def calstat(masters: Sequence[Chosen]) -> str:
    """What was done, in MaxIm's letters: a dark takes its bias along."""
    kinds = {one.master.kind for one in masters}
    letters = "B" if kinds & {Kind.BIAS, Kind.DARK} else ""
    return letters + ("D" if Kind.DARK in kinds else "") + ("F" if Kind.FLAT in kinds else "")


def _open_light(light: Light) -> PixelReader:
    try:
        raw = PixelReader(light.path)
    except StoreError as error:
        raise BadInput(str(error)) from error
    try:
        pedestal = float(raw.cards.get("PEDESTAL", "0") or 0)
    except ValueError:
        pedestal = 0.0
    if pedestal:
        with raw:
            raise BadInput(
                f"{light.path} has a PEDESTAL of {pedestal:g} and no CALSTAT: whether its bias is whole "
                f"cannot be told, and a pedestal that is divided inverts the vignetting"
            )
    return raw


def _recipe(
    light: Light,
    raw: PixelReader,
    masters: dict[Kind, tuple[Chosen, PixelReader]],
    policy: CalibrationConfig,
    flat_mean_adu: float,
) -> Recipe:
    readers = {kind: reader for kind, (_, reader) in masters.items()}
    scale, hot_adu = 1.0, float("inf")
    if Kind.DARK in masters:
        chosen, dark = masters[Kind.DARK]
        scale, sample = chosen.scale, dark.sample(200_000)
        hot_adu = float(np.median(sample)) + HOT_SIGMA * max(0.5, _scatter(sample))
    saturation_adu = _saturation_adu(light, raw, list(readers.values()))
    # What no float32 reaches is infinite.
    with np.errstate(over="ignore"):
        return Recipe(
            raw=raw,
            bias=readers.get(Kind.BIAS),
            dark=readers.get(Kind.DARK),
            flat=readers.get(Kind.FLAT),
            saturation_adu=np.float32(saturation_adu),
            hot_adu=np.float32(hot_adu),
            dark_scale=np.float32(scale),
            flat_factor=np.float32(1 / flat_mean_adu),
            whole=policy.output == "uint16",
        )


def _scatter(values: Values) -> float:
    """The normal-equivalent width that hot pixels do not move: 1.4826 x MAD."""
    return 1.4826 * float(np.median(np.abs(values - np.median(values))))


def _saturation_adu(light: Light, raw: PixelReader, masters: Sequence[PixelReader]) -> float:
    """Where the sensor clips: as the light says, else as the camera did when the masters were taken."""
    if light.saturation_adu is not None:
        return light.saturation_adu
    said = [float(cards["SATURATE"]) for cards in (one.cards for one in masters) if "SATURATE" in cards]
    if not said:
        return 65535.0 if raw.cards["BITPIX"] == "16" else np.inf
    least = min(said)
    # A converter ends at one number; wells differ by percents, and what they hold has its noise.
    return least if least >= 65535 else _FULL_WELL_MARGIN * least


def _flat_mean_adu(chosen: Chosen, reader: PixelReader) -> float:
    try:
        said = float(reader.cards["FLATMEAN"])
    except (KeyError, ValueError):
        said = chosen.master.flat_mean_adu or float(np.median(reader.sample(200_000)))
    if not (np.isfinite(said) and said > 0):
        raise StoreError(f"{reader.path} says a mean of {said}: it is no flat")
    return said
