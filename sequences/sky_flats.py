"""Sky flats at dusk and dawn: the Sun's altitude opens the window, every frame teaches the next."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import replace
from datetime import timedelta
from math import exp

from capture.frame import Frame, FrameSpec, Kind, Setup
from capture.rig.rig import Rig
from sequences.acceptance import Acceptance, Foreseen
from sequences.flat_controller import (
    Action,
    Expose,
    FlatController,
    FlatSettings,
    Measurement,
    Probe,
    Stop,
    Wait,
    learned_from,
)
from sequences.job import Job
from sequences.no_light import NoLight
from sequences.part_scale import PartScale

# By then any shutter is open; how evenly does not matter to a look.
_SHORTEST_LOOK_S = 0.2


def sky_flats(rig: Rig, job: Job) -> Generator[Frame, None, str]:
    """Take what `job` wants and yield every flat, the rejected ones with their reasons.

    Probes are looked at and let go. Filters may differ in binning, gain and the like, each has one setup.
    Raises Interrupted when the sky is withdrawn.
    """
    flats, no_light = _Flats(rig, job), NoLight()
    with rig.until(job.window.end), rig.ready_for_sky():
        last: Frame | None = None
        following: Action | None = None
        waits_for = ""
        while True:
            rig.patience.checkpoint()
            action, following = following or flats.next(), None
            if isinstance(action, Stop):
                return _ended(rig, no_light, action.reason)
            if isinstance(action, Wait):
                if action.reason != waits_for:
                    rig.journal.say(rig.name, "waiting", action.reason)
                waits_for = action.reason
                rig.patience.pause((action.until - rig.clock.now()).total_seconds(), action.reason)
                continue
            if rig.stay_at_flat_spot(last if isinstance(action, Expose) else None):
                last = None
                continue
            if isinstance(action, Probe):
                seen = flats.probe(action)
            else:
                last, seen = flats.take(action)
                following = flats.next()
                yield replace(last, then=_in_words(following))
            sun_altitude_deg = rig.site.sun_altitude_deg(seen.started)
            if no_light.see(seen.level_adu, seen.exposure_s, sun_altitude_deg):
                return _ended(rig, no_light, "it is not waited for")


class _Flats:
    """The flats of a run: what is wanted, and what every look and frame has taught about the sky."""

    def __init__(self, rig: Rig, job: Job) -> None:
        self._rig = rig
        self._wants = {want.spec.filter or "": want for want in job.wants}
        self._bias_adu = _bias_levels(rig, job)
        # Of the setup that has the least room: the others' are as good as the same.
        settings = _settings(rig, max(self._bias_adu.values()))
        counts = {name: want.count for name, want in self._wants.items()}
        learned = learned_from(job.history, rig.site.sun_altitude_deg, settings)
        self._controller = FlatController(counts, settings, job.window, rig.site.sun_altitude_deg, learned)
        self._judges = {
            setup: Acceptance(_settings(rig, level_adu), level_adu, job.shapes)
            for setup, level_adu in self._bias_adu.items()
        }
        self._scale = PartScale(job.shapes)

    def next(self) -> Action:
        """What is best done now."""
        return self._controller.next(self._rig.clock.now())

    def probe(self, action: Probe) -> Measurement:
        """Look how bright it is."""
        spec = self._spec(action)
        seen = _looked(self._rig, spec, self._bias_adu[spec.setup], self._scale)
        self._controller.observe(seen)
        level = f"{seen.level_adu:.0f} ADU in {seen.exposure_s:.2f} s"
        self._rig.journal.say(self._rig.name, "probe", f"probe {action.filter}: {level}")
        return seen

    def take(self, action: Expose) -> tuple[Frame, Measurement]:
        """A flat, judged, and what it tells of the sky."""
        rig, spec = self._rig, self._spec(action)
        bias_adu = self._bias_adu[spec.setup]
        frame = rig.expose(spec, _surely_next(self._controller, action, rig))
        belief = self._controller.foreseen(action.filter, frame.facts.started, frame.facts.exposure_s)
        spot = rig.mount.flat_spot() if rig.mount else None
        judged = self._judges[spec.setup].judge(frame, spot, Foreseen(exp(belief.mean), belief.sigma))
        if judged.alarm:
            rig.journal.say(rig.name, "alarm", judged.alarm)
        seen = _measured(judged.frame, bias_adu)
        self._scale.learn(seen, rig.middle_of(judged.frame).median_adu - bias_adu)
        self._controller.observe(seen)
        return judged.frame, seen

    def _spec(self, action: Expose | Probe) -> FrameSpec:
        return _spec_of(self._wants[action.filter].spec, action, self._rig)


def _looked(rig: Rig, spec: FrameSpec, bias_adu: float, scale: PartScale) -> Measurement:
    """A probe: of the middle of the frame, once it is known what that tells of all of it."""
    name = spec.filter or ""
    known = scale.of(name)
    look = rig.look(spec, whole=known is None)
    of_all = Measurement(
        filter=name,
        exposure_s=look.exposure_s,
        started=look.started,
        level_adu=look.levels.median_adu - bias_adu,
        saturated_fraction=look.levels.saturated_fraction,
        counted=False,
    )
    if known is not None and not look.is_whole:
        return replace(of_all, level_adu=of_all.level_adu / known.ratio, sigma_ln=known.sigma)
    scale.learn(of_all, look.middle.median_adu - bias_adu)
    return of_all


def _measured(frame: Frame, bias_adu: float) -> Measurement:
    return Measurement(
        filter=frame.spec.filter or "",
        exposure_s=frame.facts.exposure_s,
        started=frame.facts.started,
        level_adu=frame.statistics.median_adu - bias_adu,
        saturated_fraction=frame.statistics.saturated_fraction,
        counted=frame.verdict.good,
    )


def _in_words(action: Action) -> str:
    """What comes next, for the line that tells of a frame."""
    if isinstance(action, Stop):
        return f"ends: {action.reason}"
    if isinstance(action, Wait):
        return f"waits: {action.reason}"
    return f"{'probes' if isinstance(action, Probe) else 'next'} {action.filter} {action.exposure_s:.3g} s"


def _ended(rig: Rig, no_light: NoLight, reason: str) -> str:
    """Why the run ends; with an alarm when the telescope seems to see nothing at all."""
    if no_light.suspected is None:
        return reason
    rig.journal.say(rig.name, "alarm", no_light.suspected)
    return f"{no_light.suspected} {reason[:1].upper()}{reason[1:]}"


def _surely_next(controller: FlatController, action: Expose, rig: Rig) -> str | None:
    """The filter that follows when this is its filter's last wanted frame, and comes out as it should."""
    if controller.left.get(action.filter) != 1:
        return None
    now = rig.clock.now()
    following = controller.next_if_good(
        action, now, now + timedelta(seconds=action.exposure_s + rig.readout_s)
    )
    return following.filter if isinstance(following, Expose | Probe) else None


