"""The demonstration's observatory: two telescopes under one roof in New Mexico, and a night with clouds."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta

from simulators.settings import (
    CameraSettings,
    CloudSettings,
    FilterSettings,
    ObservatorySettings,
    ReadoutMode,
    RigSettings,
    RoofSettings,
    SiteSettings,
    WeatherSettings,
)

_LOCAL = timedelta(hours=-7)


def demo_settings(
    seed: int = 1, width_px: int = 1024, height_px: int = 1024, night: date = date(2026, 11, 21)
) -> ObservatorySettings:
    """Return the demo's observatory for the night that begins on the evening of `night`.

    Dusk is clear; thick cloud, unsafe, from about 20:30 to 02:30 local time (UTC-7); then clear past dawn.
    """

    def local(day: date, hour: int, minute: int) -> datetime:
        return datetime.combine(day, time(hour, minute), UTC) - _LOCAL

    morning = night + timedelta(days=1)
    clouds = CloudSettings(local(night, 20, 27), local(morning, 2, 33), 3.0, overcast=True)
    return ObservatorySettings(
        seed=seed,
        site=SiteSettings(32.9, -105.5, 2225.0),
        rigs=(_t1(width_px, height_px), _t2(width_px, height_px)),
        roof=RoofSettings(kind="roll_off", open_s=45.0, clears_mounts=False),
        weather=WeatherSettings(clouds=(clouds,)),
        name="nightcal demo observatory",
    )


def _t1(width_px: int, height_px: int) -> RigSettings:
    filters = {"L": -1.35, "R": -0.08, "G": -0.11, "B": -0.46, "Ha": 3.4, "OIII": 3.0, "SII": 3.4}
    return RigSettings(
        name="T1",
        camera=CameraSettings(
            name="T1 CMOS camera",
            kind="cmos",
            width_px=width_px,
            height_px=height_px,
            sensor_name="SIM-C16",
            readout_s=1.0,
            readout_modes=(ReadoutMode("Normal"), ReadoutMode("Low noise", 2.0, 0.7)),
        ),
        filters=tuple(FilterSettings(name, mag, 5 * n) for n, (name, mag) in enumerate(filters.items())),
        wheel_s_per_slot=1.0,
    )


def _t2(width_px: int, height_px: int) -> RigSettings:
    filters = {"U": 1.8, "B": -0.46, "V": 0.0, "R": -0.08, "I": 0.2}
    return RigSettings(
        name="T2",
        camera=CameraSettings(
            name="T2 CCD camera",
            kind="ccd",
            width_px=width_px,
            height_px=height_px,
            sensor_name="SIM-E1024",
            level_adu=1000.0,
            read_noise_e=8.0,
            gain_e_per_adu=1.5,
            full_well_e=100_000.0,
            dark_e_per_s=0.08,
            dark_reference_c=-20.0,
            hot_fraction=0.0005,
            readout_s=10.0,
            has_shutter=True,
            shutter_error_s=0.02,
            cooler_delta_c=45.0,
            exposure_min_s=0.0,
            pixel_um=13.0,
            scale_arcsec=1.4,
            sky_v_e_per_s=1400.0,
        ),
        filters=tuple(FilterSettings(name, mag) for name, mag in filters.items()),
        wheel_s_per_slot=2.0,
        aperture_m=0.5,
        focal_length_m=1.9,
    )
