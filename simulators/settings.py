"""What the simulated observatory is made of: frozen facts, no behaviour.

Angles are in degrees, times in seconds, temperatures in Celsius, surface brightness in mag/arcsec^2.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from simulators.faults import Fault

Platform = Literal[6, 7]
Slews = Literal["both", "alt_az", "ra_dec"]
SkyFamily = Literal["smooth", "patat", "koomen_sp", "koomen_md", "ing", "tyson_gal"]


@dataclass(frozen=True)
class SiteSettings:
    """Where the observatory stands; longitude is positive to the east."""

    latitude_deg: float
    longitude_deg: float
    elevation_m: float = 0.0


@dataclass(frozen=True)
class ReadoutMode:
    """One way to read the sensor, as factors on the camera's readout time and read noise."""

    name: str
    time_factor: float = 1.0
    noise_factor: float = 1.0


@dataclass(frozen=True)
class CameraSettings:
    """A camera and its sensor.

    `level_adu` is the bias at the default offset, `gain_e_per_adu` the conversion at gain index 0,
    `dark_e_per_s` the median dark current at `dark_reference_c`. `sky_v_e_per_s` says how fast optics and
    sensor are together: electrons per second and pixel in a filter of throughput 0 mag under a sky of
    V = 13.5 mag/arcsec^2 (a clear zenith with the Sun near -6 deg). `shutter_error_s` is how much longer
    than asked a mechanical shutter stays open. Exposures are rounded to multiples of `exposure_step_s`.
    """

    name: str
    kind: Literal["cmos", "ccd"]
    width_px: int
    height_px: int
    sensor_name: str = "simulated"
    level_adu: float = 500.0
    read_noise_e: float = 3.5
    gain_e_per_adu: float = 0.8
    full_well_e: float = 51_000.0
    max_adu: int = 65_535
    dark_e_per_s: float = 0.05
    dark_reference_c: float = -10.0
    dark_doubling_c: float = 6.0
    hot_fraction: float = 0.001
    amp_glow_e_per_s: float = 0.0
    prnu: float = 0.006
    vignetting: float = 0.25
    dust_specks: int = 8
    readout_s: float = 1.0
    has_shutter: bool = False
    shutter_error_s: float = 0.0
    has_cooler: bool = True
    cooler_delta_c: float = 40.0
    exposure_min_s: float = 0.000032
    exposure_max_s: float = 3600.0
    exposure_step_s: float = 0.0
    gain_max: int = 300
    offset_max: int = 200
    default_offset: int = 50
    adu_per_offset: float = 5.0
    readout_modes: tuple[ReadoutMode, ...] = (ReadoutMode("Normal"),)
    pixel_um: float = 3.76
    scale_arcsec: float = 1.0
    bayer: bool = False
    sky_v_e_per_s: float = 640.0

    @property
    def has_gain(self) -> bool:
        """Whether gain and offset are set electronically: a CMOS's business."""
        return self.kind == "cmos"


@dataclass(frozen=True)
class FilterSettings:
    """A filter: its throughput as magnitudes fainter than V (shared/sky_flats.md), its focus offset."""

    name: str
    throughput_mag: float
    focus_offset: int = 0


@dataclass(frozen=True)
class RigSettings:
    """One telescope with all that hangs on it.

    `slews` says which coordinates the mount can be sent to, `slews_async` whether it answers before it is
    there. A mount without `switches_tracking` always follows the sky. `platform` and `connect_s` are the
    observatory's where they are None.
    """

    name: str
    camera: CameraSettings
    filters: tuple[FilterSettings, ...]
    wheel_s_per_slot: float = 1.0
    has_cover: bool = True
    cover_s: float = 8.0
    has_panel: bool = True
    panel_max: int = 255
    panel_e_per_s: float = 20_000.0
    slew_deg_per_s: float = 4.0
    park_altitude_deg: float = 5.0
    park_azimuth_deg: float = 0.0
    fwhm_arcsec: float = 3.0
    aperture_m: float = 0.3
    focal_length_m: float = 1.2
    slews: Slews = "both"
    slews_async: bool = True
    switches_tracking: bool = True
    parks: bool = True
    focus_max: int = 50_000
    focus_at: int = 20_000
    focus_steps_per_s: float = 400.0
    rotator_deg_per_s: float = 6.0
    platform: Platform | None = None
    connect_s: float | None = None


@dataclass(frozen=True)
class RoofSettings:
    """The roof that all rigs share.

    `leak` is the part of the daylight that reaches a telescope under the closed roof. A roof that does not
    clear the mounts hits every mount that is not parked when it moves.
    """

    kind: Literal["roll_off", "rotating_dome"] = "roll_off"
    open_s: float = 45.0
    clears_mounts: bool = False
    leak: float = 1e-7
    slit_deg: float = 30.0
    dome_deg_per_s: float = 3.0


@dataclass(frozen=True)
class CloudSettings:
    """An interval of cloud, UTC; `opacity_mag` is what it takes from the stars. Edges are soft."""

    start: datetime
    end: datetime
    opacity_mag: float
    overcast: bool = False


@dataclass(frozen=True)
class Veil:
    """Cloud all night that never makes it unsafe: the twilight's ln brightness is `mean` brighter than clear.

    About that mean it is an Ornstein-Uhlenbeck process: normal with deviation `sigma`, its correlation
    exp(-dt / tau_s). Altocumulus is about sigma 0.25, tau 240 s. `opacity_mag` is what it takes from stars.
    """

    sigma: float
    tau_s: float
    mean: float = 0.0
    opacity_mag: float = 0.3


@dataclass(frozen=True)
class WeatherSettings:
    """The script of clouds, chance cirrus by seed, the thresholds of safety, the sky's own scatter."""

    clouds: tuple[CloudSettings, ...] = ()
    veil: Veil | None = None
    cirrus_chance: float = 0.0
    cloud_ramp_s: float = 600.0
    unsafe_opacity_mag: float = 1.0
    unsafe_humidity_percent: float = 92.0
    unsafe_wind_m_s: float = 18.0
    zero_point_dex: float = 0.1
    mean_temperature_c: float = 8.0
    mean_wind_m_s: float = 4.0


@dataclass(frozen=True)
class ObservatorySettings:
    """The whole observatory; the same seed gives the same sky, weather, sensors and noise.

    `platform` is the ASCOM Platform whose interfaces the devices have: 7 connects asynchronously, in
    `connect_s`, and has DeviceState; 6 is older and knows neither. `faults` are there from the start. `sky`
    is the curve by which the clear twilight fades (`twilights.py`).
    """

    seed: int
    site: SiteSettings
    rigs: tuple[RigSettings, ...]
    roof: RoofSettings = field(default_factory=RoofSettings)
    weather: WeatherSettings = field(default_factory=WeatherSettings)
    sky: SkyFamily = "smooth"
    name: str = "nightcal simulators"
    platform: Platform = 7
    connect_s: float = 0.5
    faults: tuple[Fault, ...] = ()
