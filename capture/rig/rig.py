"""The rig: camera, wheel, mount and cover as one thing that sequences use."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from capture.alpaca.devices import Camera, CoverCalibrator, Dome, Telescope
from capture.clock import Clock
from capture.config import CoolingConfig, RigConfig, TimeoutsConfig
from capture.errors import DeviceError, Preempted
from capture.frame import Facts, Frame, FrameSpec, Kind, Statistics
from capture.guard.client import GuardClient, RoofState
from capture.journal import Journal
from capture.rig.cover import Cover
from capture.rig.flat_spot import PointingLimits
from capture.rig.limits import require_possible
from capture.rig.mount import Mount
from capture.rig.optics import Optics
from capture.rig.patience import Patience
from capture.rig.roof import RoofAccess
from capture.rig.sensor import CameraFacts, Sensor
from capture.rig.slit import Slit
from capture.site import Site

# In twilight the sky changes by half a percent a second.
_SKY_CHANGES_S = 1.0


class Rig:
    """Devices that observe together. Every wait goes through `patience`, the one checkpoint."""

    def __init__(
        self,
        config: RigConfig,
        site: Site,
        guard: GuardClient,
        clock: Clock,
        journal: Journal,
        timeouts: TimeoutsConfig | None = None,
    ) -> None:
        self.config = config
        self.name = config.name
        self.site = site
        self.clock = clock
        self.journal = journal
        self.patience = Patience(config.name, clock)
        self._guard = guard
        of = (timeouts or TimeoutsConfig()).of
        cover, mount, dome = config.cover_calibrator, config.telescope, config.dome
        self._camera = Camera(config.camera, of(config.camera))
        self._sensor = Sensor(config.name, self._camera, self.patience, clock, journal)
        self._optics = Optics(config, of, self.patience, clock)
        self._cover = (
            Cover(config.name, CoverCalibrator(cover, of(cover)), self.patience, clock) if cover else None
        )
        flats = config.flats
        limits = PointingLimits(flats.lowest_altitude_deg, flats.sun_distance_deg, flats.moon_distance_deg)
        self.mount = (
            Mount(config.name, Telescope(mount, of(mount)), site, limits, self.patience, clock, journal)
            if mount
            else None
        )
        self._slit = Slit(config.name, Dome(dome, of(dome)), self.patience, clock) if dome else None
        devices = (
            config.camera, config.filter_wheel, cover, mount, dome, config.focuser, config.rotator,
        )  # fmt: skip
        timeouts_of_all = [of(address) for address in devices if address]
        self._roof = RoofAccess(config.name, guard, timeouts_of_all, self.patience, clock, journal)
        # Once a frame was asked for with other settings than the usual ones, each says them all.
        self._sets_all = False
        guard.subscribe(self.patience.wake)

    @property
    def camera(self) -> CameraFacts:
        """What the camera says of itself; connect first."""
        return self._sensor.facts

    @property
    def filters(self) -> tuple[str, ...]:
        """The wheel's filter names by slot; empty without a wheel."""
        return self._optics.filters

    @property
    def readout_s(self) -> float:
        """Seconds from the end of an exposure to its image, as learned from the last frames."""
        return self._sensor.readout_s

    def connect(self) -> None:
        """Connect to every device and read what does not change.

        Raises DeviceError; BadInput for what the config asks and a device cannot.
        """
        self._sensor.connect()
        require_possible(self.config, self.camera)
        self._optics.connect()
        for device in (self._cover, self.mount, self._slit):
            if device is not None:
                device.connect()
        self.journal.say(
            self.name,
            "connected",
            f"connected: {self.camera.name}, filters {' '.join(self.filters) or 'none'}",
        )

    def disconnect(self) -> None:
        """Drop our connections."""
        self._camera.close()
        self._optics.close()
        for device in (self._cover, self.mount, self._slit):
            if device is not None:
                device.close()

    def spec(self, kind: Kind, exposure_s: float = 0.0, filter_name: str | None = None) -> FrameSpec:
        """The FrameSpec of such a frame as this rig is configured, gain and offset as the camera has them."""
        config, facts, cooling = self.config, self.camera, self.cooling
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

    @property
    def cooling(self) -> CoolingConfig | None:
        """How it is cooled in the night of now, with the set point of the season; None when it is not."""
        return self.config.on(self.site.night_of(self.clock.now())).cooling

    def cool(self) -> None:
        """Reach the configured temperature, steady; nothing to do without `[rig.cooling]`."""
        cooling = self.cooling
        if cooling is None:
            return
        self.journal.say(self.name, "cooling", f"cooling to {cooling.set_temperature_c:g} C")
        self._sensor.cool(cooling)
        self.journal.say(self.name, "cooling", f"steady at {self._sensor.temperature_c():.1f} C")

    def keep_cold(self) -> None:
        """Cool again when the sensor has left its tolerance, as after a power cut. A sensor that does not say
        how warm it is, is left alone.
        """
        cooling, measured_c = self.cooling, self._sensor.temperature_c()
        if cooling is None or measured_c is None:
            return
        off_c = measured_c - cooling.set_temperature_c
        if abs(off_c) > cooling.tolerance_c:
            self.journal.say(self.name, "cooling", f"the sensor is {off_c:+.1f} C off its set point")
            self.cool()

    def warm_up(self) -> None:
        """Let the sensor up at the safe rate and switch the cooler off; nothing to do when it is off."""
        cooling = self.cooling
        if cooling is None or self._sensor.cooler_is_off():
            return
        slowly = f"warming up, by {cooling.ramp_c_per_min:g} C a minute at most"
        self.journal.say(self.name, "cooling", slowly)
        self._sensor.warm_up(cooling)
        self.journal.say(self.name, "cooling", "the cooler is off")

    def select_filter(self, name: str) -> None:
        """Turn the wheel to the filter and wait until it says so.

        Raises BadInput for an unknown name, DeviceTimeout when it does not arrive.
        """
        self._optics.select(name)

    def prepare_filter(self, name: str) -> None:
        """Send the wheel ahead to the filter and do not wait. Raises BadInput for an unknown name."""
        self._optics.prepare(name)

    def expose(self, spec: FrameSpec, next_filter: str | None = None) -> Frame:
        """Take one frame as `spec` says: measured facts and statistics, no verdict yet.

        The wheel leaves for `next_filter` while this frame is read out behind a shut shutter.

        Raises Interrupted after aborting the exposure, DeviceError, BadInput.
        """
        self._optics.set_for(spec)
        self._set_up(spec)
        roof_before = self._guard.report().roof
        exposed = self._sensor.expose(
            spec,
            light=spec.kind in (Kind.FLAT, Kind.LIGHT),
            when_shut=self._preparing(next_filter, spec),
        )
        roofs = {roof_before, self._guard.report().roof}
        facts, middle = self.camera, exposed.started + timedelta(seconds=exposed.exposure_s / 2)
        # Binning adds up the colours.
        mosaic = facts.is_mosaic and spec.binning == 1
        looks_up = self.mount is not None and spec.kind in (Kind.FLAT, Kind.LIGHT)
        pointing = self.mount.pointing() if self.mount is not None and looks_up else None
        coordinates = self.mount.coordinates() if self.mount is not None and looks_up else None
        return Frame(
            pixels=exposed.pixels,
            spec=spec,
            facts=Facts(
                rig=self.name,
                camera=facts.name,
                started=exposed.started,
                exposure_s=exposed.exposure_s,
                sun_altitude_deg=self.site.sun_altitude_deg(middle),
                ccd_temperature_c=exposed.ccd_temperature_c,
                altitude_deg=pointing.altitude_deg if pointing else None,
                azimuth_deg=pointing.azimuth_deg if pointing else None,
                right_ascension_h=coordinates[0] if coordinates else None,
                declination_deg=coordinates[1] if coordinates else None,
                rotator_deg=self._optics.rotator_deg(),
                roof_shut=None if RoofState.NONE in roofs else roofs == {RoofState.SHUT},
                saturation_adu=facts.saturation_adu,
                electrons_per_adu=facts.electrons_per_adu,
                pixel_size_um=facts.pixel_size_um,
                bayer_pattern=facts.bayer_pattern if mosaic else None,
                bayer_offset_px=facts.bayer_offset_px,
                downloaded_s=exposed.overhead_s,
            ),
            statistics=Statistics.of(exposed.pixels, facts.saturation_adu, mosaic=mosaic),
        )

    def _preparing(self, next_filter: str | None, spec: FrameSpec) -> Callable[[], None] | None:
        """What there is to do during the readout. Without a shutter the light would change while it lasts."""
        if next_filter is None or next_filter == spec.filter or not self.camera.has_shutter:
            return None

        def prepare() -> None:
            # The frame is not lost over it: the wheel is asked for again, and awaited, before the next one.
            with suppress(DeviceError):
                self._optics.prepare(next_filter)

        return prepare

    def _set_up(self, spec: FrameSpec) -> None:
        """Set the camera as `spec` says; what the config leaves to it is not touched until it must be."""
        config, usual = self.config, self.spec(spec.kind)
        asked = (spec.gain, spec.offset, spec.readout_mode)
        given = tuple(value for value in asked if value is not None)
        if given and asked != (usual.gain, usual.offset, usual.readout_mode):
            self._sets_all = True
        gain, offset, mode = config.gain, config.offset, config.readout_mode
        if self._sets_all:
            gain, offset = spec.gain, spec.offset
            modes, found = self.camera.readout_modes, self.camera.readout_mode
            mode = modes.index(spec.readout_mode) if spec.readout_mode in modes else mode or found
        self._sensor.set_up(spec.binning, gain, offset, mode)

    def roof_leaves_s(self) -> float:
        """Seconds until the roof may open, infinite while it stays shut, 0 when it is not shut."""
        return self._roof.leaves_s()

    @contextmanager
    def until(self, end: datetime) -> Iterator[None]:
        """Within this block a checkpoint after `end` raises Preempted."""

        def condition() -> None:
            if self.clock.now() >= end:
                raise Preempted(f"{self.name}: the window ended at {end:%H:%M:%S} UTC")

        with self.patience.provided(condition):
            yield

    @contextmanager
    def ready_for_sky(self) -> Iterator[None]:
        """The roof open and ours, the cover open, the mount at the flat spot; all undone at the end.

        Waits for the roof as long as the checkpoint lets it; raises Unsafe when the sky is withdrawn.
        """
        try:
            with self.patience.provided(self._roof.renew_lease):
                self._roof.await_open()
                with (
                    self.patience.provided(self._roof.require_open),
                    self._at_flat_spot(),
                    self._optics.held(),
                ):
                    # The mount passes the Sun, if it must, behind a shut cover.
                    if self._cover is not None:
                        self._cover.open()
                    yield
        finally:
            with self.patience.undisturbed():
                with suppress(DeviceError):
                    if self._cover is not None:
                        self._cover.shut()
                with suppress(DeviceError):
                    if self.mount is not None:
                        self.mount.stop_tracking()
                self._roof.release()

    @contextmanager
    def ready_for_dark(self) -> Iterator[None]:
        """The roof shut and staying so, the cover shut; a checkpoint raises Preempted when that ends."""
        with self.patience.provided(self._roof.require_shut):
            self.patience.checkpoint()
            if self._cover is not None:
                self._cover.shut()
            yield

    def stay_at_flat_spot(self, last: Frame | None = None) -> bool:
        """Point at the least gradient again when it has moved on; a rig without a mount stays.

        After the frame `last` the stars are moved off their places too, so that they fall out of the master.
        Whether that took long enough for the sky to have changed.
        """
        if self.mount is None:
            return False
        begun = self.clock.monotonic()
        self.mount.stay_at_flat_spot()
        if last is not None:
            self.mount.move_off_stars((self.clock.now() - last.facts.started).total_seconds())
        if self._slit is not None:
            self._slit.follow(self.mount.pointing())
        return self.clock.monotonic() - begun > _SKY_CHANGES_S

    @contextmanager
    def _at_flat_spot(self) -> Iterator[None]:
        if self.mount is None:
            yield
            return
        if self._slit is not None:
            self._slit.begin_to_follow(self.mount.flat_spot())
        self.mount.point_at_flat_spot()
        if self._slit is not None:
            self._slit.follow(self.mount.pointing())
        with self.patience.provided(self.mount.require_away_from_sun):
            yield
