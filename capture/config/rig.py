"""The sections of a rig: its devices, and what is taken with them."""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import Field, model_validator

from capture.config.fields import Address, Binning, Count, Name, PositiveSeconds, Section

STANDARD_DARKS_S = (60.0, 120.0, 180.0, 240.0, 300.0, 600.0)
SetPoint = Annotated[float, Field(ge=-100, le=40)]


class SeasonConfig(Section):
    """`[[rig.cooling.season]]`: another set point in these months, 1 to 12."""

    months: Annotated[tuple[Annotated[int, Field(ge=1, le=12)], ...], Field(min_length=1)]
    set_temperature_c: SetPoint


class CoolingConfig(Section):
    """`[rig.cooling]`: the set point and what counts as reached.

    `season`: other set points by month. `tolerance_c` is at most what a good dark may be off. `warm_up`: when
    the night's work has ended; not where others go on with the camera.
    """

    set_temperature_c: SetPoint
    season: tuple[SeasonConfig, ...] = ()
    ramp_c_per_min: Annotated[float, Field(gt=0, le=30)] = 5.0
    tolerance_c: Annotated[float, Field(gt=0, le=0.5)] = 0.5
    steady_c_per_min: Annotated[float, Field(gt=0, le=5)] = 0.3
    deadline_s: PositiveSeconds = 1800.0
    warm_up: bool = True

    @model_validator(mode="after")
    def _one_season_a_month(self) -> CoolingConfig:
        months = [month for season in self.season for month in season.months]
        for month in months:
            if months.count(month) > 1:
                raise ValueError(f"month {month} is in two seasons; leave it in one")
        return self

    def on(self, night: date) -> CoolingConfig:
        """The same with the set point of that night's month, and no seasons."""
        points_c = {month: season.set_temperature_c for season in self.season for month in season.months}
        set_c = points_c.get(night.month, self.set_temperature_c)
        return self.model_copy(update={"set_temperature_c": set_c, "season": ()})


class FocusConfig(Section):
    """`[rig.focus]`: focuser steps. `position`: the focus of a filter of offset 0; as found without it."""

    position: Annotated[int, Field(ge=0)] | None = None
    offsets: dict[Name, int] = Field(default_factory=dict)


class FlatSetConfig(Section):
    """`[[rig.flats.set]]`: filters whose flats are taken otherwise; what is left out is the rig's."""

    filters: Annotated[tuple[Name, ...], Field(min_length=1)]
    binning: Binning | None = None
    gain: int | None = None
    offset: int | None = None
    readout_mode: int | None = None

    @property
    def setup(self) -> dict[str, int]:
        """What it sets, by key."""
        return self.model_dump(exclude={"filters"}, exclude_none=True)


class FlatsConfig(Section):
    """`[rig.flats]`: sky flats. `filters` empty: every filter of the wheel. `set`: others in their setup.

    `exposure_grid_s`: expose flats only so long, so that few darks match them; `flat_darks`: take those.
    """

    filters: tuple[Name, ...] = ()
    count: Count = 10
    max_age_days: Annotated[float, Field(gt=0)] = 14.0
    target_fraction: Annotated[float, Field(gt=0.05, lt=0.9)] = 0.5
    tolerance: Annotated[float, Field(gt=0.01, le=0.5)] = 0.25
    min_exposure_s: PositiveSeconds = 0.2
    max_exposure_s: PositiveSeconds = 60.0
    highest_sun_deg: Annotated[float, Field(ge=-10, le=10)] = 0.0
    lowest_sun_deg: Annotated[float, Field(ge=-18, le=5)] = -10.0
    lowest_altitude_deg: Annotated[float, Field(ge=10, le=85)] = 30.0
    sun_distance_deg: Annotated[float, Field(ge=20, le=90)] = 45.0
    moon_distance_deg: Annotated[float, Field(ge=0, le=60)] = 30.0
    rotator_deg: Annotated[float, Field(ge=0, lt=360)] | None = None
    exposure_grid_s: tuple[PositiveSeconds, ...] = ()
    flat_darks: bool = False
    set: tuple[FlatSetConfig, ...] = ()

    @model_validator(mode="after")
    def _one_set_a_filter(self) -> FlatsConfig:
        filters = [name for one in self.set for name in one.filters]
        for name in filters:
            if filters.count(name) > 1:
                raise ValueError(f"filter {name} is in two sets; leave it in one")
        return self

    @model_validator(mode="after")
    def _ordered(self) -> FlatsConfig:
        if self.min_exposure_s >= self.max_exposure_s:
            raise ValueError("min_exposure_s must be below max_exposure_s")
        if self.lowest_sun_deg >= self.highest_sun_deg:
            raise ValueError("lowest_sun_deg must be below highest_sun_deg")
        for exposure_s in self.exposure_grid_s:
            if not self.min_exposure_s <= exposure_s <= self.max_exposure_s:
                raise ValueError(
                    f"exposure_grid_s has {exposure_s:g} s, outside min_exposure_s to max_exposure_s "
                    f"({self.min_exposure_s:g} to {self.max_exposure_s:g} s)"
                )
        if tuple(sorted(set(self.exposure_grid_s))) != self.exposure_grid_s:
            raise ValueError("exposure_grid_s must rise from each exposure to the next")
        return self


