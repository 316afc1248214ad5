"""Which twilights are played: skies, sites, dates, weather and faults, drawn by seed.

A scenario is a list of twilights; twilight number n is the same sky for every configuration and strategy. Two
thirds of the numbers are for development, the last third is kept back for a final check.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import numpy as np

from benchmarks.sky_flats.cameras import CCD, CMOS, LRGBSHO, UBVRI, CameraKind
from benchmarks.sky_flats.truth import Faults, TwilightSpec
from simulators.settings import SkyFamily, Veil

FAMILIES: tuple[SkyFamily, ...] = ("smooth", "patat", "koomen_sp", "koomen_md", "ing", "tyson_gal")
LATITUDES_DEG = (0.0, 33.0, 56.0, -30.0, 45.0)
_HELD_BACK = 1_000_000


@dataclass(frozen=True)
class Configuration:
    """A camera, its filters in the operator's order (mag fainter than V), and frames wanted of each."""

    camera: CameraKind
    throughput_mag: Mapping[str, float]
    quota: int

    @property
    def quotas(self) -> dict[str, int]:
        """Frames wanted by filter."""
        return dict.fromkeys(self.throughput_mag, self.quota)


CONFIGURATIONS: Mapping[str, Configuration] = {
    "ccd_lrgbsho_10": Configuration(CCD, LRGBSHO, 10),
    "ccd_lrgbsho_20": Configuration(CCD, LRGBSHO, 20),
    "ccd_lrgbsho_40": Configuration(CCD, LRGBSHO, 40),
    "cmos_lrgbsho_20": Configuration(CMOS, LRGBSHO, 20),
    "cmos_lrgbsho_60": Configuration(CMOS, LRGBSHO, 60),
    "ccd_ubvri_10": Configuration(CCD, UBVRI, 10),
}

CLEAR_KINDS: tuple[Veil | None, ...] = (None,)
CIRRUS_KINDS: tuple[Veil | None, ...] = (
    Veil(0.04, 900.0, 0.05),
    Veil(0.06, 600.0, 0.08),
    Veil(0.10, 500.0, 0.12),
)
# Altocumulus twice over, broken stratocumulus, and an altostratus brighter than the clear sky.
CLOUD_KINDS: tuple[Veil | None, ...] = (
    Veil(0.25, 240.0),
    Veil(0.25, 300.0, -0.10),
    Veil(0.18, 200.0, -0.30),
    Veil(0.15, 480.0, 0.25),
)


@dataclass(frozen=True)
class Scenario:
    """Kinds of weather in turn; a warm start learns from the twilight before, on the same rig."""

    weather: tuple[tuple[Veil | None, ...], ...]
    warm: bool = False
    faulty: bool = False


_ALL = (CLEAR_KINDS, CIRRUS_KINDS, CLOUD_KINDS)
SCENARIOS: Mapping[str, Scenario] = {
    "clear": Scenario((CLEAR_KINDS,)),
    "cirrus": Scenario((CIRRUS_KINDS,)),
    "clouds": Scenario((CLOUD_KINDS,)),
    "warm": Scenario(_ALL, warm=True),
    "faults": Scenario(_ALL, warm=True, faulty=True),
}


def twilight_spec(
    scenario: Scenario, configuration: Configuration, number: int, *, final: bool
) -> TwilightSpec:
    """Twilight `number` of a scenario; `final` takes it from the third kept back."""
    seed = number + (_HELD_BACK if final else 0)
    rng = np.random.default_rng((seed, 302))
    family = FAMILIES[int(rng.integers(len(FAMILIES)))]
    latitude_deg = LATITUDES_DEG[number // 2 % len(LATITUDES_DEG)] + float(rng.uniform(-1, 1))
    # A third of the nights are in June, when twilight is longest in the north.
    day = int(rng.integers(151, 181)) if number // 3 % 3 == 0 else int(rng.integers(0, 365))
    kinds = scenario.weather[number % len(scenario.weather)]
    return TwilightSpec(
        seed=seed,
        night=datetime(2026, 1, 1, tzinfo=UTC) + timedelta(days=day),
        setting=number % 2 == 0,
        latitude_deg=latitude_deg,
        longitude_deg=float(rng.uniform(-180, 180)),
        family=family,
        veil=kinds[int(rng.integers(len(kinds)))],
        camera=configuration.camera,
        throughput_mag=tuple(configuration.throughput_mag.items()),
        faults=_faults(configuration, rng) if scenario.faulty else Faults(),
    )


def _faults(configuration: Configuration, rng: np.random.Generator) -> Faults:
    """Filters half a magnitude off what is known, a slow link, a lazy shutter, frames that never come."""
    camera = configuration.camera
    return Faults(
        usual_throughput_error_mag={
            name: float(rng.choice([-0.5, 0.5])) for name in configuration.throughput_mag
        },
        download_jitter_s=0.25 * camera.download_s,
        shutter_error_s=0.02 * camera.min_exposure_s,
        lost_fraction=0.05,
    )


def twilight_before(spec: TwilightSpec) -> TwilightSpec:
    """The same rig's last twilight before: the evening of this dawn, or the morning of this dusk.

    It is clear. Where throughputs are to be off from what is known, they changed since then by that much.
    """
    night = spec.night if not spec.setting else spec.night - timedelta(days=1)
    errors = spec.faults.usual_throughput_error_mag
    throughput_mag = tuple((name, mag + errors.get(name, 0.0)) for name, mag in spec.throughput_mag)
    return replace(
        spec, night=night, setting=not spec.setting, veil=None, throughput_mag=throughput_mag, faults=Faults()
    )
