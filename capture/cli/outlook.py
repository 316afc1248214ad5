"""The coming nights of one rig as a table and as JSON."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Any

from capture.alpaca.devices import FilterWheel
from capture.cli.console import console, show_table
from capture.clock import SystemClock
from capture.config import Config, RigConfig
from capture.errors import DeviceError
from capture.frame import FrameSpec, Kind
from capture.night.needs import known_filters, spec_by_catalogue
from capture.night.outlook import ComingNight, Ground, coming_nights, ground_of
from capture.night.plan import Block
from capture.store.archive import Archive
from capture.store.needs import Missing

# So far ahead the next attempt at each set is looked for.
_AHEAD = 7
_SOON_S = 3.0


class RigOutlook:
    """The coming nights of one rig, ready to be shown."""

    def __init__(
        self, archive: Archive, settings: Config, rig: RigConfig, first: date, nights: int, now: datetime
    ) -> None:
        rig = rig.on(first)
        self._site = settings.site.site()
        self._rig = rig
        self._shown = nights
        self._first = first
        wheel = known_filters(rig, archive.catalogue)
        asked = () if wheel else _ask_wheel(settings, rig)
        spec_of = spec_by_catalogue(rig, archive.catalogue)
        dates = [first + timedelta(days=number) for number in range(max(nights, _AHEAD))]
        ground = ground_of(archive.catalogue, self._site, rig, wheel or asked, spec_of, dates, now)
        self._nights = coming_nights(ground, dates, now)
        self._notes = [*_about_filters(rig, wheel, asked), _about_learning(ground)]

    def as_json(self) -> list[dict[str, Any]]:
        """An entry for each night that is shown."""
        return [self._night_json(number) for number in range(self._shown)]

    def show(self) -> None:
        """Print the nights, what is due, and what all that rests on."""
        for number in range(self._shown):
            self._show_night(self._nights[number])
        due = [
            (_set(m.need.spec), f"{m.have} of {m.need.count}", _since(m), self._attempt_text(m.need.spec))
            for m in self._nights[0].missing
        ]
        if due:
            show_table(f"{self._rig.name}, what is due", ("set", "held", "due since", "next attempt"), due)
        for note in self._notes:
            console.print(f"  {note}", markup=False)

    def _show_night(self, coming: ComingNight) -> None:
        plan = coming.plan
        rows = [
            (block.key, self._span(block, local=True), self._span(block), block.frames, _sets(block))
            for block in plan.blocks
        ]
        title = f"{plan.rig}, night of {plan.night} ({plan.night:%A})"
        zone = self._site.local(self._site.night_span(plan.night).start).tzname()
        columns = ("block", f"local ({zone})", "UTC", "frames", "sets, and the exposures predicted")
        if rows:
            show_table(title, columns, rows, text_columns=(0, 4))
        else:
            console.print(f"{title}: nothing is missing, or nothing can be taken", markup=False)
        for note in plan.notes:
            console.print(f"  {note}", markup=False)
        if plan.left:
            left = ", ".join(f"{want.count} x {want.spec}" for want in plan.left)
            console.print(f"  left to the coming nights: {left}", markup=False)

    def _span(self, block: Block, *, local: bool = False) -> str:
        times = [block.window.start, block.window.end]
        if local:
            times = [self._site.local(time) for time in times]
        return f"{times[0]:%H:%M}-{times[1]:%H:%M}"

    def _attempt_text(self, spec: FrameSpec) -> str:
        attempt = self._attempt(spec, 0)
        if attempt is None:
            return f"not within {len(self._nights)} nights"
        night, key = attempt
        return f"tonight, {key}" if night == self._first else f"{night:%a %m-%d}, {key}"

    def _attempt(self, spec: FrameSpec, since: int) -> tuple[date, str] | None:
        """The first night and block, from that night on, that would take frames of the set."""
        for coming in self._nights[since:]:
            for block in coming.plan.blocks:
                if any(want.spec == spec for want in block.wants):
                    return coming.plan.night, block.key
        return None

    def _night_json(self, number: int) -> dict[str, Any]:
        coming = self._nights[number]
        due = []
        for missing in coming.missing:
            attempt = self._attempt(missing.need.spec, number)
            due.append(
                {
                    "set": str(missing.need.spec),
                    "filter": missing.need.spec.filter,
                    "held": missing.have,
                    "count": missing.need.count,
                    "due_since": missing.stale_since.isoformat() if missing.stale_since else None,
                    "next_attempt": {"night": str(attempt[0]), "block": attempt[1]} if attempt else None,
                }
            )
        plan = coming.plan
        return {
            "rig": plan.rig,
            "night": str(plan.night),
            "blocks": [self._block_json(block) for block in plan.blocks],
            "left": [{"set": str(w.spec), "filter": w.spec.filter, "count": w.count} for w in plan.left],
            "due": due,
            "notes": [*plan.notes, *self._notes],
        }

    def _block_json(self, block: Block) -> dict[str, Any]:
        predicted = {one.spec: one for one in block.predicted}
        wants = []
        for want in block.wants:
            entry: dict[str, Any] = {"set": str(want.spec), "filter": want.spec.filter, "count": want.count}
            one = predicted.get(want.spec)
            if one is not None:
                entry["predicted"] = {
                    "start": one.start.isoformat(),
                    "end": one.end.isoformat(),
                    "shortest_s": round(one.shortest_s, 3),
                    "longest_s": round(one.longest_s, 3),
                }
            wants.append(entry)
        return {
            "key": block.key,
            "sequence": block.sequence,
            "start": block.window.start.isoformat(),
            "end": block.window.end.isoformat(),
            "start_local": self._site.local(block.window.start).isoformat(),
            "end_local": self._site.local(block.window.end).isoformat(),
            "frames": block.frames,
            "wants": wants,
        }


def _ask_wheel(settings: Config, rig: RigConfig) -> tuple[str, ...]:
    """The names of the wheel's filters; empty without a wheel, or when it does not answer soon."""
    if rig.filter_wheel is None:
        return ()
    soon = {"connect_s": _SOON_S, "read_s": _SOON_S, "write_s": _SOON_S, "slow_write_s": _SOON_S}
    wheel = FilterWheel(rig.filter_wheel, settings.timeouts.of(rig.filter_wheel).model_copy(update=soon))
    try:
        wheel.open(SystemClock(), deadline_s=_SOON_S)
        return tuple(str(name) for name in wheel.Names)
    except DeviceError:
        return ()
    finally:
        wheel.close()


