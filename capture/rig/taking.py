"""Frames and looks: the camera behind its filter, and what was true while the shutter was open."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from capture.clock import Clock
from capture.config import RigConfig
from capture.errors import DeviceError
from capture.frame import Facts, Frame, FrameSpec, Kind, Pixels, Statistics
from capture.guard.client import GuardClient, RoofState
from capture.rig.mount import Mount
from capture.rig.optics import Optics
from capture.rig.region import Region
from capture.rig.sensor import Sensor
from capture.site import Site

_LIT = (Kind.FLAT, Kind.LIGHT)


@dataclass(frozen=True)
class Look:
    """What a look has measured; it has no pixels, and can be saved as no frame.

    `levels`: of all that was read. `middle`: of the middle of the sensor, the same when only that was read.
    `is_whole`: whether the whole sensor was. `started` is UTC.
    """

    started: datetime
    exposure_s: float
    sun_altitude_deg: float
    levels: Statistics
    middle: Statistics
    is_whole: bool


class Taking:
    """Takes frames with a rig's camera and optics."""

    def __init__(
        self,
        config: RigConfig,
        site: Site,
        clock: Clock,
        guard: GuardClient,
        sensor: Sensor,
        optics: Optics,
        mount: Mount | None,
    ) -> None:
        self._config = config
        self._site = site
        self._clock = clock
        self._guard = guard
        self._sensor = sensor
        self._optics = optics
        self._mount = mount
        # Once a frame was asked for with other settings than the usual ones, each says them all.
        self._sets_all = False

    def spec(self, kind: Kind, exposure_s: float = 0.0, filter_name: str | None = None) -> FrameSpec:
        """The FrameSpec of such a frame as this rig is configured, gain and offset as the camera has them."""
        config, facts = self._config, self._sensor.facts
        config = config.for_flats(filter_name) if kind is Kind.FLAT else config
        cooling = config.on(self._site.night_of(self._clock.now())).cooling
        mode = config.readout_mode
        return FrameSpec(
            kind=kind,
            exposure_s=exposure_s,
            filter=filter_name,
            binning=config.binning,
            gain=config.gain if config.gain is not None else facts.gain,
            offset=config.offset if config.offset is not None else facts.offset,
            readout_mode=facts.readout_modes[mode] if mode is not None and facts.readout_modes else None,
            set_temperature_c=cooling.set_temperature_c if cooling else None,
            rotator_deg=config.flats.rotator_deg if kind is Kind.FLAT else None,
        )

    def expose(self, spec: FrameSpec, next_filter: str | None = None) -> Frame:
        """See `Rig.expose`."""
        self._optics.set_for(spec)
        self._set_up(spec)
        roof_before = self._guard.report().roof
        exposed = self._sensor.expose(
            spec,
            light=spec.kind in _LIT,
            when_shut=self._preparing(next_filter, spec),
        )
        roofs = {roof_before, self._guard.report().roof}
        facts = self._sensor.facts
        mount = self._mount if spec.kind in _LIT else None
        pointing = mount.pointing() if mount is not None else None
        coordinates = mount.coordinates() if mount is not None else None
        return Frame(
            pixels=exposed.pixels,
            spec=spec,
            facts=Facts(
                rig=self._config.name,
                camera=facts.name,
                started=exposed.started,
                exposure_s=exposed.exposure_s,
                sun_altitude_deg=self._sun_altitude_deg(exposed.started, exposed.exposure_s),
                ccd_temperature_c=exposed.ccd_temperature_c,
                altitude_deg=pointing.altitude_deg if pointing else None,
                azimuth_deg=pointing.azimuth_deg if pointing else None,
                right_ascension_h=coordinates[0] if coordinates else None,
                declination_deg=coordinates[1] if coordinates else None,
                rotator_deg=self._optics.rotator_deg(),
                roof_shut=None if RoofState.NONE in roofs else roofs == {RoofState.SHUT},
                roof_open=None if RoofState.NONE in roofs else roofs == {RoofState.OPEN},
                saturation_adu=facts.saturation_adu,
                electrons_per_adu=facts.electrons_per_adu,
                pixel_size_um=facts.pixel_size_um,
                bayer_pattern=facts.bayer_pattern if self._is_mosaic(spec) else None,
                bayer_offset_px=facts.bayer_offset_px,
                downloaded_s=exposed.overhead_s,
            ),
            statistics=self._levels(exposed.pixels, spec),
        )

    def look(self, spec: FrameSpec, *, whole: bool) -> Look:
        """See `Rig.look`."""
        self._optics.set_for(spec)
        self._set_up(spec)
        expose = self._sensor.expose if whole else self._sensor.expose_middle
        exposed = expose(spec, light=spec.kind in _LIT)
        levels = self._levels(exposed.pixels, spec)
        facts = self._sensor.facts
        everything = Region.whole(facts.width_px // spec.binning, facts.height_px // spec.binning)
        is_whole = exposed.region == everything
        return Look(
            started=exposed.started,
            exposure_s=exposed.exposure_s,
            sun_altitude_deg=self._sun_altitude_deg(exposed.started, exposed.exposure_s),
            levels=levels,
            middle=self._levels(everything.middle().of(exposed.pixels), spec) if is_whole else levels,
            is_whole=is_whole,
        )

    def middle_of(self, frame: Frame) -> Statistics:
        """See `Rig.middle_of`."""
        height_px, width_px = frame.pixels.shape
        return self._levels(Region.whole(width_px, height_px).middle().of(frame.pixels), frame.spec)

    def _levels(self, pixels: Pixels, spec: FrameSpec) -> Statistics:
        facts = self._sensor.facts
        return Statistics.of(pixels, facts.saturation_adu, mosaic=self._is_mosaic(spec))

    def _is_mosaic(self, spec: FrameSpec) -> bool:
        # Binning adds up the colours.
        return self._sensor.facts.is_mosaic and spec.binning == 1

    def _sun_altitude_deg(self, started: datetime, exposure_s: float) -> float:
        return self._site.sun_altitude_deg(started + timedelta(seconds=exposure_s / 2))

    def _preparing(self, next_filter: str | None, spec: FrameSpec) -> Callable[[], None] | None:
        """What there is to do during the readout. Without a shutter the light would change while it lasts."""
        if next_filter is None or next_filter == spec.filter or not self._sensor.facts.has_shutter:
            return None

        def prepare() -> None:
            # The frame is not lost over it: the wheel is asked for again, and awaited, before the next one.
            with suppress(DeviceError):
                self._optics.prepare(next_filter)

        return prepare

    def _set_up(self, spec: FrameSpec) -> None:
        """Set the camera as `spec` says; what the config leaves to it is not touched until it must be."""
        config, usual = self._config, self.spec(spec.kind)
        asked = (spec.gain, spec.offset, spec.readout_mode)
        given = tuple(value for value in asked if value is not None)
        if given and asked != (usual.gain, usual.offset, usual.readout_mode):
            self._sets_all = True
        gain, offset, mode = config.gain, config.offset, config.readout_mode
        if self._sets_all:
            gain, offset = spec.gain, spec.offset
            modes, found = self._sensor.facts.readout_modes, self._sensor.facts.readout_mode
            mode = modes.index(spec.readout_mode) if spec.readout_mode in modes else mode or found
        self._sensor.set_up(spec.binning, gain, offset, mode)
