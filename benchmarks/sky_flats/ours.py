"""Our controller as the benchmark drives it: its settings are the camera's facts, nothing of the sky's."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from benchmarks.sky_flats.truth import Twilight
from capture.site import Window
from sequences.flat_controller import Action, FlatController, FlatSettings, Learned, Measurement

# The judge's band is 10 %; a median is a tenth of a percent uncertain: three of these are left alone.
TOLERANCE = 0.097


class Ours:
    """FlatController with a saving rule: in band and not saturated."""

    def __init__(self, twilight: Twilight, quotas: Mapping[str, int], learned: Learned | None = None) -> None:
        camera = twilight.camera
        self._settings = FlatSettings(
            target_adu=camera.target_adu,
            tolerance=TOLERANCE,
            min_exposure_s=camera.min_exposure_s,
            max_exposure_s=camera.max_exposure_s,
            min_probe_s=camera.min_probe_s,
            download_s=camera.download_s,
            wheel_s=max(0.0, camera.wheel_s - camera.download_s),
            probe_s=camera.download_s * camera.probe_fraction,
            saturation_adu=0.97 * camera.saturation_adu - camera.bias_adu,
        )
        window = Window(twilight.epoch, twilight.when(twilight.end_s))
        self.controller = FlatController(quotas, self._settings, window, twilight.sun_altitude_deg, learned)

    @property
    def learned(self) -> Learned:
        """What this twilight taught, for the next one."""
        return self.controller.learned

    def next(self, now: datetime) -> Action:
        """What to do now."""
        return self.controller.next(now)

    def observe(self, measurement: Measurement) -> None:
        """Take in what came of it."""
        self.controller.observe(measurement)

    def saves(self, measurement: Measurement) -> bool:
        """In band, and not saturated."""
        off = abs(measurement.level_adu / self._settings.target_adu - 1)
        return off <= self._settings.tolerance and measurement.saturated_fraction < 0.001
