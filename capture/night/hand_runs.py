"""Runs that a person asks for: what is wanted, as jobs, and the waiting for sky or roof before them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from capture.config import Config, RigConfig, RoofConfig
from capture.errors import BadInput, DeviceError, NoWindow
from capture.frame import Kind
from capture.guard.client import GuardClient
from capture.night.needs import chosen_filters
from capture.night.plan import PREPARE
from capture.night.run import Outcome, Runner
from capture.rig.rig import Rig
from capture.site import Site, Twilight, Window
from sequences.job import Job, Want

_UNATTENDED = timedelta(days=30)
_SEQUENCES = ("sky_flats", "panel_flats", "bias", "darks")
_MOST_FRAMES = 1000
_LONGEST_EXPOSURE_S = 7200.0


@dataclass(frozen=True)
class HandRun:
    """One sequence that a person wants now. What is left out (empty, None) is the config's.

    `who` asked, and `why`, for those who read it later.
    """

    sequence: str
    filters: tuple[str, ...] = ()
    exposures_s: tuple[float, ...] = ()
    count: int | None = None
    who: str = "unknown"
    why: str = ""

    def __post_init__(self) -> None:
        """Raises BadInput for what no rig can do."""
        if self.sequence not in _SEQUENCES:
            raise BadInput(
                f"there is no sequence {self.sequence!r} to run; there are {', '.join(_SEQUENCES)}"
            )
        if self.count is not None and not 1 <= self.count <= _MOST_FRAMES:
            raise BadInput(f"{self.count} frames of each set: it must be from 1 to {_MOST_FRAMES}")
        for exposure_s in self.exposures_s:
            if not (math.isfinite(exposure_s) and 0 < exposure_s <= _LONGEST_EXPOSURE_S):
                raise BadInput(f"an exposure of {exposure_s} s: it must be above 0 and at most 7200 s")
        if self.filters and not self.sequence.endswith("flats"):
            raise BadInput(f"{self.sequence} have no filters; leave them out")
        if self.exposures_s and self.sequence != "darks":
            raise BadInput(f"{self.sequence} choose their exposures themselves; leave them out")

    @classmethod
    def of(cls, data: Mapping[str, object]) -> HandRun:
        """From what JSON told. Raises BadInput, KeyError, TypeError, ValueError."""
        filters, exposures_s, count = (data.get(key) for key in ("filters", "exposures_s", "count"))
        if not isinstance(filters or [], list) or not isinstance(exposures_s or [], list):
            raise TypeError("filters and exposures_s are lists")
        return cls(
            str(data["sequence"]),
            tuple(str(name) for name in filters or []),  # type: ignore[attr-defined]
            tuple(float(s) for s in exposures_s or []),  # type: ignore[attr-defined]
            None if count is None else int(str(count)),
            str(data.get("who", "unknown")),
            str(data.get("why", "")),
        )

    def __str__(self) -> str:
        parts = [self.sequence, *self.filters, *(f"{s:g} s" for s in self.exposures_s)]
        return " ".join(parts) + (f" x{self.count}" if self.count else "")


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


def job_of(run: HandRun, runner: Runner) -> Job:
    """What is asked for, as a job on this connected rig. Raises BadInput, NoWindow."""
    rig = runner.rig
    site, now, config = rig.site, rig.clock.now(), rig.config
    night = site.night_of(now)
    unattended = Window(now, now + _UNATTENDED)
    if run.sequence in ("bias", "darks"):
        kind = Kind.BIAS if run.sequence == "bias" else Kind.DARK
        usual = config.bias.count if kind is Kind.BIAS else config.darks.count
        exposures_s = (0.0,) if kind is Kind.BIAS else run.exposures_s or config.darks.exposures_s
        wants = tuple(Want(rig.spec(kind, s), run.count or usual) for s in exposures_s)
        job = runner.dark_job(run.sequence, unattended, wants, night)
        return replace(job, any_roof=config.darks.light_tight)
    if run.filters:
        config = config.model_copy(update={"flats": config.flats.model_copy(update={"filters": run.filters})})
    panel = config.panel if run.sequence == "panel_flats" and not run.filters else None
    wants = tuple(
        Want(rig.spec(Kind.FLAT, 0.0, name).set_key(), run.count or config.flats.count)
        for name in chosen_filters(config, rig.filters)
        if panel is None or panel.lights(name)
    )
    if not wants:
        raise BadInput(f"[rig.panel] of {config.name} names none of its filters; use --filters")
    window = next_twilight(site, now, config) if run.sequence == "sky_flats" else unattended
    return runner.job_of(run.sequence, window, wants, night)


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
