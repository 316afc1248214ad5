"""What frames cost beside their exposures, refined from how they follow each other. Pure."""

from __future__ import annotations

from sequences.flat_actions import Expose, FlatSettings, Measurement, Probe

# How far each new gap moves the estimate: a link's jitter averages out over a handful of frames.
_GAIN = 0.25
# A longer gap is somebody's doing, not the camera's.
_LONGEST_S = 300.0


class Pace:
    """`download_s` and `probe_s` pass after a frame and a probe, `lag_s` before a shutter opens."""

    def __init__(self, settings: FlatSettings) -> None:
        self.download_s, self.probe_s = settings.download_s, settings.probe_s
        self._lags_s = {False: 0.0, True: settings.wheel_s}
        self._asked: tuple[Expose | Probe, float, bool] | None = None
        self._closed: tuple[float, bool] | None = None
        self.filter = ""

    @property
    def wheel_s(self) -> float:
        """What a change of filter adds."""
        return max(0.0, self._lags_s[True] - self._lags_s[False])

    def lag_s(self, filter_name: str) -> float:
        """What passes between asking for a frame and its shutter's opening."""
        return self._lags_s[filter_name != self.filter]

    def asked_at(self, seconds: float) -> None:
        """The loop asks what to do: the camera is free again."""
        if self._closed is not None:
            closed_s, probe = self._closed
            gap_s = seconds - closed_s
            if 0 <= gap_s < _LONGEST_S:
                if probe:
                    self.probe_s += _GAIN * (gap_s - self.probe_s)
                else:
                    self.download_s += _GAIN * (gap_s - self.download_s)
        self._closed = self._asked = None

    def told(self, action: Expose | Probe, seconds: float) -> None:
        """A frame is asked for."""
        changed = action.filter != self.filter
        self._asked, self.filter = (action, seconds, changed), action.filter

    def seen(self, measurement: Measurement) -> bool:
        """A frame came of it; return whether it was an Expose of ours."""
        opened_s = measurement.started.timestamp()
        probe = False
        if self._asked is not None and self._asked[0].filter == measurement.filter:
            action, asked_s, changed = self._asked
            probe = isinstance(action, Probe)
            lag_s = opened_s - asked_s
            if 0 <= lag_s < _LONGEST_S:
                self._lags_s[changed] += _GAIN * (lag_s - self._lags_s[changed])
        self._closed = (opened_s + measurement.exposure_s, probe)
        self._asked, self.filter = None, measurement.filter
        return not probe
