"""Which masters calibrate a light, and why; or what is missing, and how to get it. Pure.

Bias: the light's rig, binning, gain, offset and readout mode. Dark: these, its exposure, and its temperature
within a tolerance. Flat: these without the temperature, its filter, the rotator's mechanical position within
a tolerance, and no change at the optics in between (shared/masters.md, Matching). Of those, the one whose
frames were taken nearest in time to the light, and no further from it than the kind's age allows.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import PurePosixPath

from capture.config import CalibrationConfig
from capture.frame import FrameSpec, Kind
from capture.library.light import SETTINGS, Light
from capture.store.candidates import Candidate
from capture.store.events import EventRow

# Two exposures are one when they differ by no more than this part, or a hundredth of a second.
SAME_EXPOSURE = 0.001
_WORDS = {
    "binning": "binning",
    "gain": "gain",
    "offset": "offset",
    "readout_mode": "readout mode",
    "filter": "filter",
}


@dataclass(frozen=True)
class Chosen:
    """A master that calibrates the light, and in words why this one; `scale`: of the dark current, else 1."""

    master: Candidate
    why: str
    scale: float = 1.0

    @property
    def name(self) -> str:
        return PurePosixPath(self.master.path).name


@dataclass(frozen=True)
class Lacking:
    """What no master is there for: the set, why the nearest does not do, and what would get it."""

    spec: FrameSpec
    reason: str
    remedy: str


@dataclass(frozen=True)
class Match:
    """The masters for one light. `complete`: the light can be calibrated as the policy asks."""

    rig: str
    masters: tuple[Chosen, ...]
    lacking: tuple[Lacking, ...]
    notes: tuple[str, ...] = ()
    complete: bool = False

    def of(self, kind: Kind) -> Chosen | None:
        """The chosen master of a kind."""
        return next((chosen for chosen in self.masters if chosen.master.kind is kind), None)

    @property
    def reason(self) -> str:
        """What is lacking, as one sentence."""
        return "; ".join(f"no {one.spec}: {one.reason}" for one in self.lacking)


def wanted(light: Light, kind: Kind) -> FrameSpec:
    """The set that a light wants of a kind."""
    return replace(light.spec, kind=kind).set_key()


def match(
    light: Light,
    rig: str,
    masters_of: Callable[[Kind], Sequence[Candidate]],
    events: Iterable[EventRow],
    policy: CalibrationConfig,
) -> Match:
    """Match a light of `rig` with what `masters_of` gives of each kind: all that might do, in any order."""
    told = list(events)

    def best(kind: Kind, *, scaled: bool = False) -> Chosen | None:
        found = [one for one in masters_of(kind) if not misfits(light, one, told, policy, scaled=scaled)]
        if not found or _unclear(light, found):
            return None
        one = min(found, key=lambda master: _preference(light, master))
        return Chosen(one, _why(light, one), light.spec.exposure_s / one.spec.exposure_s if scaled else 1.0)

    notes: list[str] = []
    dark, flat = best(Kind.DARK), best(Kind.FLAT)
    bias = best(Kind.BIAS) if dark is None and (policy.scale_darks or policy.bias_only) else None
    if bias is not None and policy.scale_darks and (dark := best(Kind.DARK, scaled=True)) is not None:
        notes.append(f"the dark current of {dark.master.spec.exposure_s:g} s is scaled by {dark.scale:.4g}")
    elif not policy.bias_only:
        bias = None
    if dark is None and bias is not None:
        notes.append("no dark fits: the bias alone is subtracted")
    masters = tuple(one for one in (bias, dark, flat) if one is not None)
    for one in masters:
        notes += _taken_for_granted(light, one.master)
    met = {"dark": bool(dark or bias), "flat": flat is not None}
    lacking = tuple(
        _lacking(light, rig, Kind(kind), masters_of(Kind(kind)), told, policy)
        for kind, is_met in met.items()
        if not is_met
    )
    complete = bool(masters) and all(met[kind] for kind in policy.require)
    return Match(rig, masters, lacking, tuple(dict.fromkeys(notes)), complete)


def _taken_for_granted(light: Light, master: Candidate) -> list[str]:
    """In words, what the header does not say and the master has."""
    values = {name: getattr(master.spec, name) for name in SETTINGS if name in light.unsaid}
    return [
        f"the header says no {_WORDS[name]}; taken to be {value}, as the masters'"
        for name, value in values.items()
        if value is not None
    ]


def misfits(
    light: Light,
    master: Candidate,
    events: Iterable[EventRow],
    policy: CalibrationConfig,
    *,
    scaled: bool = False,
) -> list[str]:
    """Why a master does not calibrate a light, each reason a clause; empty when it does."""
    mine, theirs = light.spec, master.spec
    kind = theirs.kind
    against = [
        f"its {_WORDS[name]} is {getattr(theirs, name)}, not {getattr(mine, name)}"
        for name in ("binning", *SETTINGS)
        if name not in light.unsaid and getattr(mine, name) != getattr(theirs, name)
        # What a flat of another setup measures, the dust and the vignetting, is the same.
        if not (kind is Kind.FLAT and policy.flats_of_other_gain and name in SETTINGS)
    ]
    if kind is Kind.DARK:
        against += _dark_misfits(light, theirs, policy, scaled=scaled)
    if kind is Kind.FLAT:
        against += _flat_misfits(light, theirs, policy)
    if master.shape is not None and master.shape != light.shape:
        rows, columns = master.shape
        against.append(f"it has {columns} x {rows} pixels, not {light.shape[1]} x {light.shape[0]}")
    elif master.shape is not None and master.origin_px != light.origin_px:
        against.append(f"its part of the sensor begins at {master.origin_px}, not {light.origin_px}")
    if master.withdrawn is not None:
        against.append(f"it was withdrawn on {master.withdrawn.when:%Y-%m-%d} ({master.withdrawn.why})")
    changed = [event for event in events if event.concerns(master.rig, theirs)]
    for event in changed:
        if (event.time <= light.taken) != (event.time <= master.oldest_input) or (
            event.time <= light.taken
        ) != (event.time <= master.newest_input):
            against.append(f"{event.kind.value.replace('_', ' ')} on {event.time:%Y-%m-%d} lies between")
    age_days, most_days = _days_between(light.taken, master), policy.max_age_days(kind)
    if age_days > most_days:
        against.append(f"it is {age_days:.0f} days from the light, and {most_days:g} are allowed")
    if policy.only_older and master.newest_input > light.taken:
        against.append("it is younger than the light")
    return against


def _dark_misfits(light: Light, theirs: FrameSpec, policy: CalibrationConfig, *, scaled: bool) -> list[str]:
    against = []
    exposure_s = light.spec.exposure_s
    same = abs(theirs.exposure_s - exposure_s) <= max(0.01, SAME_EXPOSURE * exposure_s)
    # Noise would be scaled up with a shorter dark.
    if not same and not (scaled and theirs.exposure_s > exposure_s):
        against.append(f"it is of {theirs.exposure_s:g} s, not {exposure_s:g} s")
    if light.temperature_c is not None and theirs.set_temperature_c is not None:
        warmer_c = theirs.set_temperature_c - light.temperature_c
        if abs(warmer_c) > policy.temperature_tolerance_c:
            against.append(f"it is of {theirs.set_temperature_c:g} degC, not {light.temperature_c:g} degC")
    return against


def _flat_misfits(light: Light, theirs: FrameSpec, policy: CalibrationConfig) -> list[str]:
    against = []
    if (light.spec.filter or "").casefold() != (theirs.filter or "").casefold():
        against.append(f"its filter is {theirs.filter}, not {light.spec.filter}")
    if light.spec.rotator_deg is not None and theirs.rotator_deg is not None:
        turned_deg = abs((theirs.rotator_deg - light.spec.rotator_deg + 180) % 360 - 180)
        if turned_deg > policy.rotator_tolerance_deg:
            against.append(f"the rotator is turned by {turned_deg:.1f} deg")
    return against


def _days_between(taken: datetime, master: Candidate) -> float:
    """From the light to the nearest of the master's frames; 0 among them."""
    zero = timedelta()
    apart = max(master.oldest_input - taken, taken - master.newest_input, zero)
    return apart / timedelta(days=1)


