"""Runs that a person asks for: what is wanted, as jobs, and the waiting for sky or roof before them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from capture.config import Config, RigConfig, RoofConfig
from capture.errors import BadInput, DeviceError, NoWindow
from capture.frame import FrameSpec, Kind
from capture.guard.client import GuardClient
from capture.night.flat_plan import MOST_BINNING, MOST_FRAMES, FlatLine, in_runs, parse_flat_plan
from capture.night.needs import SpecOf, chosen_filters
from capture.night.plan import PREPARE
from capture.night.run import Outcome, Runner
from capture.rig.limits import require_settable, require_takes
from capture.rig.rig import Rig
from capture.site import Site, Twilight, Window
from sequences.job import Job, Want

_UNATTENDED = timedelta(days=30)
_SEQUENCES = ("sky_flats", "panel_flats", "bias", "darks")
_LONGEST_EXPOSURE_S = 7200.0
_COLDEST_C, _WARMEST_C = -100.0, 40.0


@dataclass(frozen=True)
class HandRun:
    """One sequence that a person wants now. What is left out (empty, None) is the config's.

    `count`: frames of each set. `temperature_c`: the set point for bias and darks. `lines`: a flat plan, that
    says filters, counts and binnings itself. `who` asked, and `why`, for those who read it later.
    """

    sequence: str
    filters: tuple[str, ...] = ()
    exposures_s: tuple[float, ...] = ()
    count: int | None = None
    binning: int | None = None
    gain: int | None = None
    temperature_c: float | None = None
    lines: tuple[FlatLine, ...] = ()
    who: str = "unknown"
    why: str = ""

    def __post_init__(self) -> None:
        """Raises BadInput for what no rig can do."""
        if self.sequence not in _SEQUENCES:
            raise BadInput(
                f"there is no sequence {self.sequence!r} to run; there are {', '.join(_SEQUENCES)}"
            )
        if self.count is not None and not 1 <= self.count <= MOST_FRAMES:
            raise BadInput(f"{self.count} frames of each set: it must be from 1 to {MOST_FRAMES}")
        for exposure_s in self.exposures_s:
            if not (math.isfinite(exposure_s) and 0 < exposure_s <= _LONGEST_EXPOSURE_S):
                raise BadInput(f"an exposure of {exposure_s} s: it must be above 0 and at most 7200 s")
        if self.binning is not None and not 1 <= self.binning <= MOST_BINNING:
            raise BadInput(f"a binning of {self.binning}: it is from 1 to {MOST_BINNING}")
        if self.gain is not None and self.gain < 0:
            raise BadInput(f"a gain of {self.gain}: it is a whole number from 0")
        if self.temperature_c is not None and not _COLDEST_C <= self.temperature_c <= _WARMEST_C:
            raise BadInput(
                f"{self.temperature_c} C: give a temperature from {_COLDEST_C:g} to {_WARMEST_C:g} C"
            )
        flats = self.sequence.endswith("flats")
        if self.filters and not flats:
            raise BadInput(f"{self.sequence} have no filters; leave them out")
        if self.temperature_c is not None and flats:
            raise BadInput("flats are taken at the rig's own temperature; leave it out")
        if self.exposures_s and self.sequence != "darks":
            raise BadInput(f"{self.sequence} choose their exposures themselves; leave them out")
        if self.lines and self.sequence != "sky_flats":
            raise BadInput(f"a flat plan is for sky flats, not for {self.sequence}")
        if self.lines and (self.filters or self.count or self.binning):
            raise BadInput("the flat plan says which filters, how many and how binned; leave those out")

    @classmethod
    def of(cls, data: Mapping[str, object]) -> HandRun:
        """From what JSON told, a flat plan as its text. Raises BadInput, KeyError, TypeError, ValueError."""
        filters, exposures_s = (data.get(key) or [] for key in ("filters", "exposures_s"))
        if not isinstance(filters, list) or not isinstance(exposures_s, list):
            raise TypeError("filters and exposures_s are lists")
        count, binning, gain = (data.get(key) for key in ("count", "binning", "gain"))
        temperature_c, plan = data.get("temperature_c"), data.get("plan")
        return cls(
            sequence=str(data["sequence"]),
            filters=tuple(str(name) for name in filters),
            exposures_s=tuple(float(s) for s in exposures_s),
            count=None if count is None else int(str(count)),
            binning=None if binning is None else int(str(binning)),
            gain=None if gain is None else int(str(gain)),
            temperature_c=None if temperature_c is None else float(str(temperature_c)),
            lines=parse_flat_plan(str(plan)) if plan else (),
            who=str(data.get("who", "unknown")),
            why=str(data.get("why", "")),
        )

    def told(self) -> dict[str, object]:
        """What `of` makes the same run of; without who and why."""
        return {
            "sequence": self.sequence,
            "filters": list(self.filters),
            "exposures_s": list(self.exposures_s),
            "count": self.count,
            "binning": self.binning,
            "gain": self.gain,
            "temperature_c": self.temperature_c,
            "plan": "\n".join(str(line) for line in self.lines),
        }

    def __str__(self) -> str:
        parts = [self.sequence, *self.filters, *(f"{s:g} s" for s in self.exposures_s)]
        parts += [f"bin{self.binning}"] if self.binning else []
        parts += [f"gain {self.gain}"] if self.gain is not None else []
        parts += [f"at {self.temperature_c:g} C"] if self.temperature_c is not None else []
        parts += [f"by a flat plan of {len(self.lines)} lines"] if self.lines else []
        return " ".join(parts) + (f" x{self.count}" if self.count else "")


def wants_of(
    run: HandRun, config: RigConfig, wheel: Sequence[str], spec_of: SpecOf
) -> tuple[tuple[Want, ...], ...]:
    """What each job of the run would take, in order; `wheel`: the filters, as far as they are known.

    Raises BadInput for what this rig has not.
    """
    require_settable(config, run.gain, run.temperature_c)
    if run.sequence in ("bias", "darks"):
        kind = Kind.BIAS if run.sequence == "bias" else Kind.DARK
        usual = config.bias.count if kind is Kind.BIAS else config.darks.count
        exposures_s = (0.0,) if kind is Kind.BIAS else run.exposures_s or config.darks.exposures_s
        specs = (_as_asked(run, spec_of(kind, s, None), run.binning) for s in exposures_s)
        return (tuple(Want(spec, run.count or usual) for spec in specs),)

    def flats(name: str | None, count: int, binning: int | None) -> Want:
        return Want(_as_asked(run, spec_of(Kind.FLAT, 0.0, name).set_key(), binning), count)

    if run.lines:
        return tuple(
            tuple(flats(_filter(line, config, wheel), line.count, line.binning) for line in lines)
            for lines in in_runs(run.lines)
        )
    for name in run.filters:
        if wheel and name not in wheel:
            raise BadInput(f"{config.name} has no filter {name!r}; its wheel has {', '.join(wheel)}")
    names = run.filters or chosen_filters(config, wheel)
    if run.sequence == "panel_flats" and not run.filters and config.panel is not None:
        names = tuple(name for name in names if config.panel.lights(name))
    if not names:
        raise BadInput(f"[rig.panel] of {config.name} names none of its filters; name some")
    return (tuple(flats(name, run.count or config.flats.count, run.binning) for name in names),)


def _as_asked(run: HandRun, spec: FrameSpec, binning: int | None) -> FrameSpec:
    return replace(
        spec,
        binning=binning or spec.binning,
        gain=spec.gain if run.gain is None else run.gain,
        set_temperature_c=spec.set_temperature_c if run.temperature_c is None else run.temperature_c,
    )


def _filter(line: FlatLine, config: RigConfig, wheel: Sequence[str]) -> str | None:
    if wheel and line.filter not in wheel:
        raise BadInput(
            f"line {line.number} of the flat plan wants the filter {line.filter!r}, but the wheel has "
            f"{' '.join(wheel)}"
        )
    return None if config.filter_wheel is None else line.filter


def next_twilight(site: Site, now: datetime, rig: RigConfig) -> Window:
    """The twilight that is on at `now`, or the next one. Raises NoWindow when none comes in two nights."""
    flats, reason = rig.flats, None
    for night in (site.night_of(now), site.night_of(now) + timedelta(days=1)):
        for which in Twilight:
            try:
                window = site.twilight(night, which, flats.highest_sun_deg, flats.lowest_sun_deg)
            except NoWindow as error:
                reason = error
                continue
            if now < window.end:
                return window
    raise reason or NoWindow(f"no twilight comes at {site.name}")


def jobs_of(run: HandRun, runner: Runner) -> tuple[Job, ...]:
    """What is asked for, as jobs on this connected rig, one after the other. Raises BadInput, NoWindow."""
    rig = runner.rig
    site, now = rig.site, rig.clock.now()
    night = site.night_of(now)
    every = wants_of(run, rig.config, rig.filters, rig.spec)
    for want in (want for wants in every for want in wants):
        require_takes(want.spec, rig.camera.limits)
    unattended = Window(now, now + _UNATTENDED)
    if run.sequence in ("bias", "darks"):
        jobs = (runner.dark_job(run.sequence, unattended, wants, night) for wants in every)
        return tuple(replace(job, any_roof=rig.config.darks.light_tight) for job in jobs)
    window = next_twilight(site, now, rig.config) if run.sequence == "sky_flats" else unattended
    return tuple(runner.job_of(run.sequence, window, wants, night) for wants in every)


def carry_out(job: Job, runner: Runner, guard: GuardClient, config: Config) -> Outcome:
    """Wait for what the job needs, the twilight or a shut roof, and run it. Raises as Runner.run."""
    if job.sequence == "sky_flats":
        _await_window(runner.rig, job.window)
    elif not job.any_roof:
        _await_shut_roof(runner.rig, guard, config.roof)
    return runner.run(job)


def _await_window(rig: Rig, window: Window) -> None:
    """Wait for the twilight; cool in time for it. In one that is on already, no time is spent on cooling."""
    if rig.clock.now() >= window.start:
        return
    rig.journal.say(rig.name, "waiting", f"the window opens at {window.start:%Y-%m-%d %H:%M:%S} UTC")
    rig.patience.pause_long((window.start - PREPARE - rig.clock.now()).total_seconds(), "the twilight")
    rig.cool_for_flats()
    rig.patience.pause_long((window.start - rig.clock.now()).total_seconds(), "the twilight")


def _await_shut_roof(rig: Rig, guard: GuardClient, roof: RoofConfig | None) -> None:
    """Wait until the roof is shut: by the guard, which shuts it when nobody wants it open, or by others."""

    def shut() -> bool:
        report = guard.report()
        if report.fault:
            raise DeviceError(f"{rig.name} needs a shut roof, and {report.why_not_open()}")
        return report.dark

    if roof is None or guard.report().dark:
        return
    ours = roof.mode == "operate"
    what = "shutting the roof" if ours else "a roof that others shut"
    deadline_s = roof.park_deadline_s + roof.move_deadline_s + 60.0 if ours else _UNATTENDED.total_seconds()
    rig.patience.wait(what, shut, deadline_s, poll_s=1.0)
