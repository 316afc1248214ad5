"""Whether a sky flat counts, and if not, why: gates, each a sentence that begins with its name.

docs/sky_flats.md, "Acceptance", tells what each gate is for and where its limit comes from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from math import exp, expm1, log

from capture.frame import Facts, Frame
from capture.rig.directions import Direction
from sequences.flat_company import Company, Likeness
from sequences.flat_controller import FlatSettings
from sequences.flat_shape import FlatShape, shape_of, star_area

# 99.9 % of the pixels must stay below this fraction of the linear range.
_LINEAR_FRACTION = 0.95
_STAR_AREA = 0.01
# A sky that leaps by so much from one frame to the next, and by so many of the deviations that were
# foreseen, is no sky that settles: it is an edge of cloud, or somebody's lamp.
_SKY_LEAP, _SKY_SIGMA = 0.2, 5.0
# Out of the band by so many deviations more than foreseen, it was the sky and not the prediction.
_CLOUD, _CLOUD_SIGMA = 0.05, 3.0
_FROM_SPOT_DEG = 5.0
# Stars closer than this to where they stood are not rejected when the flats are combined: two FWHM or so.
_STARS_MOVED_ARCSEC = 5.0


@dataclass(frozen=True)
class Foreseen:
    """The level above bias that was foreseen for a frame, and its deviation in ln."""

    level_adu: float
    sigma: float


@dataclass(frozen=True)
class Judged:
    """A frame with its verdict and what it rests on; `alarm` is what the operator should be told beside."""

    frame: Frame
    alarm: str | None = None


class Acceptance:
    """Judges the flats of one run, in the order in which they were taken.

    Levels in `settings` are above `bias_adu`. `masters`: the shape of each filter's last master.
    """

    def __init__(
        self, settings: FlatSettings, bias_adu: float, masters: Mapping[str, FlatShape] | None = None
    ) -> None:
        self._settings = settings
        self._bias_adu = bias_adu
        self._company = Company(masters or {})
        self._last: dict[str, Facts] = {}
        self._seen: set[str] = set()

    def judge(self, frame: Frame, spot: Direction | None = None, foreseen: Foreseen | None = None) -> Judged:
        """Return the frame with its verdict, its target and all that was measured.

        `spot` is where the telescope was to point. What is not known is not judged.
        """
        settings, name = self._settings, frame.spec.filter or ""
        mosaic = frame.facts.bayer_pattern is not None
        level_adu = frame.statistics.median_adu - self._bias_adu
        gates = {"level_percent": 100 * (level_adu / settings.target_adu - 1)}
        if foreseen is not None:
            gates["predicted_adu"] = self._bias_adu + foreseen.level_adu
            gates["sky_percent"] = 100 * (level_adu / foreseen.level_adu - 1)
        gates["stars_percent"] = 100 * star_area(frame.pixels, mosaic=mosaic)
        gates |= _placed(frame.facts, spot, self._last.get(name))
        # What the first flat through a filter shows otherwise may be the filter's doing.
        known = foreseen if name in self._seen else None
        self._seen.add(name)
        reasons = [
            level_reason(level_adu, settings, known),
            saturation_reason(frame),
            exposure_reason(frame.facts.exposure_s, settings),
            sky_reason(level_adu, settings, known),
            stars_reason(gates["stars_percent"]),
            spot_reason(gates.get("spot_deg")),
            dither_reason(gates.get("moved_arcsec"), name),
        ]
        given = [reason for reason in reasons if reason is not None]
        shape = shape_of(frame.pixels, self._bias_adu, mosaic=mosaic)
        likeness = (
            Likeness() if shape is None else self._company.compare(name, shape, otherwise_good=not given)
        )
        judged = replace(
            frame,
            target_adu=self._bias_adu + settings.target_adu,
            gates=gates | dict(likeness.gates),
        ).judged(*given, *likeness.reasons)
        if judged.verdict.good:
            self._last[name] = frame.facts
        return Judged(judged, likeness.alarm)


def level_reason(level_adu: float, settings: FlatSettings, foreseen: Foreseen | None = None) -> str | None:
    """The level above bias lies in the band around the target; beside it, was it a cloud?"""
    off = level_adu / settings.target_adu - 1.0
    if abs(off) <= settings.tolerance:
        return None
    text = (
        f"level: {level_adu:.0f} ADU is {off:+.0%} from the target {settings.target_adu:.0f}, "
        f"allowed is {settings.tolerance:.0%}"
    )
    leap = _leap(level_adu, foreseen)
    if foreseen is not None and abs(leap) > max(_CLOUD, _CLOUD_SIGMA * foreseen.sigma):
        text += f"; clouds, for the sky was {_brighter(leap)} than foreseen"
    return text


def saturation_reason(frame: Frame) -> str | None:
    """The 99.9th percentile lies within the linear range."""
    limit_adu, reached_adu = (
        _LINEAR_FRACTION * frame.facts.saturation_adu,
        frame.statistics.percentile_999_adu,
    )
    if reached_adu <= limit_adu:
        return None
    return f"saturation: the brightest pixels reach {reached_adu:.0f} ADU, linear is up to {limit_adu:.0f}"


def exposure_reason(exposure_s: float, settings: FlatSettings) -> str | None:
    """The exposure lies between the shutter's floor and the ceiling."""
    low_s, high_s = settings.min_exposure_s, settings.max_exposure_s
    if low_s * 0.99 <= exposure_s <= high_s * 1.01:
        return None
    return f"exposure: {exposure_s:g} s is outside {low_s:g} to {high_s:g} s"