def _preference(light: Light, master: Candidate) -> tuple[object, ...]:
    """What is better comes first: the light's own settings and exposure, then nearness, then the latest."""
    other = sum(getattr(light.spec, n) != getattr(master.spec, n) for n in SETTINGS if n not in light.unsaid)
    longer_s = abs(master.spec.exposure_s - light.spec.exposure_s) if master.kind is Kind.DARK else 0.0
    apart_days = _days_between(light.taken, master)
    return (other, longer_s, apart_days, -master.built.timestamp(), -master.id)


def _unclear(light: Light, found: Sequence[Candidate]) -> str:
    """Masters that differ in what the header does not say cannot be told apart."""
    for name in SETTINGS:
        values = {getattr(one.spec, name) for one in found}
        if name in light.unsaid and len(values) > 1:
            listed = " and ".join(sorted(str(value) for value in values))
            return f"the header says no {_WORDS[name]}, and there are masters of {listed}"
    return ""


def _why(light: Light, master: Candidate) -> str:
    days = _days_between(light.taken, master)
    when = "of the same night" if days < 0.5 else f"{days:.1f} days from the light"
    if master.kind is not Kind.DARK or light.temperature_c is None:
        return when
    set_c = master.spec.set_temperature_c
    return when if set_c is None else f"{when}, {abs(set_c - light.temperature_c):.1f} degC off"


def _lacking(
    light: Light,
    rig: str,
    kind: Kind,
    masters: Sequence[Candidate],
    events: Sequence[EventRow],
    policy: CalibrationConfig,
) -> Lacking:
    spec = wanted(light, kind)
    tried = [(misfits(light, one, events, policy), one) for one in masters]
    fitting = [one for against, one in tried if not against]
    if not tried:
        reason = f"there is no master {kind.value} of {rig}"
    elif fitting:
        reason = _unclear(light, fitting)
    else:
        against, nearest = min(tried, key=lambda pair: (len(pair[0]), _preference(light, pair[1])))
        reason = f"{PurePosixPath(nearest.path).name} comes nearest, but {' and '.join(against)}"
    return Lacking(spec, reason, _remedy(rig, spec))


def _remedy(rig: str, spec: FrameSpec) -> str:
    if spec.kind is Kind.FLAT:
        ordered = f'nightcal plan {rig} --tonight "{spec.filter or ""}"'
        return f"the operators' {ordered} takes it in the next twilight"
    if spec.kind is Kind.DARK:
        return (
            f"nightcal run darks {rig} --exposures {spec.exposure_s:g} takes it, and members may ask for it"
        )
    return f"nightcal run bias {rig} takes it, and members may ask for it"
