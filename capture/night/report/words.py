"""The report's words: how the night went in one sentence, and numbers as an operator reads them."""

from __future__ import annotations

import math
from datetime import date, timedelta

from capture.frame import FrameSpec, Kind
from capture.night.report.facts import Check, NightFacts


def verdict(facts: NightFacts) -> tuple[str, str]:
    """Two or three words on the night, and the class that colours them: good, warn, bad or idle."""
    if any(not check.ok for check in facts.checks):
        return "Checks failed", "bad"
    if facts.alarms:
        return count(len(facts.alarms), "alarm"), "warn"
    if not facts.frames:
        return "Nothing taken", "idle"
    if not any(frame.good for frame in facts.frames):
        return "No good frame", "bad"
    return "All went well", "good"


def sentence(facts: NightFacts) -> str:
    """How the night went."""
    if not facts.frames:
        tried = f", though {count(len(facts.runs), 'run')} began" if facts.runs else ""
        return f"No frame was taken{tried}."
    taken, rejected = len(facts.frames), len(facts.rejected)
    rigs = len({frame.rig for frame in facts.frames})
    by = f"{rigs} rigs" if rigs > 1 else facts.frames[0].rig
    if rejected == 0:
        how = "all of them good" if taken > 1 else "and it is good"
    elif rejected == taken:
        how = "none of them good"
    else:
        how = f"{taken - rejected} good and {rejected} rejected"
    masters = count(len(facts.masters), "master") if facts.masters else "no master"
    was = "was" if len(facts.masters) <= 1 else "were"
    built = f"{masters} {was} built"
    verified = f", {checked(facts)}" if facts.masters or facts.checks else ""
    return f"{by} took {count(taken, 'frame')}, {how}; {built}{verified}."


def checked(facts: NightFacts) -> str:
    """Whether the masters were compared with the truth, and how that ended."""
    if not facts.checks:
        return "not compared with a truth, as only a simulated sky has one"
    wrong = [check for check in facts.checks if not check.ok]
    if not wrong:
        agree = "figure agrees" if len(facts.checks) == 1 else "figures agree"
        return f"verified: {len(facts.checks)} {agree} with the simulator's truth"
    masters = len({check.master for check in wrong})
    return (
        f"not verified: {len(wrong)} of {count(len(facts.checks), 'figure')}, of {count(masters, 'master')}, "
        f"disagree with the simulator's truth"
    )


def count(number: int, thing: str) -> str:
    """`1 frame`, `2 frames`."""
    return f"{number} {thing}" if number == 1 else f"{number} {thing}s"


def method(name: str) -> str:
    """How a master was combined."""
    return {"clip": "clipped average"}.get(name, name)


def long_date(night: date) -> str:
    """The evening and the morning: `21 to 22 November 2026`."""
    try:
        morning = night + timedelta(days=1)
    except OverflowError:
        return night.isoformat()
    evening = f"{night.day}"
    if night.month != morning.month:
        evening += f" {night:%B}"
    if night.year != morning.year:
        evening += f" {night.year}"
    return f"{evening} to {morning.day} {morning:%B} {morning.year}"


def duration(time: timedelta) -> str:
    """`3 h 20 min`, `12 min`, `4 s`."""
    seconds_left = round(time.total_seconds())
    hours, minutes = seconds_left // 3600, seconds_left % 3600 // 60
    if hours:
        return f"{hours} h {minutes:02d} min"
    return f"{minutes} min" if minutes else f"{seconds_left} s"


def seconds(value: float) -> str:
    """An exposure, to what a shutter can do."""
    if 0 < value < 0.001:
        return f"{value * 1e6:.3g} µs"
    return f"{value:.3g} s" if value < 100 else f"{value:.5g} s"


def adu(value: float | None) -> str:
    """A level, to four or five figures."""
    if value is None or not math.isfinite(value):
        return "unknown"
    return f"{value:.0f} ADU" if abs(value) >= 1000 else f"{value:.4g} ADU"


def celsius(value: float | None) -> str:
    """A temperature with its sign."""
    return "unknown" if value is None else f"{value:+.1f} \u00b0C".replace("-", "\u2212")


def percent(fraction: float | None) -> str:
    """A small fraction."""
    return "unknown" if fraction is None else f"{100 * fraction:.2g} %"


def spec(value: FrameSpec) -> str:
    """A set in words, with what tells it from others of its kind."""
    words = [str(value)]
    if value.kind is not Kind.FLAT and value.set_temperature_c is not None:
        words.append(f"{value.set_temperature_c:g} \u00b0C".replace("-", "\u2212"))
    if value.gain is not None:
        words.append(f"gain {value.gain}")
    if value.readout_mode and value.readout_mode.lower() not in ("normal", "default"):
        words.append(value.readout_mode)
    if value.rotator_deg is not None:
        words.append(f"rotator {value.rotator_deg:g}\u00b0")
    return ", ".join(words)


def to_tolerance(value: float, check: Check) -> str:
    """A checked figure with as many digits as its tolerance makes meaningful."""
    if not math.isfinite(value):
        return "not a number"
    if not math.isfinite(check.tolerance) or check.tolerance <= 0:
        return f"{value:.6g}"
    decimals = min(8, max(0, 1 - math.floor(math.log10(check.tolerance))))
    return f"{value:.{decimals}f}".replace("-", "\u2212")
