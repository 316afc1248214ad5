"""One case lived through in simulated time."""

from __future__ import annotations

from contextlib import ExitStack, suppress
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from benchmarks.safety.cases import DANGERS, NEARLY_STALE, PARK_DEADLINE_S, Case, Step
from benchmarks.safety.life import DUSK, Life, Sight
from benchmarks.safety.people import People
from benchmarks.safety.work import t1_works, t2_works
from capture.clock import Signal, SimulatedClock
from capture.config import Config, PanelConfig, parse_config
from capture.errors import NightcalError
from capture.guard.wiring import guarding
from capture.journal import Journal
from capture.rig.interlock import Interlock
from capture.rig.rig import Rig
from simulators import Fault, Observatory, demo_settings, serve
from simulators.device import Command

_LOOK_EVERY_S = 0.25
_LONGEST_S = 1500.0
# The park's deadline, the roof's way, and the promise on top.
FOLLOWED_S = PARK_DEADLINE_S + 60.0

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
    step, over, journal = life.case.step, clock.signal(), Journal(clock)
    people = People(life.case, clock, observatory, life)
    people.before_the_guard()
    begun_s = clock.monotonic()
    watching = clock.spawn(lambda: _watch(clock, observatory, life, begun_s, over), "watching", rank=60)
    mounts = {rig.name: rig.telescope for rig in config.rig if rig.telescope}
    with ExitStack() as stack:
        workers = []
        with suppress(NightcalError):
            guard = stack.enter_context(guarding(config.roof, mounts, config.timeouts, clock, journal))
            life.guarded = True
            people.before_the_rigs(guard)
            workers.append(clock.spawn(lambda: people.live(guard, over), "people", rank=30))
            interlock = Interlock()
            panel = PanelConfig(max_exposure_s=20.0)
            for rig_config, works in zip(config.rig, (t1_works, t2_works), strict=True):
                rig = Rig(
                    rig_config.model_copy(update={"panel": panel}), config.site.site(), guard, clock,
                    journal, interlock=interlock,
                )  # fmt: skip
                stack.callback(rig.disconnect)
                workers.append(clock.spawn(lambda do=works, rig=rig: do(rig, step, over), rig.name, rank=20))
        over.wait(_LONGEST_S)
        life.until_s = clock.monotonic()
        over.set()
        observatory.faults.clear()
        for worker in workers:
            worker.join()
        watching.join()


def _watch(clock: SimulatedClock, observatory: Observatory, life: Life, begun_s: float, over: Signal) -> None:
    world, strike_s = observatory.world, None
    while not over.is_set():
        now_s, world_s = clock.monotonic(), world.now_s()
        parked = tuple(rig.mount.parked(world_s) for rig in world.rigs)
        life.sights.append(Sight(world_s - DUSK.timestamp(), world.roof.opening.value(world_s), parked))
        if strike_s is None:
            reached_s = _reached_s(life.case.step, observatory.command_log, begun_s)
            strike_s = None if reached_s is None else reached_s + life.case.step.after_s
        if life.danger_s is None and strike_s is not None and world_s - DUSK.timestamp() >= strike_s:
            life.danger_s = world_s - DUSK.timestamp()
            _strike(observatory, life.case)
        if life.danger_s is not None and world_s - DUSK.timestamp() > life.danger_s + FOLLOWED_S:
            over.set()
        clock.sleep(max(0.01, _LOOK_EVERY_S - (clock.monotonic() - now_s)))


def _reached_s(step: Step, log: list[Command], begun_s: float) -> float | None:
    if not step.member:
        return begun_s
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
