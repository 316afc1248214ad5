"""What operators ask of the service: one typed request for each thing, by page or by the API alike."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

from pydantic import BaseModel, ConfigDict, Field

from capture.frame import Kind
from capture.members import asking
from capture.members.roles import Action
from capture.night.hand_runs import HandRun
from capture.store.events import EventKind
from capture.web.desk import Desk

Why = Annotated[str, Field(min_length=3, max_length=300, description="Why, for those who read it later.")]
Rig = Annotated[str, Field(min_length=1, max_length=100)]


class Ask(BaseModel):
    """The least that is asked with everything: why. Who asks is known."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    action: ClassVar[Action]
    what: ClassVar[str]
    why: Why

    def told(self) -> dict[str, object]:
        """What the service's door is asked with. Raises BadInput for what no rig can do."""
        return self.model_dump(mode="json", exclude={"why"})


class PauseAsk(Ask):
    """These rigs, all if none is named, begin no new work; what runs ends in good order."""

    action: ClassVar = Action.STOP_RIG
    what: ClassVar = "pause"
    rigs: tuple[Rig, ...] = ()


class ResumeAsk(PauseAsk):
    """These rigs work again, all if none is named."""

    what: ClassVar = "resume"


class StopAsk(Ask):
    """The whole service ends in good order, and is not started again."""

    action: ClassVar = Action.STOP_RIG
    what: ClassVar = "stop"


class RunAsk(Ask):
    """One sequence by hand. What is left out is the config's. `count`: frames of each set.

    `temperature_c`: the set point, for bias and darks. `plan`: for sky flats, ACP's lines of count, filter,
    binning.
    """

    action: ClassVar = Action.RUN_SEQUENCE
    what: ClassVar = "run"
    rig: Rig
    sequence: Literal["bias", "darks", "sky_flats", "panel_flats"]
    filters: Annotated[tuple[Rig, ...], Field(max_length=20)] = ()
    exposures_s: Annotated[tuple[float, ...], Field(max_length=20)] = ()
    count: Annotated[int | None, Field(ge=1, le=1000)] = None
    binning: Annotated[int | None, Field(ge=1, le=8)] = None
    gain: Annotated[int | None, Field(ge=0, le=100_000)] = None
    temperature_c: Annotated[float | None, Field(allow_inf_nan=False, ge=-100, le=40)] = None
    plan: Annotated[str, Field(max_length=5000)] = ""

    def hand_run(self) -> HandRun:
        """As the night knows it. Raises BadInput."""
        return HandRun.of(self.model_dump(mode="json"))

    def told(self) -> dict[str, object]:
        return {"rig": self.rig} | self.hand_run().told()


class OrderAsk(Ask):
    """Tonight's flats that come first, as `Ha, OIII x20, L`; an empty order takes it back."""

    action: ClassVar = Action.ORDER_FLATS
    what: ClassVar = "order"
    rig: Rig
    flats: Annotated[str, Field(max_length=300)] = ""


class EventAsk(Ask):
    """What a hand did: frames that it concerns, from before it, count no more. `at`: local time, else now."""

    action: ClassVar = Action.TELL_EVENT
    what: ClassVar = "event"
    rig: Rig
    kind: EventKind
    filters: Annotated[str, Field(max_length=300)] = ""
    at: Annotated[str, Field(max_length=40)] = ""

    def told(self) -> dict[str, object]:
        return super().told() | {"note": self.why}


class SetAsideAsk(Ask):
    """Good frames of these kinds, taken from `since` on (local time of the site), count no longer."""

    action: ClassVar = Action.SET_ASIDE
    what: ClassVar = "set_aside"
    rig: Rig
    kinds: Annotated[tuple[Kind, ...], Field(min_length=1, max_length=3)]
    since: Annotated[str, Field(min_length=1, max_length=40)]

    def told(self) -> dict[str, object]:
        return super().told() | {"kinds": ",".join(self.kinds)}


class ReleaseAsk(Ask):
    """Frames that are set aside count again, and the masters that were withdrawn for them.

    `frames`: names of files separated by commas, or the time when they were set aside, as
    2026-11-21T16:30:05Z, for all of then.
    """

    action: ClassVar = Action.SET_ASIDE
    what: ClassVar = "release"
    rig: Rig
    frames: Annotated[str, Field(min_length=1, max_length=2000)]


class ResetGuardAsk(Ask):
    """Forget the roof's fault, after somebody has looked at the roof."""

    action: ClassVar = Action.RESET_GUARD
    what: ClassVar = "reset_guard"


class MemberAsk(BaseModel):
    """Bias or darks for a member; an exposure of 0 s is a bias. What is left out is the rig's."""

    model_config = ConfigDict(extra="forbid", str_strip_whitespace=True)
    rig: Rig
    kind: Literal["bias", "dark", "flat"] = "dark"
    exposure_s: Annotated[float, Field(allow_inf_nan=False)] = 0.0
    count: int
    binning: int | None = None
    gain: int | None = None
    temperature_c: Annotated[float | None, Field(allow_inf_nan=False)] = None
    master: bool = False

    def ask(self) -> asking.Ask:
        """As members' rules know it."""
        return asking.Ask(**self.model_dump())


def carried_out(desk: Desk, ask: Ask, who: str) -> str:
    """Ask the service; what it says came of it. Raises BadInput, NoService."""
    answer = desk.link.ask(ask.what, who=who, why=ask.why, **ask.told())
    desk.kept.forget()
    if "recorded" in answer:
        return "; ".join(text for _, text in answer["recorded"])
    if "paused" in answer:
        paused = ", ".join(answer["paused"])
        return f"paused: {paused}" if paused else "no rig is paused"
    return str(answer["told"])