def sky_reason(level_adu: float, settings: FlatSettings, foreseen: Foreseen | None) -> str | None:
    """The sky did not leap; of a level out of the band that is said with the level."""
    leap = _leap(level_adu, foreseen)
    in_band = abs(level_adu / settings.target_adu - 1.0) <= settings.tolerance
    if foreseen is None or not in_band or abs(leap) <= max(_SKY_LEAP, _SKY_SIGMA * foreseen.sigma):
        return None
    return f"sky: {_brighter(leap)} than foreseen, a cloud's edge or a lamp; allowed is {_SKY_LEAP:.0%}"


def stars_reason(stars_percent: float) -> str | None:
    """Stars cover next to nothing."""
    if stars_percent < 100 * _STAR_AREA:
        return None
    return f"stars: they cover {stars_percent:.1f} % of the frame, allowed is {_STAR_AREA:.0%}"


def spot_reason(spot_deg: float | None) -> str | None:
    """The telescope looked where the gradient is least."""
    if spot_deg is None or spot_deg <= _FROM_SPOT_DEG:
        return None
    return f"pointing: {spot_deg:.1f} deg from the spot for flats, allowed is {_FROM_SPOT_DEG:g} deg"


def dither_reason(moved_arcsec: float | None, filter_name: str) -> str | None:
    """The stars stand elsewhere than in the filter's last good flat."""
    if moved_arcsec is None or moved_arcsec >= _STARS_MOVED_ARCSEC:
        return None
    return (
        f"dither: {moved_arcsec:.1f} arcsec from the last {filter_name} flat, so stars would stay in the "
        f"master; needed are {_STARS_MOVED_ARCSEC:g} arcsec"
    )


def _placed(facts: Facts, spot: Direction | None, last: Facts | None) -> dict[str, float]:
    gates: dict[str, float] = {}
    if spot is not None and facts.altitude_deg is not None and facts.azimuth_deg is not None:
        gates["spot_deg"] = Direction(facts.altitude_deg, facts.azimuth_deg).distance_deg(spot)
    here, there = _on_the_sky(facts), _on_the_sky(last) if last is not None else None
    if here is not None and there is not None:
        gates["moved_arcsec"] = 3600 * here.distance_deg(there)
    return gates


def _on_the_sky(facts: Facts) -> Direction | None:
    if facts.right_ascension_h is None or facts.declination_deg is None:
        return None
    return Direction(facts.declination_deg, 15 * facts.right_ascension_h)


def _leap(level_adu: float, foreseen: Foreseen | None) -> float:
    """The ln of the level over the one foreseen; 0 when nothing was."""
    return 0.0 if foreseen is None else log(max(level_adu, 1.0) / foreseen.level_adu)


def _brighter(leap: float) -> str:
    more = expm1(leap)
    if more > 9:
        return f"{exp(leap):.0f} times brighter"
    return f"{more:.0%} brighter" if more > 0 else f"{-more:.0%} darker"