def _settings(rig: Rig, bias_adu: float) -> FlatSettings:
    flats, camera = rig.config.flats, rig.camera
    return FlatSettings(
        target_adu=flats.target_fraction * camera.saturation_adu - bias_adu,
        tolerance=flats.tolerance,
        min_exposure_s=max(flats.min_exposure_s, camera.exposure_min_s),
        max_exposure_s=min(flats.max_exposure_s, camera.exposure_max_s),
        saturation_adu=0.97 * camera.saturation_adu - bias_adu,
        min_probe_s=max(min(_SHORTEST_LOOK_S, flats.min_exposure_s), camera.exposure_min_s),
        exposures_s=flats.exposure_grid_s,
    )


def _bias_levels(rig: Rig, job: Job) -> dict[Setup, float]:
    """The bias level of every setup; where the library has none, from one frame with the shutter shut."""
    levels_adu = dict(job.bias_levels_adu)
    for setup in dict.fromkeys(want.spec.setup for want in job.wants):
        if setup in levels_adu:
            continue
        frame = rig.expose(replace(rig.spec(Kind.BIAS), **setup._asdict()))
        levels_adu[setup] = frame.statistics.median_adu
    return levels_adu


def _spec_of(spec: FrameSpec, action: Expose | Probe, rig: Rig) -> FrameSpec:
    # A hundredth of a second is finer than any shutter and keeps the header readable.
    readable_s = max(0.001, round(action.exposure_s, 2 if action.exposure_s > 1 else 4))
    return replace(spec, exposure_s=rig.camera.nearest_s(readable_s))
