"""The plan of one night, a pure function: needs, minus what the catalogue holds, laid over the night.

Nothing is stored beside the catalogue: after an interruption the same function gives what is still missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence, Set
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta

from capture.config import RigConfig
from capture.errors import NoWindow
from capture.frame import FrameSpec, Kind
from capture.night.allocation import Ask, allocate
from capture.night.twilight import Floats, Forecast, Limits, Pace, Predicted, TwilightRoom
from capture.site import Site, Twilight, Window
from capture.store.needs import Missing
from sequences.job import Want

# Cooling takes its time; a rig gets ready this long before its first window.
PREPARE = timedelta(minutes=20)
_BY_DAY, _BEFORE_DUSK = " by day", " before dusk"
_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Block:
    """One sequence in one window of the night. `key` names it for the night: dusk, dawn, bias, darks.

    `predicted`: when its flats would be taken and how long they would expose, of the sets that are known.
    `request`: the number of the member's request that it is for.
    """

    key: str
    sequence: str
    window: Window
    wants: tuple[Want, ...]
    predicted: tuple[Predicted, ...] = ()
    request: int | None = None

    @property
    def needs_dark(self) -> bool:
        """Whether it wants the roof shut; a flat wants it open."""
        return self.sequence != "sky_flats"

    @property
    def needs_cold(self) -> bool:
        """Whether its frames count at the set point only; flats match at any temperature."""
        return self.sequence in ("bias", "darks")

    @property
    def by_day(self) -> bool:
        """Whether the Sun is up: then only probes that are dark by the library's masters let it go on."""
        return self.key.endswith((_BY_DAY, _BEFORE_DUSK))

    @property
    def frames(self) -> int:
        return sum(want.count for want in self.wants)

    @property
    def exposure_total_s(self) -> float:
        """Exposure time alone; unknown, so 0, for flats."""
        return sum(want.count * want.spec.exposure_s for want in self.wants)


@dataclass(frozen=True)
class RigPlan:
    """What one rig does in one night; `notes` say why something is not planned.

    `left`: flats that miss and that this night has no room for.
    """

    rig: str
    night: date
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()
    left: tuple[Want, ...] = ()


class _NothingKnown:
    """The forecast of a rig that has never seen a twilight."""

    def log_rate(self, spec: FrameSpec, sun_altitude_deg: Floats) -> Floats | None:
        return None


@dataclass(frozen=True)
class SkyKnown:
    """What is known of a rig's twilights."""

    forecast: Forecast
    limits: Limits
    pace: Pace


# Nothing is predicted then, and every set is offered to both twilights.
NOTHING_KNOWN = SkyKnown(_NothingKnown(), Limits(30000.0, 0.2, 60.0), Pace())


def plan_rig(
    site: Site,
    night: date,
    config: RigConfig,
    missing: Iterable[Missing],
    *,
    ordered: Sequence[Missing] = (),
    sky: SkyKnown = NOTHING_KNOWN,
    now: datetime | None = None,
) -> RigPlan:
    """Lay what is missing over what is left of the night at `now`; over all of it without `now`.

    Flats: what an operator `ordered` comes first, then the stalest; see `allocate`. Bias before darks: a flat
    needs its bias. Darks: sets that never were whole first, then the stalest, among equals from the shortest
    on, so that the most sets become whole; those at another set point than the rig's come last, by set point.
    Where the config allows it they begin before dusk, and what is left goes on after dawn, both at the rig's
    set point.
    """
    mine = [m for m in missing if m.need.rig == config.name]
    windows, notes = _twilights(site, night, config)
    flats = [m for m in mine if m.need.spec.kind is Kind.FLAT]
    by_panel = [m for m in flats if config.panel and config.panel.lights(m.need.spec.filter)]
    asks = _asks([m for m in flats if m not in by_panel], ordered)
    blocks = _flat_blocks(site, windows, asks, sky, now)
    planned = {ask.spec: 0 for ask in asks}
    for block in blocks:
        for want in block.wants:
            planned[want.spec] += want.count
    left = [Want(ask.spec, ask.count - planned[ask.spec]) for ask in asks if ask.count > planned[ask.spec]]
    dark, own_c = site.darkness(night, config.flats.lowest_sun_deg), _set_point_c(config, night)
    if dark is None:
        notes.append(f"no darkness at {site.name} on {night}: no darks")
    else:
        panel = tuple(Want(m.need.spec, m.count) for m in by_panel)
        blocks.append(Block("panel", "panel_flats", dark, panel))
        for kind, sequence in ((Kind.BIAS, "bias"), (Kind.DARK, "darks")):
            sets = sorted((m for m in mine if m.need.spec.kind is kind), key=_stalest_then_shortest)
            wants = tuple(Want(m.need.spec, m.count) for m in sets)
            usual = tuple(want for want in wants if want.spec.set_temperature_c in (None, own_c))
            others = sorted((want for want in wants if want not in usual), key=_colder)
            blocks.append(Block(sequence, sequence, dark, usual + tuple(others)))
            if config.darks.by_day:
                days = _days(site, night, windows)
                blocks += [Block(sequence + which, sequence, day, usual) for which, day in days]
    whole = tuple(block for block in blocks if block.wants)
    return RigPlan(config.name, night, whole, tuple(notes), tuple(left))


