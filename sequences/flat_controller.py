"""Which filter next, and how long? Closed loop over a changing sky. Pure: no I/O, no clock, no device.

A loop drives it: `next(now)` returns an action, `observe(measurement)` takes what came of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from copy import copy, deepcopy
from datetime import UTC, datetime
from math import log

from capture.errors import BadInput
from capture.site import Window
from sequences.flat_actions import Action, Expose, FlatSettings, Measurement, Probe, Stop, Wait
from sequences.flat_aim import aim, is_look_worth_it, probe_exposure_s
from sequences.flat_learning import FAINTEST_ADU, Learned, learned_from, learned_of, model_from, take_in
from sequences.flat_pace import Pace
from sequences.flat_planner import Plan, best_plan
from sequences.flat_prospect import Prospect, prospect
from sequences.sky_model import Belief
from sequences.sun_track import SunTrack

__all__ = [
    "Action", "Expose", "FlatController", "FlatSettings", "Learned", "Measurement", "Probe", "Stop", "Wait",
    "learned_from",
]  # fmt: skip

_LOOK_EVERY_S = 20.0
# Surer than this, a look while waiting tells nothing that the first frame will not.
_SURE = 0.03
# A filter whose name says nothing is looked at once before any order is made.
_UNKNOWN = 1.0
_DOUBTS = 2.0
_SOON_S = 0.5
# A throughput less sure than the first is worth a look in idle time if that may show anything; less than the
# second, if it may show it to a hundredth.
_STRANGE, _DOUBTED, _READABLE = 0.2, 0.08, 0.3
_CLEAR_ADU = 300.0


class FlatController:
    """Decides for one twilight.

    `wanted`: how many good frames by filter, in the operator's order, the one wanted most first. `window` is
    when flats may be taken, `sun_altitude_deg` the Sun's altitude at an aware datetime, `learned` what
    earlier twilights taught. Raises BadInput when these cannot be used.
    """

    def __init__(
        self,
        wanted: Mapping[str, int],
        settings: FlatSettings,
        window: Window,
        sun_altitude_deg: Callable[[datetime], float],
        learned: Learned | None = None,
    ) -> None:
        _check(wanted, window)
        self._filters = tuple(wanted)
        self._left = {name: count for name, count in wanted.items() if count > 0}
        self._settings = settings
        self._window = window
        self._sun = SunTrack(window, sun_altitude_deg)
        self._end_s = window.end.timestamp()
        self._before = learned or Learned()
        self._model = model_from(self._before, self._filters, self._sun, window.start, settings)
        self._pace = Pace(settings)
        self._looked_s: dict[str, float] = {}
        self._seen: dict[str, datetime] = {}

    @property
    def left(self) -> dict[str, int]:
        """How many good frames each unfinished filter still wants."""
        return dict(self._left)

    @property
    def learned(self) -> Learned:
        """What was learned up to now, for the next twilight."""
        return learned_of(self._before, self._model, self._seen)

    def foreseen(self, filter_name: str, started: datetime, exposure_s: float) -> Belief:
        """The belief in ln of the level, ADU above bias, of a frame that starts after those observed."""
        return self._model.foresee(filter_name, started.timestamp(), exposure_s)

    def next(self, now: datetime) -> Action:
        """What to do at `now` (aware)."""
        now_s = now.timestamp()
        self._pace.asked_at(now_s)
        action = self._decided(now, now_s)
        if isinstance(action, Expose | Probe):
            self._pace.told(action, now_s)
        return action

    def next_if_good(self, action: Expose, opens: datetime, then: datetime) -> Action:
        """What `next(then)` will say if `action`'s frame, begun at `opens`, comes out as aimed.

        For a loop that sends the wheel ahead during the download; another loop need not ask. Nothing is
        learned by it, nor promised.
        """
        rehearsal = copy(self)
        rehearsal._model, rehearsal._pace = copy(self._model), deepcopy(self._pace)
        rehearsal._left, rehearsal._looked_s, rehearsal._seen = (
            dict(self._left), dict(self._looked_s), dict(self._seen),
        )  # fmt: skip
        aimed = Measurement(
            action.filter, action.exposure_s, opens, self._settings.target_adu, 0.0, counted=True
        )
        rehearsal.observe(aimed)
        return rehearsal.next(then)

    def observe(self, measurement: Measurement) -> None:
        """Learn from a frame or a probe; a counted frame is one less to take."""
        m, settings = measurement, self._settings
        if m.filter not in self._filters:
            raise BadInput(f"a frame of {m.filter}, which is none of {', '.join(self._filters)}")
        ours = self._pace.seen(m)
        opened_s = m.started.timestamp()
        self._looked_s[m.filter] = opened_s + m.exposure_s
        self._seen[m.filter] = m.started
        take_in(self._model, m, settings)
        good = (
            abs(m.level_adu / settings.target_adu - 1) <= settings.tolerance and m.saturated_fraction < 0.001
        )
        if m.counted or (m.counted is None and ours and good):
            left = self._left.get(m.filter, 0) - 1
            self._left[m.filter] = left
            if left <= 0:
                del self._left[m.filter]

    def _decided(self, now: datetime, now_s: float) -> Action:
        if not self._left:
            return Stop("every filter has its frames")
        if now >= self._window.end:
            return Stop("the Sun's window is over; " + self._unfinished())
        if now < self._window.start:
            return Wait(self._window.start, "the Sun's window has not begun")
        unknown = next((name for name in self._left if self._is_unknown(name)), None)
        if unknown is not None:
            return self._look(unknown, now_s)
        ahead = prospect(
            self._model, tuple(self._left), self._filters, self._settings, self._pace, now_s, self._end_s
        )
        plan = self._plan(ahead, now_s)
        if plan and plan.opens_s - now_s <= self._pace.lag_s(plan.counts[0][0]) + _SOON_S:
            return self._take(plan.counts[0][0], now_s)
        return self._waiting(ahead, plan, now_s)

    def _plan(self, ahead: Prospect, now_s: float) -> Plan:
        """Frames in the middle of the band if all can be had so; else those at its edges as well."""
        left, current = self._left, self._pace.filter
        centred = best_plan(ahead.outlook(centred=True), left, now_s, current, all_of_it=True)
        return centred or best_plan(ahead.outlook(centred=False), left, now_s, current)

    def _is_unknown(self, name: str) -> bool:
        return name not in self._seen and self._model.throughput_sigma(name) > _UNKNOWN

    def _waiting(self, ahead: Prospect, plan: Plan, now_s: float) -> Action:
        """Wait for the sky, and look meanwhile where a look teaches something."""
        opens_s = plan.opens_s if plan else self._end_s
        then_s = opens_s if plan else now_s
        doubts = {name: _DOUBTS * self._model.log_rate(name, then_s).sigma for name in self._left}
        hopes = {name: ahead.soonest_s(name, doubt) for name, doubt in doubts.items()}
        hopeful = {name: soonest_s for name, soonest_s in hopes.items() if soonest_s is not None}
        if not hopeful:
            return Stop(self._why_over(ahead))
        setting = self._sun.is_setting(now_s)
        name = plan.counts[0][0] if plan else ahead.next_in_line(hopeful, setting=setting)
        until_s = opens_s
        if doubts[name] > _DOUBTS * _SURE:
            # It may be over sooner than expected.
            soonest_s = hopeful.get(name, now_s)
            if soonest_s > now_s + _SOON_S:
                until_s = min(soonest_s, opens_s)
            elif self._is_look_due(name, now_s):
                return self._look(name, now_s, idle=True)
            else:
                until_s = min(self._looked_s[name] + _LOOK_EVERY_S, opens_s)
        stranger = self._stranger(now_s, until_s)
        if stranger is not None:
            return self._look(stranger, now_s, idle=True)
        until_s = min(max(until_s, now_s + _SOON_S), self._end_s)
        too_bright = ahead.needed_s[ahead.filters.index(name), 0] < self._settings.min_exposure_s
        too = "bright" if too_bright else "dim"
        return Wait(datetime.fromtimestamp(until_s, UTC), f"too {too} yet for {name}")

    def _is_look_due(self, name: str, now_s: float) -> bool:
        return now_s >= self._looked_s.get(name, -1e12) + _LOOK_EVERY_S

    def _stranger(self, now_s: float, until_s: float) -> str | None:
        """A filter to get acquainted with in the time of a wait, if it can be read."""
        pace, settings = self._pace, self._settings
        for name in self._left:
            look_s = 2 * pace.wheel_s + pace.probe_s
            exposure_s = probe_exposure_s(self._model, settings, name, now_s, idle=True)
            if until_s - now_s < look_s + exposure_s or not self._is_look_due(name, now_s):
                continue
            sigma = self._model.throughput_sigma(name)
            least_adu = FAINTEST_ADU if sigma > _STRANGE else _CLEAR_ADU
            readable = self._model.foresee(name, now_s + pace.wheel_s, exposure_s).chance(
                log(least_adu), log(settings.saturation_adu)
            )
            if sigma > _DOUBTED and readable > _READABLE:
                return name
        return None

    def _take(self, name: str, now_s: float) -> Action:
        model, settings = self._model, self._settings
        frame = aim(model, settings, name, now_s + self._pace.lag_s(name))
        if frame.opened_s + frame.exposure_s > self._end_s:
            return Stop("the Sun's window is over; " + self._unfinished())
        probe_s = probe_exposure_s(model, settings, name, now_s)
        if is_look_worth_it(model, settings, self._pace, frame, probe_s):
            return Probe(name, probe_s)
        return Expose(name, frame.exposure_s)

    def _look(self, name: str, now_s: float, *, idle: bool = False) -> Probe:
        return Probe(name, probe_exposure_s(self._model, self._settings, name, now_s, idle=idle))

    def _why_over(self, ahead: Prospect) -> str:
        needed_s, settings = ahead.needed_s[:, 0], self._settings
        if (needed_s > settings.max_exposure_s).all():
            why = "the sky is too dim now for what is left; "
        elif (needed_s < settings.min_exposure_s).all():
            why = "the sky is too bright now for what is left; "
        else:
            why = "the Sun's window ends before another frame would; "
        return why + self._unfinished()

    def _unfinished(self) -> str:
        return "missing " + ", ".join(f"{count} of {name}" for name, count in self._left.items())


def _check(wanted: Mapping[str, int], window: Window) -> None:
    if window.start.tzinfo is None or window.end.tzinfo is None:
        raise BadInput("the window's times have no time zone: give aware datetimes, in UTC")
    if window.end <= window.start:
        raise BadInput(
            f"the window ends at {window.end:%H:%M:%S}, not after it starts: there is no twilight in it"
        )
    for name, count in wanted.items():
        if count < 0:
            raise BadInput(f"{count} frames of {name} are wanted: give a count of 0 or more")
