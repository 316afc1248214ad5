"""Panel flats: behind the shut cover, by a panel whose brightness is found together with the exposure."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace

from capture.config import PanelConfig
from capture.frame import Frame, FrameSpec, Kind
from capture.rig.rig import Rig
from sequences.acceptance import saturation_reason
from sequences.job import Job, Want
from sequences.panel_light import Light, PanelLight, Setting

_TRIES_A_FRAME = 2
_TRIES_TO_FIND = 14
# A lamp that warms, whatever it says of itself, is waited for, longer each time.
_WARMS_S, _WARMS_AT_MOST_S = 3.0, 60.0


def panel_flats(rig: Rig, job: Job) -> Generator[Frame, None, str]:
    """Take what `job` wants, filter by filter, and yield every frame that was exposed to count.

    Raises Preempted when the roof opens, or is about to; Stopped; BadInput without a panel; DeviceError.
    """
    panel = rig.config.panel or PanelConfig()
    failures = []
    with rig.until(job.window.end), rig.ready_for_panel() as brightest:
        rig.cool_for_flats()
        bias_adu = rig.expose(rig.spec(Kind.BIAS)).statistics.median_adu
        for want in job.wants:
            light = PanelLight(_light_of(rig, panel, bias_adu, brightest))
            failed = yield from _one_filter(rig, want, light, bias_adu)
            failures += [failed] if failed else []
    return "; ".join(failures) or "complete"


def _light_of(rig: Rig, panel: PanelConfig, bias_adu: float, brightest: int) -> Light:
    flats, saturation_adu = rig.config.flats, rig.camera.saturation_adu
    return Light(
        target_adu=flats.target_fraction * saturation_adu - bias_adu,
        saturation_adu=0.97 * saturation_adu - bias_adu,
        tolerance=flats.tolerance,
        min_exposure_s=max(panel.min_exposure_s, rig.camera.exposure_min_s),
        max_exposure_s=min(panel.max_exposure_s, rig.camera.exposure_max_s),
        brightest=min(brightest, panel.max_brightness or brightest),
    )


def _one_filter(
    rig: Rig, want: Want, light: PanelLight, bias_adu: float
) -> Generator[Frame, None, str | None]:
    """The frames of one filter; in words why not all could be had."""
    good, wait_s = 0, _WARMS_S
    for _ in range(_TRIES_TO_FIND + _TRIES_A_FRAME * want.count):
        if good == want.count:
            return None
        if light.hopeless is not None:
            return f"{want.spec.filter or 'no filter'}: {light.hopeless}"
        setting = light.next()
        rig.light_panel(setting.brightness)
        frame = rig.expose(_spec(want, setting))
        level_adu = frame.statistics.median_adu - bias_adu
        counts = light.see(setting, level_adu)
        if light.changes:
            rig.patience.pause(wait_s, "the panel's light")
            wait_s = min(2 * wait_s, _WARMS_AT_MOST_S)
        if counts:
            reason = saturation_reason(frame)
            good += reason is None
            yield frame.judged(*[reason] if reason else [])
    if good == want.count:
        return None
    return f"{want.spec.filter or 'no filter'}: the panel's light does not settle"


def _spec(want: Want, setting: Setting) -> FrameSpec:
    return replace(want.spec, exposure_s=setting.exposure_s)