def _about_filters(rig: RigConfig, wheel: Sequence[str], asked: Sequence[str]) -> list[str]:
    """Where the filters are known from, when the config lists none."""
    if rig.filter_wheel is None or rig.flats.filters:
        return []
    if wheel:
        return [f"the filters are those that flats were taken of so far: {' '.join(wheel)}"]
    if asked:
        return [f"the filters are those of the wheel: {' '.join(asked)}"]
    return [
        "the filters are not known yet, so no flats are shown: there are no flats so far and the wheel does "
        f'not answer. The night asks it again; or list them as filters in [rig "{rig.name}".flats]'
    ]


def _about_learning(ground: Ground) -> str:
    if ground.history.frames:
        return f"predictions are learned from {ground.history}"
    return "no flats to learn from yet: every filter is offered to both twilights"


def _sets(block: Block) -> str:
    predicted = {one.spec: one for one in block.predicted}
    words = []
    for want in block.wants:
        one = predicted.get(want.spec)
        exposures = f" ({_exposures(one.shortest_s, one.longest_s)})" if one else ""
        words.append(f"{want.count} x {_set(want.spec)}{exposures}")
    return ", ".join(words)


def _set(spec: FrameSpec) -> str:
    return str(spec).removeprefix("flat ") if spec.kind is Kind.FLAT else str(spec)


def _exposures(shortest_s: float, longest_s: float) -> str:
    low, high = f"{shortest_s:.2g}", f"{longest_s:.2g}"
    return f"{low} s" if low == high else f"{low}-{high} s"


def _since(missing: Missing) -> str:
    if missing.stale_since is not None:
        return f"{missing.stale_since:%Y-%m-%d}"
    return "never whole"
