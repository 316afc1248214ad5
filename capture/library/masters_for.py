"""Looking for a light's masters in the catalogue: few rows of a large one are read."""

from __future__ import annotations

from datetime import timedelta
from functools import cache

from capture.config import CalibrationConfig, Config
from capture.errors import BadInput
from capture.frame import Kind
from capture.library.light import SETTINGS, Light
from capture.library.match import SAME_EXPOSURE, Match, match
from capture.store.candidates import Candidate
from capture.store.catalogue import Catalogue

# What is older is no news, and a large library has much of it.
_TOLD_OF_WITHIN = timedelta(days=365)
_MOST_TOLD_OF = 50


def masters_for(catalogue: Catalogue, light: Light, rig: str, policy: CalibrationConfig) -> Match:
    """The masters that calibrate a light of `rig`, or what is lacking. Raises StoreError."""
    events = catalogue.told.events(rig=rig)
    likely = cache(lambda kind: _likely(catalogue, light, rig, kind, policy))
    found = match(light, rig, likely, events, policy)
    if not found.lacking:
        return found
    # What does not fit is only read to say how: of another age, else of any set.
    near = cache(
        lambda kind: (
            likely(kind)
            or _likely(catalogue, light, rig, kind, policy, age=_TOLD_OF_WITHIN)
            or catalogue.candidates.of(rig, kind, most=_MOST_TOLD_OF)
        )
    )
    return match(light, rig, near, events, policy)


def rig_of(catalogue: Catalogue, config: Config, light: Light, named: str = "") -> str:
    """The rig that took a light: `named`, else the one of its TELESCOP, else of its INSTRUME.

    Raises BadInput when neither tells, or the rig is not in the config.
    """
    names = [rig.name for rig in config.rig]
    if named:
        return config.rig_named(named).name
    if light.telescope in names:
        return light.telescope
    by_camera = [name for name in catalogue.candidates.rigs_of(light.camera) if name in names]
    if len(by_camera) == 1:
        return by_camera[0]
    if len(names) == 1 and not by_camera:
        return names[0]
    raise BadInput(
        f"{light.path} does not say which rig took it (TELESCOP {light.telescope!r}, INSTRUME "
        f"{light.camera!r}): name it with --rig, one of {', '.join(names)}"
    )


def _likely(
    catalogue: Catalogue,
    light: Light,
    rig: str,
    kind: Kind,
    policy: CalibrationConfig,
    *,
    age: timedelta | None = None,
) -> list[Candidate]:
    spec = light.spec
    equal: dict[str, object] = {"binning": spec.binning}
    if not (kind is Kind.FLAT and policy.flats_of_other_gain):
        equal |= {name: getattr(spec, name) for name in SETTINGS if name not in light.unsaid}
    exposure_s = None
    if kind is Kind.FLAT:
        equal["filter"] = spec.filter
    if kind is Kind.DARK:
        slack_s = max(0.01, SAME_EXPOSURE * spec.exposure_s)
        longest_s = 1e9 if policy.scale_darks else spec.exposure_s + slack_s
        exposure_s = (spec.exposure_s - slack_s, longest_s)
    age = age or timedelta(days=policy.max_age_days(kind))
    taken = (light.taken - age, light.taken + age)
    return catalogue.candidates.of(rig, kind, equal, exposure_s, taken)
