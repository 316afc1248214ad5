"""What a frame costs: images x seconds / 3600 x the rig's rate under an open roof, and nothing else."""

from __future__ import annotations

from fractions import Fraction

from capture.config import Config
from capture.frame import FrameSpec, Kind
from capture.store.points import Charge
from capture.store.rows import FrameRow


def price_millipoints(spec: FrameSpec, points_per_hour: float) -> int:
    """One frame under an open roof, in whole millipoints, halves to the even one; a bias costs nothing.

    By the exposure that was asked for, so that a quote is what is charged; exact in decimals.
    """
    if spec.kind is Kind.BIAS:
        return 0
    # As they are written, not as binary fractions near them.
    exposure_s, rate = Fraction(str(spec.exposure_s)), Fraction(str(points_per_hour))
    return round(exposure_s * rate * 1000 / 3600)


def charge_for(frame: FrameRow, config: Config) -> Charge:
    """What a frame costs that was taken for a request, and why.

    Only a roof that was open throughout costs; one that moved, or is not known, counts as closed.
    """
    if frame.kind is Kind.BIAS:
        return Charge(0, "a bias is free")
    if not frame.good:
        return Charge(0, "rejected frames are free")
    if not frame.facts.roof_open:
        return Charge(0, "free under a closed roof")
    rates = {rig.name: rig.points_per_hour for rig in config.rig}
    price = price_millipoints(frame.spec, rates.get(frame.rig, 0.0))
    return Charge(price, f"{frame.spec.exposure_s:g} s under an open roof")


def in_points(millipoints: int) -> str:
    """As people read it: `12.5`, `-0.333`."""
    sign, rest = "-" if millipoints < 0 else "", abs(millipoints)
    text = f"{rest // 1000}.{rest % 1000:03d}".rstrip("0").rstrip(".")
    return f"{sign}{text}" if rest else "0"
