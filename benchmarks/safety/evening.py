"""One case lived through in simulated time, and all that can be judged of it."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

from benchmarks.safety.cases import DANGERS, NEARLY_STALE, PARK_DEADLINE_S, Case, Step
from capture.clock import Signal, SimulatedClock
from capture.config import Config, PanelConfig, parse_config
from capture.errors import NightcalError
from capture.frame import Kind
from capture.guard.wiring import guarding
from capture.journal import Journal
from capture.rig.interlock import Interlock
from capture.rig.rig import Rig
from capture.site import Window
from sequences.bias import bias
from sequences.darks import darks
from sequences.job import Job, Want
from sequences.panel_flats import panel_flats
from sequences.sky_flats import sky_flats
from simulators import Fault, Observatory, demo_settings, serve
from simulators.device import Command

DUSK = datetime(2026, 11, 22, 0, 20, tzinfo=UTC)
_LOOK_EVERY_S = 0.25
_LONGEST_S = 1500.0
# The park's deadline, the roof's way, and the promise on top.
FOLLOWED_S = PARK_DEADLINE_S + 60.0
_SEQUENCES = {"sky_flats": sky_flats, "bias": bias, "darks": darks, "panel_flats": panel_flats}

_RIG = """
[[rig]]
name = "T{number}"
camera = "{server}/{index}"
filter_wheel = "{server}/{index}"
telescope = "{server}/{index}"
cover_calibrator = "{server}/{index}"
cooling = {{ set_temperature_c = 0.0 }}
"""
_SITE = """
[site]
name = "Campaign"
latitude_deg = 32.9
longitude_deg = -105.5
elevation_m = 2225.0
time_zone = "America/Denver"
[storage]
folder = "nowhere"
[roof]
dome = "{server}/0"
mode = "{mode}"
clears_mounts = {clears}
if_park_fails = "{if_park_fails}"
park_deadline_s = {deadline_s}
safety_monitors = ["{server}/0"]
observing_conditions = "{server}/0"
reopen_after_s = 0.0
"""


@dataclass(frozen=True)
class Sight:
    """The world at `at_s` (simulated seconds from the start): how far open the roof is, who is parked."""

    at_s: float
    opening: float
    parked: tuple[bool, ...]


@dataclass
class Life:
    """What was told and seen. `danger_s`: when it went wrong, None when the step was never reached.

    `guarded`: whether the guard could begin; it does not without its roof and safety devices.
    """

    case: Case
    guarded: bool = False
    danger_s: float | None = None
    until_s: float = 0.0
    commands: list[Command] = field(default_factory=list)
    sights: list[Sight] = field(default_factory=list)
    # When the roof moved while a mount was not parked.
    collisions_s: list[float] = field(default_factory=list)


def live(case: Case) -> Life:
    """Live through `case`."""
    clock = SimulatedClock(DUSK, horizon=timedelta(days=1))
    clears = case.roof == "operate, clears the mounts"
    demo = demo_settings(seed=7, width_px=64, height_px=64)
    observatory = Observatory(clock, replace(demo, roof=replace(demo.roof, clears_mounts=clears)))
    observatory.faults.add(NEARLY_STALE)
    life = Life(case, commands=observatory.command_log)
    mode = "observe" if case.roof == "observe" else "operate"
    with serve(observatory) as server:
        text = _SITE.format(
            server=server.address, mode=mode, clears=str(clears).lower(),
            if_park_fails=case.if_park_fails, deadline_s=PARK_DEADLINE_S,
        )  # fmt: skip
        text += "".join(_RIG.format(server=server.address, number=n, index=n - 1) for n in (1, 2))
        config = parse_config(text, Path("nowhere") / "nightcal.toml")
        clock.run(lambda: _live(config, clock, observatory, life))
    life.collisions_s = [hit.time - DUSK.timestamp() for hit in observatory.world.collisions]
    return life


def _live(config: Config, clock: SimulatedClock, observatory: Observatory, life: Life) -> None:
    assert config.roof is not None
    case, over, journal = life.case, clock.signal(), Journal(clock)
    if case.roof == "observe":
        dome = observatory.devices["dome", 0]
        dome.connected = True
        if case.step.work == "sky_flats":
            dome.call("put", "openshutter", {})
            clock.sleep(60.0)
    watching = clock.spawn(lambda: _watch(clock, observatory, life, over), "watching", rank=60)
    mounts = {rig.name: rig.telescope for rig in config.rig if rig.telescope}
    with ExitStack() as stack:
        workers = []
        # A guard that cannot begin opens nothing: that is judged, too.
        with suppress(NightcalError):
            guard = stack.enter_context(guarding(config.roof, mounts, config.timeouts, clock, journal))
            life.guarded = True
            interlock = Interlock()
            panel = PanelConfig(max_exposure_s=20.0)
            for number, rig_config in enumerate(config.rig):
                rig = Rig(
                    rig_config.model_copy(update={"panel": panel}), config.site.site(), guard, clock,
                    journal, interlock=interlock,
                )  # fmt: skip
                stack.callback(rig.disconnect)
                work = _first if number == 0 else _second
                workers.append(
                    clock.spawn(lambda do=work, rig=rig: do(rig, case.step.work, over), rig.name, rank=20)
                )
        over.wait(_LONGEST_S)
        life.until_s = clock.monotonic()
        over.set()
        observatory.faults.clear()
        for worker in workers:
            worker.join()
        watching.join()


def _first(rig: Rig, work: str, over: Signal) -> None:
    """T1 does its sequence; one that was broken off is not begun again, and no more is asked of it."""
    if work == "idle":
        return
    with suppress(NightcalError):
        rig.connect()
        if work == "sky_flats":
            rig.cool()
        specs = {
            "sky_flats": [rig.spec(Kind.FLAT, 0.0, name) for name in ("R", "G")],
            "bias": [rig.spec(Kind.BIAS)],
            "darks": [rig.spec(Kind.DARK, 20.0)],
            "panel_flats": [rig.spec(Kind.FLAT, 0.0, "G")],
        }[work]
        now = rig.clock.now()
        wants = tuple(Want(spec.set_key(), 5) for spec in specs)
        job = Job(work, rig.name, now.date(), Window(now, now + timedelta(minutes=20)), wants)
        for _ in _SEQUENCES[work](rig, job):
            if over.is_set():
                return


def _second(rig: Rig, work: str, over: Signal) -> None:
    """T2 stands under the open roof beside it, or takes darks."""
    if work == "idle":
        return
    with suppress(NightcalError):
        rig.connect()
        with rig.until(rig.clock.now() + timedelta(minutes=20)):
            if work == "sky_flats":
                with rig.ready_for_sky():
                    _expose_until(rig, over, Kind.FLAT, 5.0, "V")
            else:
                with rig.ready_for_dark():
                    _expose_until(rig, over, Kind.DARK, 30.0, None)


def _expose_until(rig: Rig, over: Signal, kind: Kind, exposure_s: float, name: str | None) -> None:
    while not over.is_set():
        rig.expose(rig.spec(kind, exposure_s, name))
        rig.patience.pause(5.0, "the next frame")


def _watch(clock: SimulatedClock, observatory: Observatory, life: Life, over: Signal) -> None:
    world, strike_s = observatory.world, None
    while not over.is_set():
        now_s, world_s = clock.monotonic(), world.now_s()
        parked = tuple(rig.mount.parked(world_s) for rig in world.rigs)
        life.sights.append(Sight(world_s - DUSK.timestamp(), world.roof.opening.value(world_s), parked))
        if strike_s is None:
            begun_s = _reached_s(life.case.step, observatory.command_log)
            strike_s = None if begun_s is None else begun_s + life.case.step.after_s
        if life.danger_s is None and strike_s is not None and world_s - DUSK.timestamp() >= strike_s:
            life.danger_s = world_s - DUSK.timestamp()
            _strike(observatory, life.case)
        if life.danger_s is not None and world_s - DUSK.timestamp() > life.danger_s + FOLLOWED_S:
            over.set()
        clock.sleep(max(0.01, _LOOK_EVERY_S - (clock.monotonic() - now_s)))


def _reached_s(step: Step, log: list[Command]) -> float | None:
    if not step.member:
        return 0.0
    hits = [
        command for command in log
        if (command.device, command.member) == (step.device, step.member)
        and (step.light is None or (command.parameters.get("Light") == "True") is step.light)
    ]  # fmt: skip
    return (hits[step.nth - 1].time - DUSK).total_seconds() if len(hits) >= step.nth else None


def _strike(observatory: Observatory, case: Case) -> None:
    hung = (Fault(case.hung, "*", "hang"),) if case.hung else ()
    still = () if case.danger == "stale" else (NEARLY_STALE,)
    observatory.faults.replace((*DANGERS[case.danger], *hung, *still))
