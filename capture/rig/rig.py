"""The rig: camera, wheel, mount and cover as one thing that sequences use."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext, suppress
from datetime import datetime

from capture.alpaca.devices import Camera, CoverCalibrator, Dome, Telescope
from capture.clock import Clock
from capture.config import CoolingConfig, RigConfig, TimeoutsConfig
from capture.errors import BadInput, DeviceError, NotCold, Preempted
from capture.frame import Frame, FrameSpec, Kind, Statistics
from capture.guard.client import GuardClient
from capture.journal import Journal
from capture.rig.cooling import Reading
from capture.rig.cover import Cover
from capture.rig.flat_spot import PointingLimits
from capture.rig.interlock import Interlock
from capture.rig.limits import require_possible
from capture.rig.mount import Mount
from capture.rig.optics import Optics
from capture.rig.panel import Panel
from capture.rig.patience import Patience
from capture.rig.roof import RoofAccess
from capture.rig.sensor import CameraFacts, Sensor, UnderWay
from capture.rig.slit import Slit
from capture.rig.taking import Look, Taking
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
        interlock: Interlock | None = None,
    ) -> None:
        self.config = config
        self.name = config.name
        self.site = site
        self.clock = clock
        self.journal = journal
        self.patience = Patience(config.name, clock)
        # Where `cool` has brought the sensor.
        self._kept_at: CoolingConfig | None = None
        of = (timeouts or TimeoutsConfig()).of
        cover, mount, dome = config.cover_calibrator, config.telescope, config.dome
        camera = Camera(config.camera, of(config.camera))
        self._sensor = Sensor(config.name, camera, self.patience, clock, journal)
        self._optics = Optics(config, of, self.patience, clock)
        lid = CoverCalibrator(cover, of(cover)) if cover else None
        self._cover = Cover(config.name, lid, self.patience, clock) if lid else None
        self._panel = Panel(config.name, lid, self.patience, journal) if lid else None
        self._interlock = interlock or Interlock()
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
        self._taking = Taking(config, site, clock, guard, self._sensor, self._optics, self.mount)
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

    @property
    def temperature(self) -> Reading | None:
        """The sensor's newest reading, None while the camera is not connected; from any thread."""
        return self._sensor.temperature

    @property
    def under_way(self) -> UnderWay | None:
        """The exposure that is being taken or read out; from any thread."""
        return self._sensor.under_way

    def connect(self) -> None:
        """Connect to every device and read what does not change; a panel that was left lit is put out.

        Raises DeviceError; BadInput for what the config asks and a device cannot.
        """
        self._sensor.connect()
        require_possible(self.config, self.camera)
        self._optics.connect()
        for device in (self._cover, self.mount, self._slit):
            if device is not None:
                device.connect()
        if self._panel is not None:
            self._panel.put_out()
        self.journal.say(
            self.name,
            "connected",
            f"connected: {self.camera.name}, filters {' '.join(self.filters) or 'none'}",
        )

    def disconnect(self) -> None:
        """Drop our connections."""
        self._sensor.close()
        self._optics.close()
        for device in (self._cover, self.mount, self._slit):
            if device is not None:
                device.close()

    def spec(self, kind: Kind, exposure_s: float = 0.0, filter_name: str | None = None) -> FrameSpec:
        """The FrameSpec of such a frame as this rig is configured, gain and offset as the camera has them."""
        return self._taking.spec(kind, exposure_s, filter_name)

    @property
    def cooling(self) -> CoolingConfig | None:
        """How it is cooled in the night of now, with the set point of the season; None when it is not."""
        return self.config.on(self.site.night_of(self.clock.now())).cooling

    def cool(self, to_c: float | None = None) -> None:
        """Reach a temperature, by default the configured one, steady; nothing to do without `[rig.cooling]`.

        Where it was steady a while ago and still is, one reading tells so. Raises NotCold, BadInput.
        """
        cooling = self.cooling
        if cooling is None:
            return
        if to_c is not None:
            cooling = cooling.model_copy(update={"set_temperature_c": to_c})
        reached, self._kept_at = self._kept_at == cooling, cooling
        if reached and self._sensor.is_steady(cooling):
            return
        self.journal.say(self.name, "cooling", f"cooling to {cooling.set_temperature_c:g} C")
        try:
            self._sensor.cool(cooling)
        except NotCold:
            self._kept_at = None
            raise
        self.journal.say(self.name, "cooling", f"steady at {self._sensor.temperature_c():.1f} C")

    def cool_for_flats(self) -> bool:
        """Cool as far as it goes, for flats match at any temperature; whether the set point was reached.

        An alarm tells of one that was not.
        """
        try:
            self.cool()
        except NotCold as error:
            self.journal.say(self.name, "alarm", f"{error}. Flats are taken as cold as it gets")
            return False
        return True

    def keep_cold(self) -> None:
        """Cool again when the sensor has left its tolerance, as after a power cut. A sensor that does not say
        how warm it is, is left alone. Raises NotCold.
        """
        cooling, measured_c = self._kept_at or self.cooling, self._sensor.temperature_c()
        if cooling is None or measured_c is None:
            return
        off_c = measured_c - cooling.set_temperature_c
        if abs(off_c) > cooling.tolerance_c:
            self.journal.say(self.name, "cooling", f"the sensor is {off_c:+.1f} C off its set point")
            self.cool(cooling.set_temperature_c)

    def warm_up(self) -> None:
        """Let the sensor up at the safe rate and switch the cooler off; nothing to do when it is off."""
        cooling = self.cooling
        if cooling is None or self._sensor.cooler_is_off():
            return
        slowly = f"warming up, by {cooling.ramp_c_per_min:g} C a minute at most"
        self.journal.say(self.name, "cooling", slowly)
        self._kept_at = None
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
        return self._taking.expose(spec, next_filter)

    def look(self, spec: FrameSpec, *, whole: bool = False) -> Look:
        """Measure the light as `spec` says and keep no frame, by the middle of the sensor alone.

        By all of it when `whole` is asked for, or the camera reads no parts. Raises as `expose`.
        """
        return self._taking.look(spec, whole=whole)

    def middle_of(self, frame: Frame) -> Statistics:
        """The levels of a frame where a look sees it."""
        return self._taking.middle_of(frame)

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
    def ready_for_dark(self, *, any_roof: bool = False) -> Iterator[None]:
        """The roof shut and staying so, unless `any_roof` will do; the cover shut, no panel lit beside.

        Waits for neighbours' panels; a checkpoint raises Preempted when the roof is not shut any more.
        """
        with (
            nullcontext() if any_roof else self.patience.provided(self._roof.require_shut),
            self._interlock.darkness(self.name, self.patience),
        ):
            self.patience.checkpoint()
            if self._cover is not None:
                self._cover.shut()
            yield

    @contextmanager
    def ready_for_panel(self) -> Iterator[int]:
        """The roof shut and staying so, the cover shut, every neighbour agreed: yields the panel's brightest.

        The panel is off at the end, and the cover shut as before. Raises BadInput without a panel.
        """
        if self._panel is None:
            raise BadInput(f"{self.name}: panel flats need the key cover_calibrator")
        with (
            self.patience.provided(self._roof.require_shut),
            self._interlock.light(self.name, self.patience),
            self._panel.off_at_the_end(),
            self._optics.held(),
        ):
            self.patience.checkpoint()
            brightest = self._panel.max_brightness()
            if self._cover is not None:
                self._cover.shut()
            yield brightest

    def light_panel(self, brightness: int) -> None:
        """Light the panel so brightly and wait for it; within `ready_for_panel`."""
        assert self._panel is not None
        self._panel.light(brightness)

    def permits_panel(self) -> bool:
        """Whether no neighbour needs darkness now."""
        return self._interlock.permits_light(self.name)

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
