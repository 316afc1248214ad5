"""Members' requests in the night of one rig: whose turn it is, for how long, and what becomes of it."""

from __future__ import annotations

from collections.abc import Set
from dataclasses import replace
from datetime import date, datetime, timedelta

from capture.config import Config
from capture.errors import BadInput, DeviceRefused
from capture.frame import FrameSpec, Kind
from capture.journal import Journal
from capture.members.finishing import after_turn, begin, finish_whole, is_open, refuse_by_camera
from capture.members.queue import frame_s, open_requests
from capture.night.plan import Block, RigPlan
from capture.rig.limits import require_takes
from capture.rig.rig import Rig
from capture.rig.settings import PartRefused
from capture.site import Window
from capture.store.archive import Archive
from capture.store.requests import RequestRow
from sequences.job import Want

# So long one member has the rig before it is another's turn.
_TURN_S = 1800.0
# While the library's own needs are not met, of the night's darkness.
_SHARE = 0.5
_LOOKS_EVERY_S = 5.0
_LOOKS_ON_JUMPS_EVERY_S = 3600.0
_REFUSALS = (BadInput, DeviceRefused, PartRefused)


class RequestTurns:
    """Decides anew from the catalogue at every step, as all of the night does."""

    def __init__(self, config: Config, archive: Archive, rig: Rig, journal: Journal) -> None:
        self._config = config
        self._archive = archive
        self._rig = rig
        self._journal = journal
        self._looked_s = float("-inf")

    def are_new(self, since: datetime) -> bool:
        """Whether a member has asked for something since then, while darkness is left. Raises StoreError.

        It is looked for every 5 s at most; on a clock that jumps, where each look is a step, every hour.
        """
        clock = self._archive.clock
        if clock.monotonic() - self._looked_s < (_LOOKS_EVERY_S, _LOOKS_ON_JUMPS_EVERY_S)[clock.jumps]:
            return False
        self._looked_s, now = clock.monotonic(), clock.now()
        if self._dark_left(self._rig.site.night_of(now), now) is None:
            return False
        return any(row.made >= since for row in open_requests(self._archive.catalogue, self._rig.name))

    def _dark_left(self, night: date, now: datetime) -> Window | None:
        """The night's darkness, None when it is over."""
        dark = self._rig.site.darkness(night, self._rig.config.flats.lowest_sun_deg)
        return None if dark is None or now >= dark.end else dark

    def with_turn(self, plan: RigPlan, now: datetime, finished: Set[str]) -> RigPlan:
        """The plan with the next turn before bias, darks and panel; as it is when nobody has one now.

        Half of the darkness at most is the members' while bias or darks of the library's own are missing.
        Raises StoreError.
        """
        dark = self._dark_left(plan.night, now)
        if dark is None:
            return plan
        rows = [
            row for row in open_requests(self._archive.catalogue, self._rig.name) if _key(row) not in finished
        ]
        if not rows:
            return plan
        left_s = _TURN_S
        if any(block.needs_cold and not block.by_day for block in plan.blocks):
            left_s = min(left_s, _SHARE * dark.duration_s - self._spent_s(plan.night, now))
        newest = self._archive.catalogue.newest(self._rig.name)
        each_s = frame_s(rows[0].spec, newest)
        if left_s < each_s and left_s < _TURN_S:
            return plan
        count = min(rows[0].missing, max(1, int(left_s / each_s)))
        return replace(plan, blocks=(self._block(rows[0], count, dark), *plan.blocks))

    def begin(self, block: Block) -> bool:
        """Whether the turn is wanted, possible, and has begun; what is impossible is refused.

        Raises StoreError.
        """
        if block.request is None:
            return True
        try:
            for want in block.wants:
                require_takes(want.spec, self._rig.camera.limits)
        except BadInput as limit:
            refuse_by_camera(self._archive, self._journal, block.request, str(limit))
            return False
        return begin(self._archive, block.request)

    def refused(self, block: Block, error: Exception) -> bool:
        """Whether the camera refuses this request alone, which is then refused.

        A camera that works as usual, and refuses this again, can do all but this. Raises DeviceError when it
        does not work as usual either, Stopped, StoreError.
        """
        if block.request is None or not isinstance(error, _REFUSALS):
            return False
        self._rig.look(self._rig.spec(Kind.BIAS))
        try:
            self._rig.look(block.wants[0].spec)
        except _REFUSALS as again:
            refuse_by_camera(self._archive, self._journal, block.request, str(again))
            return True
        return False

    def end(self, block: Block, how: str) -> None:
        """Settle the turn, and finish its request when it is whole. Raises StoreError."""
        if block.request is not None:
            after_turn(self._config, self._archive, self._journal, block.request, how)

    def missing(self, block: Block) -> int:
        """How many frames the block's request still misses; 0 when nothing is wanted any more."""
        row = None if block.request is None else self._archive.catalogue.requests.get(block.request)
        return row.missing if row is not None and row.state.open else 0

    def take_up(self) -> None:
        """See to what an earlier process left behind. Raises StoreError."""
        finish_whole(self._config, self._archive, self._journal, self._rig.name)

    def _block(self, row: RequestRow, count: int, window: Window) -> Block:
        sequence = "bias" if row.spec.kind is Kind.BIAS else "darks"
        return Block(_key(row), sequence, window, (Want(self._spec(row), count),), request=row.id)

    def _spec(self, row: RequestRow) -> FrameSpec:
        usual, asked = self._rig.spec(row.spec.kind, row.spec.exposure_s), row.spec
        gain = usual.gain if asked.gain is None else asked.gain
        set_c = usual.set_temperature_c if asked.set_temperature_c is None else asked.set_temperature_c
        return replace(usual, binning=asked.binning, gain=gain, set_temperature_c=set_c)

    def _spent_s(self, night: date, now: datetime) -> float:
        """How long runs for requests have taken tonight, probes and cooling included."""
        catalogue, name = self._archive.catalogue, self._rig.name
        # A run that was killed has no end but that of its last frame.
        last: dict[int | None, datetime] = {}
        for row in catalogue.frames(rig=name, night=night):
            if row.request is not None:
                last[row.run] = row.taken + timedelta(seconds=row.facts.exposure_s)
        runs = [run for run in catalogue.runs(rig=name, night=night) if run.id in last]
        return sum(((run.ended or last[run.id]) - run.started).total_seconds() for run in runs)


def still_wanted(archive: Archive, request: int | None) -> bool:
    """Whether a run may go on: it is for no request, or for one that is open. Raises StoreError."""
    return request is None or is_open(archive, request)


def _key(row: RequestRow) -> str:
    return f"request {row.id}"
