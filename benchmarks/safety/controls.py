"""Guards and rigs that lack one rule each: the campaign must notice, or it proves nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from unittest.mock import patch

from benchmarks.safety.cases import STEPS, Case
from capture.guard import parking, safety
from capture.guard.client import RoofState
from capture.guard.parking import Parking
from capture.guard.safety import Safety
from capture.guard.shutter import Shutter
from capture.rig.interlock import Interlock
from capture.rig.roof import RoofAccess

Patch = Callable[[], AbstractContextManager[object]]
_read, _order, _begin = Safety.read, Shutter.order, Parking.begin
# Words of danger that a forgetful guard hears before it takes the sky for safe again.
_HEARD = 20


def _takes_silence_for_safety(self: Safety) -> tuple[str, ...]:
    return tuple(word for word in _read(self) if not word.startswith("no answer"))


def _hears_of_danger_for_a_while(self: Safety) -> tuple[str, ...]:
    reasons = _read(self)
    heard = getattr(self, "heard", 0) + bool(reasons)
    self.heard = heard
    return reasons if heard < _HEARD else ()


def _permits_all() -> AbstractContextManager[object]:
    stack = ExitStack()
    for want in ("light", "darkness"):
        stack.enter_context(patch.object(Interlock, want, lambda *_: nullcontext()))
    return stack


def _heeds_no_roof() -> AbstractContextManager[object]:
    stack = ExitStack()
    stack.enter_context(patch.object(RoofAccess, "require_shut", lambda _: None))
    stack.enter_context(patch.object(RoofAccess, "leaves_s", lambda _: float("inf")))
    return stack


def _order_unless_shut(self: Shutter, state: RoofState) -> None:
    if state is not RoofState.SHUT:
        _order(self, state)


def _parks_before_opening_only(self: Parking, why: str) -> None:
    if "opens" in why:
        _begin(self, why)


def _owes_nothing() -> AbstractContextManager[object]:
    return patch.object(Shutter, "owes_close", property(lambda _: False, lambda _, __: None), create=True)


def _exposing(danger: str, hung: str = "") -> Case:
    return _at("exposing", danger, hung)


def _at(name: str, danger: str = "unsafe", hung: str = "") -> Case:
    step = next(step for step in STEPS if step.name == name)
    return Case(step, danger, hung, "operate", "close")


# The rule that is missing, how it is taken out, and a case that must show it.
CONTROLS: dict[str, tuple[Patch, Case]] = {
    "hears of danger": (
        lambda: patch.object(Safety, "read", lambda _: ()), _exposing("unsafe"),
    ),
    "silence is danger": (
        lambda: patch.object(Safety, "read", _takes_silence_for_safety), _exposing("hanging"),
    ),
    "no plain yes is danger": (
        lambda: patch.object(Safety, "read", _takes_silence_for_safety), _exposing("no value"),
    ),
    "old weather is danger": (lambda: patch.object(safety, "OLDEST_WEATHER_S", 1e9), _exposing("stale")),
    "parks the mounts": (
        lambda: patch.object(Parking, "begin", _parks_before_opening_only),
        _exposing("unsafe"),
    ),
    "waits for the park": (lambda: patch.object(Parking, "is_done", lambda _: True), _exposing("unsafe")),
    "waits no longer than the park's deadline": (
        lambda: patch.object(Parking, "is_overdue", lambda _: False), _exposing("unsafe", "telescope/1"),
    ),
    "AtPark alone is not believed": (
        lambda: patch.object(parking, "optional", lambda _: None),
        _exposing("unsafe, mounts that read parked"),
    ),
    "a roof that was opened is closed whatever it says": (
        _owes_nothing, _exposing("unsafe, a roof that reads closed"),
    ),
    "danger lasts": (
        lambda: patch.object(Safety, "read", _hears_of_danger_for_a_while), _at("dark, roof held"),
    ),
    "no panel beside darks": (_permits_all, _at("panel lit")),
    "no darks under an open roof": (_heeds_no_roof, _at("dark, roof opens")),
    "closes": (lambda: patch.object(Shutter, "order", _order_unless_shut), _exposing("unsafe")),
}  # fmt: skip


@contextmanager
def without(rule: str | None) -> Iterator[None]:
    """The guard of this process lacks a rule of `CONTROLS` meanwhile; with None it has them all."""
    if rule is None:
        yield
        return
    with CONTROLS[rule][0]():
        yield
