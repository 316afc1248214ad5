"""What a member may ask for, checked against the rig and the member's quotas before it is sent."""

from __future__ import annotations

import math
import threading
from dataclasses import dataclass
from datetime import datetime, timedelta

from capture.config import Config, RigConfig
from capture.errors import BadInput, NotAllowed
from capture.frame import FrameSpec, Kind
from capture.members.pricing import price_millipoints
from capture.members.queue import Expected, expected, frame_s
from capture.members.quotas import Use, check_quotas, use_of
from capture.members.roles import Action, Actor
from capture.rig.limits import require_settable, require_takes
from capture.store.archive import Archive
from capture.store.catalogue import Catalogue
from capture.store.requests import OPEN, RequestRow
from capture.store.rows import FrameRow, MasterRow

_BINNINGS = range(1, 9)
_BYTES_PER_PIXEL = 2
_HEADER_BYTES = 8640
_SENDING = threading.Lock()


@dataclass(frozen=True)
class Ask:
    """What a member wants. Left out (None), binning, gain and temperature are the rig's.

    `kind` bias or dark; an exposure of 0 s is a bias. `master`: frames combined, too.
    """

    rig: str
    kind: str
    exposure_s: float
    count: int
    binning: int | None = None
    gain: int | None = None
    temperature_c: float | None = None
    master: bool = False


@dataclass(frozen=True)
class Held:
    """What the library holds of it already: good frames of a `set`, and valid masters, the newest first."""

    set: int | None
    good_frames: int
    newest_frame_days: float | None
    masters: tuple[MasterRow, ...]
    newest_master_days: float | None

    def __bool__(self) -> bool:
        return bool(self.good_frames or self.masters)


@dataclass(frozen=True)
class Quote:
    """What a request would come to. `millipoints_open`: under an open roof; a closed one is free.

    `size_bytes` and `hours` are of all its frames; `used` and `quota` are of this month, before it.
    """

    spec: FrameSpec
    count: int
    millipoints_open: int
    hours: float
    size_bytes: int
    held: Held
    expected: Expected
    used: Use
    quota: Use


def checked_spec(config: Config, archive: Archive, ask: Ask) -> FrameSpec:
    """The frames that are asked for, as the rig would take them.

    Raises BadInput with one sentence that says what to change; NotAllowed for flats.
    """
    if ask.kind == Kind.FLAT:
        raise NotAllowed(
            "flats are the operators': they want the roof open in twilight, or a panel that lights all rigs "
            "under it; what there is of them is in the library, and an operator can order more"
        )
    if ask.kind not in (Kind.BIAS, Kind.DARK):
        raise BadInput(f"{ask.kind!r} cannot be asked for; ask for bias or dark")
    rig = config.rig_named(ask.rig).on(archive.site.night_of(archive.clock.now()))
    exposure_s = _checked_exposure_s(config, ask)
    kind = Kind.DARK if exposure_s else Kind.BIAS
    most = config.members.most_frames
    if isinstance(ask.count, bool) or not isinstance(ask.count, int) or not 1 <= ask.count <= most:
        raise BadInput(f"{ask.count} frames: ask for 1 to {most}")
    newest = archive.catalogue.newest(rig.name)
    last = newest.spec if newest else FrameSpec(Kind.BIAS)
    spec = FrameSpec(
        kind=kind,
        exposure_s=exposure_s,
        binning=_checked_binning(rig, ask.binning),
        gain=_checked_gain(rig, last.gain, ask.gain),
        offset=rig.offset if rig.offset is not None else last.offset,
        readout_mode=last.readout_mode,
        set_temperature_c=_checked_temperature_c(config, rig, ask.temperature_c),
    )
    limits = archive.catalogue.cameras.limits(rig.name)
    if limits is not None:
        require_takes(spec, limits)
    return spec


def held_of(catalogue: Catalogue, rig: str, spec: FrameSpec, now: datetime) -> Held:
    """What the library holds of such frames, with their ages in days."""
    masters = tuple(catalogue.masters(rig=rig, spec=spec, valid=True))
    of_set = next((row for row in catalogue.board(rig) if row.spec == spec.set_key()), None)
    return Held(
        of_set.id if of_set else None,
        of_set.good_frames if of_set else 0,
        _days(now, of_set.newest_good) if of_set and of_set.newest_good else None,
        masters,
        _days(now, masters[0].newest_input) if masters else None,
    )


