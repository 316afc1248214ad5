"""What stands in the light before the camera: wheel, focuser and rotator, set as a frame wants them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from capture.alpaca.devices import FilterWheel, Focuser, Rotator
from capture.clock import Clock
from capture.config import DeviceAddress, RigConfig, Timeouts
from capture.errors import BadInput
from capture.frame import FrameSpec
from capture.rig.focus import Focus
from capture.rig.patience import Patience
from capture.rig.rotation import Rotation
from capture.rig.wheel import Wheel


class Optics:
    """Wheel, focuser and rotator of one rig; each may be missing."""

    def __init__(
        self, config: RigConfig, of: Callable[[DeviceAddress], Timeouts], patience: Patience, clock: Clock
    ) -> None:
        self._rig = config.name
        wheel, focuser, rotator = config.filter_wheel, config.focuser, config.rotator
        self._wheel = Wheel(config.name, FilterWheel(wheel, of(wheel)), patience, clock) if wheel else None
        self._focus = (
            Focus(config.name, Focuser(focuser, of(focuser)), config.focus, patience, clock)
            if focuser and config.focus
            else None
        )
        self._rotation = (
            Rotation(config.name, Rotator(rotator, of(rotator)), patience, clock) if rotator else None
        )

    @property
    def filters(self) -> tuple[str, ...]:
        """The wheel's filter names by slot; empty without a wheel."""
        return self._wheel.names if self._wheel is not None else ()

    def connect(self) -> None:
        """Connect to each. Raises DeviceError; BadInput for a focus that there cannot be."""
        if self._wheel is not None:
            self._wheel.connect()
        if self._focus is not None:
            self._focus.connect(self.filters)
        if self._rotation is not None:
            self._rotation.connect()

    def set_for(self, spec: FrameSpec) -> None:
        """Filter, its focus and the rotator as the spec asks, each arrived.

        Raises BadInput for an unknown filter, DeviceTimeout for what does not arrive.
        """
        if spec.filter is not None:
            self.select(spec.filter)
            if self._focus is not None:
                self._focus.focus(spec.filter)
        if spec.rotator_deg is not None:
            if self._rotation is None:
                raise BadInput(f"{self._rig} has no rotator to turn to {spec.rotator_deg:g} deg")
            self._rotation.turn_to(spec.rotator_deg)

    def select(self, filter_name: str) -> None:
        """Turn the wheel and wait for it. Raises BadInput for an unknown name, DeviceTimeout."""
        self._require_wheel(filter_name).select(filter_name)

    def prepare(self, filter_name: str) -> None:
        """Send the wheel on its way and do not wait. Raises BadInput for an unknown name."""
        self._require_wheel(filter_name).prepare(filter_name)

    def _require_wheel(self, filter_name: str) -> Wheel:
        if self._wheel is None:
            raise BadInput(f"{self._rig} has no filter {filter_name!r}; it has none")
        return self._wheel

    @contextmanager
    def held(self) -> Iterator[None]:
        """Within this block the focuser goes where the filters want it, and nowhere else."""
        if self._focus is None:
            yield
            return
        in_the_light = self._wheel.current() if self._wheel is not None else None
        with self._focus.held(in_the_light):
            yield

    def rotator_deg(self) -> float | None:
        """The rotator's measured mechanical angle; None without one."""
        return self._rotation.position_deg() if self._rotation is not None else None

    def close(self) -> None:
        """Drop our connections."""
        for device in (self._wheel, self._focus, self._rotation):
            if device is not None:
                device.close()
