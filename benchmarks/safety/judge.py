"""The verdict on a life, by the simulators' command log and the world alone; all times simulated seconds."""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.safety.cases import PARK_DEADLINE_S
from benchmarks.safety.life import DUSK, Life, Sight
from simulators.device import Command

PROMISE_S = 10.0
# So long a roof that reads closed must say so before it is disbelieved and told to close.
_DWELL_S = 4.0
# Shorter exposures with a shut shutter are bias frames, which a little light does not spoil.
_DARK_S = 1.0


@dataclass(frozen=True)
class Verdict:
    """What came of one case. A latency is None where nothing was due, and infinite where it never came."""

    case: str
    reached: bool
    park_s: float | None = None
    close_s: float | None = None
    abort_s: float | None = None
    violations: tuple[str, ...] = ()


def judge(life: Life) -> Verdict:
    """Judge one life."""
    if life.danger_s is None:
        return Verdict(str(life.case), reached=False)
    told = [(_at_s(c), c) for c in life.commands if _at_s(c) <= life.until_s]
    park_s = _park_s(life, told, life.danger_s)
    close_s = _close_s(life, told, life.danger_s)
    abort_s = _abort_s(life, told, life.danger_s)
    wrong = [
        f"{what} after {took_s:.1f} s"
        for what, took_s in (("park", park_s), ("close", close_s), ("abort", abort_s))
        if took_s is not None and took_s > PROMISE_S
    ]
    wrong += _opened(life, told, life.danger_s) + _darks(life, told) + _lit(told, life.until_s)
    wrong += _collisions(life) + ([] if life.guarded else ["the guard did not begin"])
    return Verdict(str(life.case), True, park_s, close_s, abort_s, tuple(wrong))


def _at_s(command: Command) -> float:
    return (command.time - DUSK).total_seconds()


def _seen(life: Life, at_s: float) -> Sight:
    return next((sight for sight in reversed(life.sights) if sight.at_s <= at_s), life.sights[0])


def _first(told: list[tuple[float, Command]], from_s: float, device: str, member: str) -> float:
    times = [at for at, c in told if at >= from_s and (c.device, c.member) == (device, member)]
    return min(times, default=float("inf"))


def _roof_sent_to(told: list[tuple[float, Command]], before_s: float) -> str:
    orders = [
        c.member for at, c in told
        if at < before_s and c.device == "dome/0" and c.member in ("openshutter", "closeshutter")
    ]  # fmt: skip
    return orders[-1] if orders else ""


def _is_open(life: Life, told: list[tuple[float, Command]], danger_s: float) -> bool:
    """Whether the roof is open or on its way there: else nothing is due."""
    sent_to = _roof_sent_to(told, danger_s)
    return sent_to == "openshutter" or (not sent_to and _seen(life, danger_s).opening > 0)


def _park_s(life: Life, told: list[tuple[float, Command]], danger_s: float) -> float | None:
    """The last mount's wait for its order to park."""
    if not _is_open(life, told, danger_s) or _two_are_silent(life):
        return None
    return max(_first(told, danger_s, f"telescope/{n}", "park") for n in (0, 1)) - danger_s


def _two_are_silent(life: Life) -> bool:
    """A roof that hangs, and no word from the safety devices: two faults, for which 10 s is no promise."""
    return life.case.hung == "dome/0" and not life.case.danger.startswith(("unsafe", "stale"))


def _close_s(life: Life, told: list[tuple[float, Command]], danger_s: float) -> float | None:
    """How long after its time the roof was told to close; that it must wait longer is not held against it."""
    case = life.case
    # A roof that hangs or belongs to others cannot be held to it.
    if case.roof == "observe" or case.hung == "dome/0" or not _is_open(life, told, danger_s):
        return None
    closed_s = _first(told, danger_s, "dome/0", "closeshutter")
    if case.roof == "operate, clears the mounts":
        dwell_s = _DWELL_S if case.danger.endswith("reads closed") else 0.0
        return max(0.0, closed_s - danger_s - dwell_s)
    if case.hung.startswith("telescope"):
        if case.if_park_fails == "stay_open":
            return None
        due_s = max(_first(told, danger_s, f"telescope/{n}", "park") for n in (0, 1)) + PARK_DEADLINE_S
    else:
        due_s = next((s.at_s for s in life.sights if s.at_s >= danger_s and all(s.parked)), float("inf"))
        due_s = min(due_s, danger_s + PROMISE_S + PARK_DEADLINE_S)
    return max(0.0, closed_s - due_s)


