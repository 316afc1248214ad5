"""What becomes of a request after a turn: settled, and when nothing of it misses, delivered and told."""

from __future__ import annotations

from pathlib import PurePosixPath

from capture.config import Config
from capture.errors import BadInput, CombineError
from capture.journal import Journal
from capture.library.combine import Method
from capture.library.delivery.parcels import name_there, places_of, recipient_of
from capture.library.masters import build_master, build_masters
from capture.members.ledger import settle
from capture.members.queue import tell_refused
from capture.store.archive import Archive
from capture.store.outbox import Parcel
from capture.store.requests import RequestRow, RequestState
from capture.store.rows import FrameRow, MasterRow

WHO = "nightcal"
READY = "request_ready"
_FEWEST_FOR_A_MASTER = 3


def begin(archive: Archive, number: int) -> bool:
    """Give a request its turn; False when nothing is to be taken for it any more. Raises StoreError."""
    try:
        archive.catalogue.requests.step(number, RequestState.RUNNING, archive.clock.now(), WHO, "")
    except BadInput:
        return False
    return True


def is_open(archive: Archive, number: int) -> bool:
    """Whether frames are still to be taken for it. Raises StoreError."""
    row = archive.catalogue.requests.get(number)
    return row is not None and row.state.open


def after_turn(config: Config, archive: Archive, journal: Journal, number: int, how: str) -> None:
    """Settle what was taken, and finish the request or queue it again, saying `how` its turn ended.

    May be done again after a kill: frames are settled once, files queued once, and told once. Raises
    StoreError.
    """
    catalogue, now = archive.catalogue, archive.clock.now()
    settle(catalogue, config, now, number)
    row = catalogue.requests.get(number)
    if row is None or not row.state.open:
        return
    if row.missing:
        catalogue.requests.step(number, RequestState.QUEUED, now, WHO, how)
        return
    told = _deliver(config, archive, journal, row)
    text = f"{row}: {told}"
    catalogue.notices.add(row.who, READY, f"Your request {number} is ready", text, now, f"ready {number}")
    catalogue.requests.step(number, RequestState.DONE, now, WHO, told)
    journal.say(row.rig, "request", text, request=number)


def refuse_by_camera(archive: Archive, journal: Journal, number: int, why: str) -> None:
    """Refuse what the rig's camera cannot do, and tell its member why. Raises StoreError."""
    catalogue, now = archive.catalogue, archive.clock.now()
    try:
        row = catalogue.requests.step(number, RequestState.REFUSED, now, WHO, why)
    except BadInput:
        # It was cancelled in the meantime.
        return
    tell_refused(catalogue, row)
    journal.say(row.rig, "request", f"{row}: refused: {why}", request=number)


def finish_whole(config: Config, archive: Archive, journal: Journal, rig: str) -> None:
    """Finish requests that a kill left whole but open, and put those back that it left running."""
    for row in archive.catalogue.requests.all(rig=rig, states=(RequestState.QUEUED, RequestState.RUNNING)):
        if not row.missing or row.state is RequestState.RUNNING:
            after_turn(config, archive, journal, row.id, "the service was restarted")


def _deliver(config: Config, archive: Archive, journal: Journal, row: RequestRow) -> str:
    """Queue the files for their member's place, and tell in words what becomes of them."""
    frames = archive.catalogue.requests.frames(row.id, good=True)
    master = _master(config, archive, journal, row, frames) if row.master else None
    what = f"{len(frames)} frames" + (" and a master" if master else "")
    lacking = ""
    if row.master and master is None:
        few = f"; one takes at least {_FEWEST_FOR_A_MASTER} frames"
        lacking = f". No master could be made of them{few if len(frames) < _FEWEST_FOR_A_MASTER else ''}"
    places = places_of(config)
    recipient = recipient_of(row.who, places)
    if recipient is None:
        return f"{what} are ready to be fetched; there is no place to deliver them to{lacking}"
    night = archive.site.night_of(row.made)
    files: list[tuple[FrameRow | MasterRow, str]] = [(frame, "raw") for frame in frames]
    files += [(master, "master")] if master else []
    parcels = []
    for one, kind in files:
        of_night = one.night if isinstance(one, FrameRow) else night
        name = name_there(recipient, row.who, of_night, row.rig, kind, PurePosixPath(one.path).name)
        parcels.append(Parcel(one.path, one.sha256, name))
    archive.catalogue.outbox.queue(recipient, parcels, archive.clock.now())
    return f"{what} on the way to {recipient if recipient == row.who else 'the common place'}{lacking}"


def _master(
    config: Config, archive: Archive, journal: Journal, row: RequestRow, frames: list[FrameRow]
) -> MasterRow | None:
    """The library's newest master that holds all of the frames; else one of these alone."""
    rules = config.masters
    build_masters(archive, journal, rigs=(row.rig,), method=rules.method, min_frames=rules.min_frames)
    numbers = {frame.id for frame in frames}
    for master in archive.catalogue.masters(rig=row.rig, spec=frames[-1].spec, valid=True):
        if numbers <= set(master.inputs):
            return master
    if len(frames) < _FEWEST_FOR_A_MASTER:
        return None
    try:
        return build_master(archive, frames, Method(rules.method))
    except CombineError as error:
        journal.say(row.rig, "refused", f"{row}: no master: {error}")
        return None
