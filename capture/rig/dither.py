"""How far, and where to, the stars must move between two flats so that they fall out of the master. Pure."""

from __future__ import annotations

from math import cos, radians, sin, sqrt

_SIDEREAL_ARCSEC_PER_S = 15.04
# Several times the FWHM of a star: what overlaps less is rejected when frames are combined.
STARS_MOVE_AT_LEAST_ARCSEC = 12.0
_SPACING_ARCSEC = 40.0
_GOLDEN_ANGLE_DEG = 137.508
_PLACES = 50


def drift_s(declination_deg: float) -> float:
    """How long the stars need, before a mount that stands still, to move as far as they must."""
    speed_arcsec_per_s = _SIDEREAL_ARCSEC_PER_S * cos(radians(declination_deg))
    return STARS_MOVE_AT_LEAST_ARCSEC / max(speed_arcsec_per_s, 1e-3)


def offset_arcsec(number: int) -> tuple[float, float]:
    """The place of frame `number` in a pattern round a spot, upwards and sideways on the sky.

    A sunflower's: any two of its 50 places are 40 arcsec apart at least, the farthest is 5 arcmin out.
    """
    place = number % _PLACES
    radius_arcsec, angle = _SPACING_ARCSEC * sqrt(place), radians(_GOLDEN_ANGLE_DEG * place)
    return radius_arcsec * cos(angle), radius_arcsec * sin(angle)