def _days(site: Site, night: date, windows: Mapping[Twilight, Window]) -> list[tuple[str, Window]]:
    """From noon to dusk and from dawn to noon, by what it is called, as far as there is a dusk or a dawn."""
    span, days = site.night_span(night), []
    if Twilight.DUSK in windows:
        days.append((_BEFORE_DUSK, Window(span.start, windows[Twilight.DUSK].start)))
    if Twilight.DAWN in windows:
        days.append((_BY_DAY, Window(windows[Twilight.DAWN].end, span.end)))
    return days


def _set_point_c(config: RigConfig, night: date) -> float | None:
    cooling = config.on(night).cooling
    return cooling.set_temperature_c if cooling else None


def _colder(want: Want) -> float:
    return -(want.spec.set_temperature_c or 0.0)


def _stalest_then_shortest(missing: Missing) -> tuple[datetime, float]:
    return missing.stale_since or _NEVER, missing.need.spec.exposure_s


def _twilights(site: Site, night: date, config: RigConfig) -> tuple[dict[Twilight, Window], list[str]]:
    windows: dict[Twilight, Window] = {}
    notes: list[str] = []
    for which in Twilight:
        try:
            windows[which] = site.twilight(
                night, which, config.flats.highest_sun_deg, config.flats.lowest_sun_deg
            )
        except NoWindow as error:
            notes.append(str(error))
    return windows, notes


def _asks(flats: Sequence[Missing], ordered: Sequence[Missing]) -> list[Ask]:
    """What is asked of the night: the ordered sets as ordered, then the stalest first.

    Half of a set had better be taken at dawn; what was ordered, as soon as it can be.
    """
    due = {m.need.spec: m for m in flats}
    asks = []
    for m in ordered:
        also_due = due.pop(m.need.spec, None)
        asks.append(Ask(m.need.spec, max(m.count, also_due.count if also_due else 0)))
    stalest = sorted(due.values(), key=lambda m: (m.stale_since or _NEVER, m.have))
    return asks + [Ask(m.need.spec, m.count, min(m.count, m.need.count // 2)) for m in stalest]


def _flat_blocks(
    site: Site,
    windows: Mapping[Twilight, Window],
    asks: Sequence[Ask],
    sky: SkyKnown,
    now: datetime | None,
) -> list[Block]:
    rooms: dict[Twilight, TwilightRoom] = {}
    for which, window in windows.items():
        left = window if now is None else Window(max(now, window.start), window.end)
        if left.duration_s > 0:
            rooms[which] = TwilightRoom(left, site.sun_altitude_deg, sky.forecast, sky.limits, sky.pace)
    blocks = []
    for (which, room), held in zip(rooms.items(), allocate(asks, list(rooms.values())), strict=True):
        wants = tuple(Want(spec, count) for spec, count in held.items())
        blocks.append(Block(str(which), "sky_flats", windows[which], wants, tuple(room.predicted(held))))
    return blocks


def due(plan: RigPlan, now: datetime, finished: Set[str]) -> Block | None:
    """What the rig should do at `now`; `finished` holds the keys of blocks that have had their turn."""
    for block in plan.blocks:
        if now in block.window and block.key not in finished:
            return block
    return None


def next_change(plan: RigPlan, now: datetime, finished: Set[str]) -> datetime | None:
    """When `due` may change next by the clock alone; None when nothing more comes tonight."""
    starts = [b.window.start for b in plan.blocks if b.window.start > now and b.key not in finished]
    return min(starts, default=None)
