"""What the two rigs do in a case, until it is over."""

from __future__ import annotations

from contextlib import suppress
from datetime import timedelta

from benchmarks.safety.cases import Step
from capture.clock import Signal
from capture.errors import NightcalError
from capture.frame import Kind
from capture.rig.rig import Rig
from capture.site import Window
from sequences.bias import bias
from sequences.darks import darks
from sequences.job import Job, Want
from sequences.panel_flats import panel_flats
from sequences.sky_flats import sky_flats

_SEQUENCES = {"sky_flats": sky_flats, "bias": bias, "darks": darks, "panel_flats": panel_flats}
# Of two filters that makes a twilight's worth; and of bias frames more than a roof takes to open.
_COUNT, _MANY = 5, 200


def t1_works(rig: Rig, step: Step, over: Signal) -> None:
    """T1 does its sequence; one that was broken off is not begun again, and no more is asked of it."""
    if step.work == "idle":
        return
    with suppress(NightcalError):
        rig.connect()
        if step.work == "sky_flats":
            rig.cool()
        specs = {
            "sky_flats": [rig.spec(Kind.FLAT, 0.0, name) for name in ("R", "G")],
            "bias": [rig.spec(Kind.BIAS)],
            "darks": [rig.spec(Kind.DARK, 20.0)],
            "panel_flats": [rig.spec(Kind.FLAT, 0.0, "G")],
        }[step.work]
        now = rig.clock.now()
        count = _COUNT if step.work == "sky_flats" or not step.sky else _MANY
        wants = tuple(Want(spec.set_key(), count) for spec in specs)
        window = Window(now, now + timedelta(minutes=20))
        job = Job(step.work, rig.name, now.date(), window, wants, any_roof=rig.name in step.light_tight)
        for _ in _SEQUENCES[step.work](rig, job):
            if over.is_set():
                return


def t2_works(rig: Rig, step: Step, over: Signal) -> None:
    """T2 stands under the open roof beside it, or takes darks."""
    if step.work == "idle":
        return
    with suppress(NightcalError):
        rig.connect()
        with rig.until(rig.clock.now() + timedelta(minutes=20)):
            if step.work == "sky_flats" or step.sky == "beside flats":
                with rig.ready_for_sky():
                    _expose_until(rig, over, Kind.FLAT, 5.0, "V")
            else:
                with rig.ready_for_dark(any_roof=rig.name in step.light_tight):
                    _expose_until(rig, over, Kind.DARK, 30.0, None)


def _expose_until(rig: Rig, over: Signal, kind: Kind, exposure_s: float, name: str | None) -> None:
    while not over.is_set():
        rig.expose(rig.spec(kind, exposure_s, name))
        rig.patience.pause(5.0, "the next frame")
