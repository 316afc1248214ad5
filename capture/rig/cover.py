"""The rig's cover: opened for the sky, shut for darks."""

from __future__ import annotations

from capture.alpaca.devices import CoverCalibrator, CoverStatus
from capture.clock import Clock
from capture.errors import DeviceError, DeviceTimeout
from capture.rig.patience import Patience

_DEADLINE_S = 90.0


class Cover:
    """A cover over Alpaca; one that is not there (NotPresent) is as one asks it to be."""

    def __init__(self, rig: str, cover: CoverCalibrator, patience: Patience, clock: Clock) -> None:
        self._rig = rig
        self._cover = cover
        self._patience = patience
        self._clock = clock

    def connect(self) -> None:
        """Connect. Raises DeviceError."""
        self._cover.open(self._clock, pause=self._patience.pause)

    def open(self) -> None:
        """Open it and wait. Raises DeviceTimeout, or DeviceError when it says that it has failed."""
        self._move(CoverStatus.Open, "open")

    def shut(self) -> None:
        """Shut it and wait. Raises DeviceTimeout, or DeviceError when it says that it has failed."""
        self._move(CoverStatus.Closed, "shut")

    def _move(self, wanted: CoverStatus, verb: str) -> None:
        cover = self._cover
        if cover.CoverState in (CoverStatus.NotPresent, wanted):
            return
        if wanted == CoverStatus.Open:
            cover.OpenCover()
        else:
            cover.CloseCover()
        begun = self._clock.monotonic()

        def arrived() -> bool:
            state = cover.CoverState
            if state == CoverStatus.Error:
                raise DeviceError(f"{self._rig}: the cover did not {verb}: it reports an error; look at it")
            return bool(state == wanted)

        try:
            self._patience.wait("the cover", arrived, _DEADLINE_S)
        except DeviceTimeout as late:
            word = CoverStatus(cover.CoverState).name.lower()
            waited_s = self._clock.monotonic() - begun
            raise DeviceTimeout(
                f"{self._rig}: the cover did not {verb} within {waited_s:.0f} s, it says {word!r}; look at it"
            ) from late

    def close(self) -> None:
        """Drop our connection."""
        self._cover.close()