def quote(config: Config, archive: Archive, actor: Actor, ask: Ask) -> Quote:
    """What the request would cost and take, and what there is of it already. Raises BadInput, NotAllowed."""
    actor.require(Action.SEND_REQUEST)
    catalogue, now = archive.catalogue, archive.clock.now()
    spec, rig = checked_spec(config, archive, ask), config.rig_named(ask.rig)
    newest = catalogue.newest(rig.name)
    seconds = ask.count * frame_s(spec, newest)
    return Quote(
        spec,
        ask.count,
        ask.count * price_millipoints(spec, rig.points_per_hour),
        seconds / 3600,
        ask.count * _frame_bytes(spec, newest),
        held_of(catalogue, rig.name, spec, now),
        expected(config, archive, rig.name, seconds),
        use_of(archive, actor.name or "", now),
        Use.most(config.members),
    )


def send(config: Config, archive: Archive, actor: Actor, ask: Ask) -> RequestRow:
    """Queue the request. Raises BadInput with what to change, the quotas included; NotAllowed."""
    actor.require(Action.SEND_REQUEST)
    if actor.name is None:
        raise NotAllowed("sign in first")
    # Two at once would each find the quota free.
    with _SENDING:
        told = quote(config, archive, actor, ask)
        catalogue, now = archive.catalogue, archive.clock.now()
        open_ones = catalogue.requests.all(who=actor.name, states=OPEN)
        if len(open_ones) >= config.members.most_open:
            raise BadInput(
                f"{len(open_ones)} requests of yours are open; cancel one, or let some come to their end"
            )
        hours = told.count * told.spec.exposure_s / 3600
        check_quotas(told.used, Use(told.count, hours, told.size_bytes), told.quota)
        size = told.size_bytes // told.count
        return catalogue.requests.add(
            actor.name, ask.rig, told.spec, ask.count, now, master=ask.master, frame_bytes=size
        )


def _checked_exposure_s(config: Config, ask: Ask) -> float:
    rules, exposure_s = config.members, ask.exposure_s
    if not math.isfinite(exposure_s) or exposure_s < 0:
        raise BadInput(f"an exposure of {exposure_s} s: give a number of seconds, 0 for a bias")
    if ask.kind == Kind.BIAS and exposure_s:
        raise BadInput(f"a bias has an exposure of 0 s, not {exposure_s:g} s; ask for a dark")
    if exposure_s > rules.longest_exposure_s:
        raise BadInput(f"an exposure of {exposure_s:g} s is above the {rules.longest_exposure_s:g} s allowed")
    if exposure_s and rules.exposures_s and exposure_s not in rules.exposures_s:
        allowed = ", ".join(f"{one:g}" for one in rules.exposures_s)
        raise BadInput(f"darks of {exposure_s:g} s are not taken; choose {allowed} s")
    return float(exposure_s)


def _checked_binning(rig: RigConfig, binning: int | None) -> int:
    if binning is None:
        return rig.binning
    if isinstance(binning, bool) or binning not in _BINNINGS:
        raise BadInput(f"a binning of {binning}: it is from 1 to {_BINNINGS[-1]}")
    return int(binning)


def _checked_gain(rig: RigConfig, last: int | None, gain: int | None) -> int | None:
    usual = rig.gain if rig.gain is not None else last
    if gain is None or gain == usual:
        return usual
    require_settable(rig, gain, None)
    if isinstance(gain, bool) or not isinstance(gain, int) or not 0 <= gain <= 100_000:
        raise BadInput(f"a gain of {gain}: give a whole number from 0, or leave it out")
    return gain


def _checked_temperature_c(config: Config, rig: RigConfig, asked_c: float | None) -> float | None:
    rules = config.members
    require_settable(rig, None, asked_c)
    if asked_c is None:
        return rig.cooling.set_temperature_c if rig.cooling else None
    if not math.isfinite(asked_c) or not rules.coldest_c <= asked_c <= rules.warmest_c:
        raise BadInput(f"{asked_c} C: give a temperature from {rules.coldest_c:g} to {rules.warmest_c:g} C")
    return float(asked_c)


def _frame_bytes(spec: FrameSpec, newest: FrameRow | None) -> int:
    if newest is None:
        return 0
    pixels = newest.shape[0] * newest.shape[1] * (newest.spec.binning / spec.binning) ** 2
    return int(pixels) * _BYTES_PER_PIXEL + _HEADER_BYTES


def _days(now: datetime, then: datetime) -> float:
    return (now - then) / timedelta(days=1)
