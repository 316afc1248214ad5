"""`nightcal plan`: what tonight and the coming nights would take, and an operator's order for one of them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, datetime, timedelta
from typing import Annotated, Any

import typer

from capture.cli.console import console, show_json, show_table
from capture.cli.options import CONFIG, ConfigOption, DateOption, JsonOption
from capture.cli.order import give_order
from capture.clock import Clock, SystemClock
from capture.config import Config, RigConfig, load_config
from capture.errors import BadInput
from capture.frame import FrameSpec, Kind
from capture.night.needs import known_filters, spec_by_catalogue
from capture.night.outlook import ComingNight, Ground, coming_nights, ground_of
from capture.night.plan import Block
from capture.site import Site
from capture.store.archive import Archive
from capture.store.needs import Missing

# So far ahead the next attempt at each set is looked for.
_AHEAD = 7


def plan(
    rig: Annotated[str, typer.Argument(help="The rig's name; all rigs if left out.")] = "",
    nights: Annotated[int, typer.Option("--nights", min=1, max=60, help="So many nights.")] = 1,
    date_text: DateOption = "",
    tonight: Annotated[
        str,
        typer.Option(
            "--tonight", help='Take these first, in this order: "Ha, OIII x20, L". Needs the rig\'s name.'
        ),
    ] = "",
    clear_tonight: Annotated[bool, typer.Option("--clear-tonight", help="Take that order back.")] = False,
    config: ConfigOption = CONFIG,
    as_json: JsonOption = False,
) -> None:
    """Show what the night would take: needs minus what the catalogue holds. Asks no device."""
    settings, clock = load_config(config), SystemClock()
    site, now = settings.site.site(), clock.now()
    first = night_named(date_text, site, clock)
    rigs = (settings.rig_named(rig),) if rig else settings.rig
    if (tonight or clear_tonight) and not rig:
        raise BadInput('an order is for one rig; write nightcal plan RIG --tonight "Ha, OIII x20"')
    archive = Archive(settings.storage.folder, site, clock)
    try:
        if tonight or clear_tonight:
            give_order(archive, rigs[0], first, tonight, now)
        outlooks = [_Outlook(archive, settings, one, first, nights, now) for one in rigs]
    finally:
        archive.close()
    if as_json:
        show_json([entry for outlook in outlooks for entry in outlook.as_json()])
        return
    for outlook in outlooks:
        outlook.show()


class _Outlook:
    """The coming nights of one rig, ready to be shown."""

    def __init__(
        self, archive: Archive, settings: Config, rig: RigConfig, first: date, nights: int, now: datetime
    ) -> None:
        self._site = settings.site.site()
        self._rig = rig
        self._shown = nights
        self._first = first
        wheel = known_filters(rig, archive.catalogue)
        spec_of = spec_by_catalogue(rig, archive.catalogue)
        dates = [first + timedelta(days=number) for number in range(max(nights, _AHEAD))]
        ground = ground_of(archive.catalogue, self._site, rig, wheel, spec_of, dates, now)
        self._nights = coming_nights(ground, dates, now)
        self._notes = _what_is_known(rig, wheel, ground)

    def as_json(self) -> list[dict[str, Any]]:
        return [self._night_json(number) for number in range(self._shown)]

    def show(self) -> None:
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


def _what_is_known(rig: RigConfig, wheel: Sequence[str], ground: Ground) -> list[str]:
    """What the plan rests on, for those who wonder."""
    notes = []
    if rig.filter_wheel is not None and not rig.flats.filters:
        if wheel:
            notes.append(f"the filters are those that flats were taken of so far: {' '.join(wheel)}")
        else:
            notes.append(
                "the filters are not known yet, so no flats are shown: the wheel is asked when the night "
                f'runs. Or list them as filters in [rig "{rig.name}".flats]'
            )
    if ground.history.frames:
        notes.append(f"predictions are learned from {ground.history}")
    else:
        notes.append("no flats to learn from yet: every filter is offered to both twilights")
    return notes


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
    return "never whole" if missing.have else "never held"


def night_named(text: str, site: Site, clock: Clock) -> date:
    """The night of that date, tonight for an empty text. Raises BadInput."""
    if not text:
        return site.night_of(clock.now())
    try:
        night = date.fromisoformat(text)
    except ValueError:
        raise BadInput(f"{text!r} is no date; write it as 2026-11-21") from None
    if not 1950 <= night.year <= 2100:
        raise BadInput(f"{night} is out of range; the Sun's position is good from 1950 to 2100")
    return night
