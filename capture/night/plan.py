"""The plan of one night, a pure function: needs, minus what the catalogue holds, laid over the night.

Nothing is stored beside the catalogue: after an interruption the same function gives what is still missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Set
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from capture.config import RigConfig
from capture.errors import NoWindow
from capture.frame import Kind
from capture.site import Site, Twilight, Window
from capture.store.needs import Missing
from sequences.job import Want

# Cooling takes its time; a rig gets ready this long before its first window.
PREPARE = timedelta(minutes=20)


@dataclass(frozen=True)
class Block:
    """One sequence in one window of the night. `key` names it for the night: dusk, dawn, bias, darks."""

    key: str
    sequence: str
    window: Window
    wants: tuple[Want, ...]

    @property
    def needs_dark(self) -> bool:
        """Whether it wants the roof shut; a flat wants it open."""
        return self.sequence in ("bias", "darks")

    @property
    def frames(self) -> int:
        return sum(want.count for want in self.wants)

    @property
    def exposure_total_s(self) -> float:
        """Exposure time alone; unknown, so 0, for flats."""
        return sum(want.count * want.spec.exposure_s for want in self.wants)


@dataclass(frozen=True)
class RigPlan:
    """What one rig does in one night; `notes` say why something is not planned."""

    rig: str
    night: date
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()


def plan_rig(site: Site, night: date, config: RigConfig, missing: Iterable[Missing]) -> RigPlan:
    """Lay what is missing over the night.

    Half of every flat set is left to dawn, where the sky's gradient lies the other way round; dawn takes
    whatever is missing by then. Bias before darks: a flat needs its bias. Darks from the shortest on, so
    that the most sets become whole.
    """
    mine = [m for m in missing if m.need.rig == config.name]
    notes: list[str] = []
    windows: dict[Twilight, Window] = {}
    for which in Twilight:
        try:
            windows[which] = site.twilight(
                night, which, config.flats.highest_sun_deg, config.flats.lowest_sun_deg
            )
        except NoWindow as error:
            notes.append(str(error))
    flats = [m for m in mine if m.need.spec.kind is Kind.FLAT]
    blocks = []
    for which, window in windows.items():
        other = Twilight.DAWN in windows and which is Twilight.DUSK
        wants = [Want(m.need.spec, m.count - (m.need.count // 2 if other else 0)) for m in flats]
        blocks.append(Block(str(which), "sky_flats", window, tuple(want for want in wants if want.count > 0)))
    dark = dark_window(site, night, config)
    if dark is None:
        notes.append(f"no darkness at {site.name} on {night}: no darks")
    else:
        for kind, sequence in ((Kind.BIAS, "bias"), (Kind.DARK, "darks")):
            sets = sorted((m for m in mine if m.need.spec.kind is kind), key=lambda m: m.need.spec.exposure_s)
            wants = [Want(m.need.spec, m.count) for m in sets]
            blocks.append(Block(sequence, sequence, dark, tuple(wants)))
    return RigPlan(config.name, night, tuple(block for block in blocks if block.wants), tuple(notes))


def dark_window(site: Site, night: date, config: RigConfig) -> Window | None:
    """Between the flats of dusk and those of dawn; the whole of a polar night; None on a polar day."""
    span = site.night_span(night)
    lowest_deg = config.flats.lowest_sun_deg
    try:
        dusk = site.twilight(night, Twilight.DUSK, 90.0, lowest_deg)
        dawn = site.twilight(night, Twilight.DAWN, 90.0, lowest_deg)
    except NoWindow:
        return span
    return Window(dusk.end, dawn.start) if dusk.end < dawn.start else None


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