def _exposures(told: list[tuple[float, Command]]) -> list[tuple[int, bool, float, float]]:
    """(rig, whether the shutter opens, begin, end), the end by the clock or by an abort."""
    found = []
    for at, command in told:
        kind, _, number = command.device.partition("/")
        if kind == "camera" and command.member == "startexposure" and not command.error:
            ends = [_first(told, at, command.device, how) for how in ("abortexposure", "stopexposure")]
            end = min(at + float(command.parameters["Duration"]), *ends)
            found.append((int(number), command.parameters["Light"] == "True", at, end))
    return found


def _abort_s(life: Life, told: list[tuple[float, Command]], danger_s: float) -> float | None:
    """How long the sky was still exposed on, by cameras that answer; a panel's light is no sky."""
    if _two_are_silent(life) or not _is_open(life, told, danger_s):
        return None
    covered = {0} if life.case.step.work == "panel_flats" else set()
    ends = [
        end - danger_s for rig, light, _, end in _exposures(told)
        if light and end > danger_s and life.case.hung != f"camera/{rig}" and rig not in covered
    ]  # fmt: skip
    return max(ends, default=0.0)


def _opened(life: Life, told: list[tuple[float, Command]], danger_s: float) -> list[str]:
    # What is silent or senseless once keeps its last word: it is danger when the promise's time is over.
    from_s = danger_s if life.case.danger.startswith("unsafe") else danger_s + PROMISE_S
    return [
        f"the roof was told to open {at - danger_s:.1f} s after the danger"
        for at, c in told
        if (c.device, c.member) == ("dome/0", "openshutter") and at > from_s
    ]


def _darks(life: Life, told: list[tuple[float, Command]]) -> list[str]:
    """Darks of cameras that are not light-tight, begun under an open roof or not ended when it opened."""
    # Where others open it in mid-exposure, the rig sees it within a poll, and keeps nothing of it.
    late_s = PROMISE_S if life.case.step.sky == "asked for" else 0.0
    return [
        f"T{rig + 1} took a dark under an open roof at {begin:.0f} s"
        for rig, light, begin, end in _exposures(told)
        if not light and end - begin >= _DARK_S and f"T{rig + 1}" not in life.case.step.light_tight
        and (_seen(life, begin).opening > 0 or any(
            sight.opening > 0 for sight in life.sights if begin < sight.at_s < end - late_s
        ))
    ]  # fmt: skip


def _lit(told: list[tuple[float, Command]], until_s: float) -> list[str]:
    """Panels that were lit while the neighbour took a dark or exposed on the sky."""
    wrong = []
    for at, command in told:
        if command.member != "calibratoron" or command.error:
            continue
        out_s = min(_first(told, at, command.device, "calibratoroff"), until_s)
        rig = int(command.device.partition("/")[2])
        wrong += [
            f"the panel of T{rig + 1} was lit at {at:.0f} s while T{other + 1} "
            + ("exposed" if light else "took a dark")
            for other, light, begin, end in _exposures(told)
            if other != rig and begin < out_s and end > at
        ]
    return wrong


def _collisions(life: Life) -> list[str]:
    """Closing onto a mount that answers nothing is what the config asked for; all else is not."""
    if life.case.if_park_fails == "close" and life.case.hung.startswith("telescope"):
        return []
    return [f"the roof moved over an unparked mount at {at:.0f} s" for at in life.collisions_s]
