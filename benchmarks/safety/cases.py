"""What the safety campaign tries: at which step, what goes wrong, and what hangs meanwhile."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import Literal

from simulators import Fault

PARK_DEADLINE_S = 60.0
Roof = Literal["operate", "operate, clears the mounts", "observe"]
Sky = Literal["", "held", "beside flats", "asked for", "found open"]


@dataclass(frozen=True)
class Step:
    """`after_s` after the `nth` time that `device` was told `member`, in `work` of the rig T1.

    Without a member: after the start of the guard. `light`: of exposures, with the shutter open or not.

    `sky`: what else the roof is open for. `held`: observers have it, and every mount, and the rigs' cameras
    are light-tight; `beside flats`: T2 takes sky flats, and T1's camera is light-tight; `asked for`: by
    observers at T1's third exposure, who use the mounts when it is open; `found open`: with mounts on the
    sky, when the guard starts.
    """

    work: str
    name: str
    device: str = ""
    member: str = ""
    after_s: float = 0.0
    nth: int = 1
    light: bool | None = None
    sky: Sky = ""

    @property
    def light_tight(self) -> tuple[str, ...]:
        """The rigs whose cameras are: what they take under an open roof is charged as open."""
        return {"held": ("T1", "T2"), "beside flats": ("T1",)}.get(self.sky, ())


CAMERA, WHEEL, MOUNT, LID = "camera/0", "filterwheel/0", "telescope/0", "covercalibrator/0"
DOME = "dome/0"
STEPS = (
    Step("sky_flats", "start of the guard"),
    Step("sky_flats", "connecting", CAMERA, "connect"),
    Step("sky_flats", "cooling", CAMERA, "cooleron", 5.0),
    Step("sky_flats", "opening", DOME, "openshutter", 6.0),
    Step("sky_flats", "slewing", MOUNT, "slewtoaltazasync", 1.5),
    Step("sky_flats", "probing", CAMERA, "startexposure", 0.2, 1, True),
    Step("sky_flats", "exposing", CAMERA, "startexposure", 0.8, 4, True),
    Step("sky_flats", "downloading", CAMERA, "startexposure", 4.0, 4, True),
    Step("sky_flats", "between frames", CAMERA, "startexposure", 6.0, 5, True),
    Step("sky_flats", "wheel move", WHEEL, "position", 0.3, 2),
    Step("sky_flats", "closing", DOME, "closeshutter", 5.0),
    Step("bias", "bias", CAMERA, "startexposure", 0.1, 3, False),
    Step("darks", "dark", CAMERA, "startexposure", 10.0, 2, False),
    Step("panel_flats", "panel lit", LID, "calibratoron", 1.0),
    Step("panel_flats", "panel flat", CAMERA, "startexposure", 0.5, 3, True),
    Step("idle", "idle between", "", "", 60.0),
    Step("bias", "bias, roof held", CAMERA, "startexposure", 0.1, 3, False, "held"),
    Step("darks", "dark, roof held", CAMERA, "startexposure", 10.0, 2, False, "held"),
    Step("bias", "bias beside flats", CAMERA, "startexposure", 0.1, 3, False, "beside flats"),
    Step("darks", "dark beside flats", CAMERA, "startexposure", 10.0, 2, False, "beside flats"),
    Step("bias", "bias, roof has opened", DOME, "openshutter", 60.0, sky="asked for"),
    Step("darks", "dark, roof opens", DOME, "openshutter", 15.0, sky="asked for"),
    Step("panel_flats", "panel flat, roof has opened", DOME, "openshutter", 60.0, sky="asked for"),
    Step("idle", "idle, roof held", "", "", 120.0, sky="held"),
    Step("idle", "start of the guard, roof open", sky="found open"),
)

SAFETY = "safetymonitor/0"
_UNSAFE = Fault(SAFETY, "issafe", "stuck", value=False)
DANGERS: dict[str, tuple[Fault, ...]] = {
    "unsafe": (_UNSAFE,),
    "refused": (Fault(SAFETY, "*", "refuse"),),
    "hanging": (Fault(SAFETY, "*", "hang"),),
    "error": (Fault(SAFETY, "issafe", "error"),),
    "stale": (Fault("observingconditions/0", "timesincelastupdate", "stuck", value=301.0),),
    "null": (Fault(SAFETY, "issafe", "wrong_type", value=None),),
    "a string": (Fault(SAFETY, "issafe", "wrong_type", value="true"),),
    "a number": (Fault(SAFETY, "issafe", "wrong_type", value=1),),
    "no JSON": (Fault(SAFETY, "issafe", "wrong_json"),),
    "no value": (Fault(SAFETY, "issafe", "missing_key"),),
    "unsafe, a roof that reads closed": (_UNSAFE, Fault(DOME, "shutterstatus", "stuck", value=1)),
    "unsafe, a roof that cannot be read": (_UNSAFE, Fault(DOME, "shutterstatus", "error")),
    "unsafe, mounts that read parked": (_UNSAFE, Fault("telescope/*", "atpark", "stuck", value=True)),
}  # fmt: skip
# What the weather station says from the start: it is about to be too old.
NEARLY_STALE = Fault("observingconditions/0", "timesincelastupdate", "stuck", value=299.9)
HUNG = ("", CAMERA, WHEEL, MOUNT, LID, "telescope/1", DOME, "observingconditions/0")


@dataclass(frozen=True)
class Case:
    """One fault of `DANGERS` at one step, with `hung` (a device, or nothing) silent from then on."""

    step: Step
    danger: str
    hung: str
    roof: Roof
    if_park_fails: Literal["close", "stay_open"]

    def __str__(self) -> str:
        hung = f", {self.hung} hung" if self.hung else ""
        return f"{self.step.work}: {self.step.name}; {self.danger}{hung}; {self.roof}, {self.if_park_fails}"


def all_cases() -> Iterator[Case]:
    """Every case that makes sense: where the roof is not ours, nothing of ours opens or closes."""
    roofs: tuple[Roof, ...] = ("operate", "operate, clears the mounts", "observe")
    for roof, step, danger, hung in product(roofs, STEPS, DANGERS, HUNG):
        if step.device == DOME and roof == "observe" and not step.sky:
            continue
        if danger == "stale" and hung == "observingconditions/0":
            continue
        if step.name.startswith("start of the guard") and danger == "unsafe, a roof that reads closed":
            # A roof that has lied since before the guard began cannot be found out.
            continue
        yield Case(step, danger, hung, roof, "close")
        if roof == "operate":
            yield Case(step, danger, hung, roof, "stay_open")


def sample(every: int) -> list[Case]:
    """One in `every`; a prime number meets all steps, dangers and devices."""
    return list(all_cases())[:: max(1, every)]
