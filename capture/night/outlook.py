"""Tonight and the coming nights of a rig, from its config and the catalogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta

from capture.config import RigConfig
from capture.frame import FrameSpec, Kind
from capture.night.learning import History, histories_of, skies_known
from capture.night.needs import SpecOf, needs_by_use, needs_of, order_needs
from capture.night.plan import Block, RigPlan, SkyKnown, plan_rig
from capture.site import Site
from capture.store.catalogue import Catalogue
from capture.store.needs import Holding, Missing
from sequences.job import Want

# A set that ages out in the course of a night is due in it.
_NIGHT_AFTER_NOON = timedelta(hours=12)


@dataclass(frozen=True)
class Ground:
    """All that a rig's plans are made from. `ordered`: by night what an operator ordered, as `notes` tell."""

    site: Site
    config: RigConfig
    holdings: tuple[Holding, ...]
    ordered: Mapping[date, tuple[Holding, ...]]
    notes: Mapping[date, tuple[str, ...]]
    history: History
    sky: SkyKnown


def ground_of(
    catalogue: Catalogue,
    site: Site,
    config: RigConfig,
    wheel: Sequence[str],
    spec_of: SpecOf,
    nights: Sequence[date],
    now: datetime,
) -> Ground:
    """Ask the catalogue for all that plans of `nights` need.

    Raises BadInput for a filter of the config that the wheel lacks.
    """
    needs = needs_of(config, wheel, spec_of)
    needs += needs_by_use(config, catalogue, needs, now)
    ordered: dict[date, tuple[Holding, ...]] = {}
    notes: dict[date, tuple[str, ...]] = {}
    for night in nights:
        order = catalogue.told.order(config.name, night)
        if order is not None:
            wanted, refused = order_needs(order, config, wheel, spec_of)
            ordered[night] = tuple(catalogue.held(wanted))
            notes[night] = (f"ordered by {order.who}: {order}", *refused)
    flats = [need.spec for need in needs if need.spec.kind is Kind.FLAT] or [spec_of(Kind.FLAT, 0.0, None)]
    histories = histories_of(catalogue, config.name, flats, now)
    longest = max(histories, key=lambda history: len(history.frames))
    holdings = tuple(catalogue.held(needs))
    return Ground(site, config, holdings, ordered, notes, longest, skies_known(histories, config.flats))


def plan_on(ground: Ground, night: date, now: datetime) -> RigPlan:
    """The plan of one night over what is left of it at `now`, of all that falls due within it."""
    plan = plan_rig(
        ground.site,
        night,
        ground.config,
        _due(ground, ground.holdings, night, now),
        ordered=_due(ground, ground.ordered.get(night, ()), night, now),
        sky=ground.sky,
        now=now,
    )
    return replace(plan, notes=plan.notes + ground.notes.get(night, ()))


@dataclass(frozen=True)
class ComingNight:
    """One of the coming nights: what misses by then, and the plan."""

    plan: RigPlan
    missing: tuple[Missing, ...]


def coming_nights(ground: Ground, nights: Sequence[date], now: datetime) -> list[ComingNight]:
    """The plans of consecutive nights, if each takes what it plans and as the predictions have it.

    Bias and darks only as far as the night has time for them.
    """
    found = []
    for night in nights:
        span = ground.site.night_span(night)
        when = max(now, span.start + _NIGHT_AFTER_NOON)
        # Of a night that is over, one asks what all of it would have taken.
        begins = now if now < span.end else span.start
        plan = plan_on(ground, night, begins)
        # What the day may add is not counted on.
        night_blocks = [block for block in plan.blocks if not block.by_day]
        blocks = _within_the_dark(night_blocks, ground.sky.pace.frame_s, begins)
        due = tuple(_due(ground, ground.holdings, night, begins))
        found.append(ComingNight(replace(plan, blocks=blocks), due))
        taken: dict[FrameSpec, int] = {}
        for block in blocks:
            for want in block.wants:
                taken[want.spec] = taken.get(want.spec, 0) + want.count
        holdings = tuple(held.after(when, taken.get(held.need.spec, 0)) for held in ground.holdings)
        ground = replace(ground, holdings=holdings)
    return found


def _due(ground: Ground, holdings: Sequence[Holding], night: date, now: datetime) -> list[Missing]:
    """What misses at the end of the night: what ages out at dawn would else wait for the next dusk.

    At most half of a need's own age ahead, or what has just been taken would soon be due again.
    """
    span = ground.site.night_span(night)
    start = max(now, span.start)
    found = []
    for held in holdings:
        when = min(max(start, span.end), start + timedelta(days=held.need.max_age_days / 2))
        if (missing := held.missing(when)) is not None:
            found.append(missing)
    return found


def _within_the_dark(blocks: Sequence[Block], frame_s: float, now: datetime) -> tuple[Block, ...]:
    """The blocks with as many bias and dark frames as their common window has time for."""
    kept = []
    spent_s = 0.0
    for block in blocks:
        if block.needs_dark:
            wants = []
            left_s = (block.window.end - max(now, block.window.start)).total_seconds() - spent_s
            for want in block.wants:
                each_s = want.spec.exposure_s + frame_s
                count = min(want.count, max(0, int(left_s / each_s)))
                left_s -= count * each_s
                spent_s += count * each_s
                wants += [Want(want.spec, count)] if count else []
            block = replace(block, wants=tuple(wants))  # noqa: PLW2901
        if block.wants:
            kept.append(block)
    return tuple(kept)