class BiasConfig(Section):
    """`[rig.bias]`"""

    count: Count = 20
    max_age_days: Annotated[float, Field(gt=0)] = 90.0


class DarksConfig(Section):
    """`[rig.darks]`. `probe_s`: the exposure of the probes that look for stray light; 0 for none.

    `lights_days`: beside `exposures_s`, darks of what the lights of so many days had; 0 for none.
    `light_tight`: no light reaches the sensor under an open roof either, so that what members or operators
    ask for is taken there, too; the library's own waits for a shut roof.
    """

    exposures_s: tuple[PositiveSeconds, ...] = STANDARD_DARKS_S
    count: Count = 10
    max_age_days: Annotated[float, Field(gt=0)] = 30.0
    lights_days: Annotated[float, Field(ge=0, le=365)] = 30.0
    probe_s: Annotated[float, Field(ge=0, le=600)] = 30.0
    by_day: bool = False
    light_tight: bool = False

    @model_validator(mode="after")
    def _looked_after_by_day(self) -> DarksConfig:
        if self.by_day and not self.probe_s:
            raise ValueError("by_day needs probes that look for stray light; set probe_s above 0")
        return self


class PanelConfig(Section):
    """`[rig.panel]`: flats by the panel, of these filters instead of by the sky; of all when empty."""

    filters: tuple[Name, ...] = ()
    min_exposure_s: PositiveSeconds = 0.5
    max_exposure_s: PositiveSeconds = 60.0
    max_brightness: Annotated[int, Field(ge=1)] | None = None

    @model_validator(mode="after")
    def _ordered(self) -> PanelConfig:
        if self.min_exposure_s >= self.max_exposure_s:
            raise ValueError("min_exposure_s must be below max_exposure_s")
        return self

    def lights(self, filter_name: str | None) -> bool:
        """Whether flats of this filter are the panel's."""
        return not self.filters or filter_name in self.filters


class RigConfig(Section):
    """`[[rig]]`: devices that observe together. What is left out is not there.

    `points_per_hour`: what an hour of exposure costs a member under an open roof.
    """

    name: Name
    camera: Address
    filter_wheel: Address | None = None
    telescope: Address | None = None
    cover_calibrator: Address | None = None
    focuser: Address | None = None
    rotator: Address | None = None
    dome: Address | None = None
    binning: Binning = 1
    gain: int | None = None
    offset: int | None = None
    readout_mode: int | None = None
    cooling: CoolingConfig | None = None
    focus: FocusConfig | None = None
    flats: FlatsConfig = FlatsConfig()
    bias: BiasConfig = BiasConfig()
    darks: DarksConfig = DarksConfig()
    panel: PanelConfig | None = None
    points_per_hour: Annotated[float, Field(ge=0, le=1e6)] = 0.0

    @model_validator(mode="after")
    def _complete(self) -> RigConfig:
        for given, needs, key in (
            (self.focus, self.focuser, "focuser"),
            (self.flats.rotator_deg, self.rotator, "rotator"),
            (self.dome, self.telescope, "telescope"),
            (self.panel, self.cover_calibrator, "cover_calibrator"),
        ):
            if given is not None and needs is None:
                what = {
                    "focuser": "focus",
                    "rotator": "flats.rotator_deg",
                    "telescope": "dome",
                    "cover_calibrator": "panel",
                }[key]
                raise ValueError(f"{what} needs the key {key}")
        return self

    @model_validator(mode="after")
    def _sets_have_something_to_differ_from(self) -> RigConfig:
        for key in dict.fromkeys(key for one in self.flats.set for key in one.setup):
            if getattr(self, key) is None:
                raise ValueError(
                    f"a [[rig.flats.set]] has {key}: give the rig its {key} too, or it stays at the set's"
                )
        return self

    def for_flats(self, filter_name: str | None) -> RigConfig:
        """The rig as it is set up for flats of this filter."""
        setup = next((one.setup for one in self.flats.set if filter_name in one.filters), {})
        return self.model_copy(update=setup) if setup else self

    def on(self, night: date) -> RigConfig:
        """The rig as it is set up on that night: a season's set point is of its month."""
        if self.cooling is None or not self.cooling.season:
            return self
        return self.model_copy(update={"cooling": self.cooling.on(night)})
