"""Verdicts on bias and darks by the gates of shared practice; flats are judged by their sequence."""

from __future__ import annotations

from capture.frame import Facts, Frame, FrameSpec, Kind, Statistics

_SATURATED_FRACTION = 0.05
_OFF_TEMPERATURE_C = 0.5


def judge_dark(frame: Frame, *, light_tight: bool = False) -> Frame:
    """The verdict on a bias or a dark; flats were judged by their sequence, which needs it.

    `light_tight`: whether the roof does not matter, as no light reaches the sensor when its shutter is shut.
    """
    spec, facts = frame.spec, frame.facts
    if spec.kind not in (Kind.BIAS, Kind.DARK):
        return frame
    reasons = []
    if facts.roof_shut is False and not light_tight:
        reasons.append("the roof was not shut throughout")
    reasons += saturated(frame.statistics)
    reasons += off_temperature(spec, facts)
    reasons += off_exposure(spec, facts)
    return frame.judged(*reasons)


def saturated(statistics: Statistics) -> list[str]:
    """The reason, if there is one; some hot pixels are none."""
    if statistics.saturated_fraction < _SATURATED_FRACTION:
        return []
    return [f"{statistics.saturated_fraction:.0%} of the pixels are saturated"]


def off_temperature(spec: FrameSpec, facts: Facts) -> list[str]:
    """The reason, if the sensor was measured and not at its set point."""
    if spec.set_temperature_c is None or facts.ccd_temperature_c is None:
        return []
    off_c = facts.ccd_temperature_c - spec.set_temperature_c
    if abs(off_c) < _OFF_TEMPERATURE_C:
        return []
    return [f"the sensor is {off_c:+.1f} C off its set point of {spec.set_temperature_c:g} C"]


def off_exposure(spec: FrameSpec, facts: Facts) -> list[str]:
    """The reason, if it is a dark and was exposed for another time than it was asked for."""
    off_s = abs(facts.exposure_s - spec.exposure_s)
    if spec.kind is not Kind.DARK or off_s <= max(0.05, 0.001 * spec.exposure_s):
        return []
    return [f"exposed {facts.exposure_s:g} s instead of {spec.exposure_s:g} s"]
