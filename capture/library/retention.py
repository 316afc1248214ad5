"""Retention: which files a policy lets go, and letting go of them. Without a policy everything is kept.

Never: a master, a raw light, a frame that a need, a live master or a coming one may still want, a file that
waits to be delivered, or a calibrated light whose raw file or masters are not there any more.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from capture.config import RetentionConfig
from capture.errors import StoreError
from capture.frame import FrameSpec, Kind
from capture.store import fits_file
from capture.store.archive import Archive
from capture.store.deletions import Deleted
from capture.store.lights import LightRow, LightState
from capture.store.outbox import DeliveryState
from capture.store.rows import FrameRow, MasterRow

_KINDS = (Kind.BIAS, Kind.DARK, Kind.FLAT)


@dataclass(frozen=True)
class Dispensable:
    """A file that the policy lets go, by its path below the archive's root, and why."""

    rig: str
    path: str
    sha256: str
    size_bytes: int
    why: str


def dispensable(
    archive: Archive, policy: RetentionConfig, max_age_days: Mapping[Kind, float]
) -> list[Dispensable]:
    """What the policy lets go now. `max_age_days`: so long a frame may count for a need or a master.

    Raises StoreError when the catalogue fails.
    """
    catalogue, now = archive.catalogue, archive.clock.now()
    masters = _Masters(archive)
    kept = catalogue.deletions.paths() | catalogue.outbox.wanted_paths()
    found: list[Dispensable] = []
    for kind in _KINDS:
        for frame in _old_enough(archive, kind, policy, max_age_days[kind]):
            why = _why_not_needed(frame, masters, policy, now)
            found += _there(archive, frame.rig, frame.path, frame.sha256, why)
    if policy.calibrated_days is not None:
        for light in catalogue.lights.all(LightState.CALIBRATED):
            why = _why_reproducible(archive, light, now - timedelta(days=policy.calibrated_days))
            path, sha256 = light.calibrated or "", light.calibrated_sha256 or ""
            found += _there(archive, light.light.rig, path, sha256, why)
    return [one for one in found if one.path not in kept]


def _old_enough(archive: Archive, kind: Kind, policy: RetentionConfig, max_age_days: float) -> list[FrameRow]:
    """The frames of a kind that the policy may concern, oldest first: of a large archive a few."""
    now, found = archive.clock.now(), []
    if policy.superseded_days is not None:
        before = now - timedelta(days=max_age_days)
        found += archive.catalogue.deletions.candidates(kind, before, good=True)
    if policy.rejected_days is not None:
        before = now - timedelta(days=policy.rejected_days)
        found += archive.catalogue.deletions.candidates(kind, before, good=False)
    return sorted(found, key=lambda frame: (frame.taken, frame.id))


def let_go(archive: Archive, files: Iterable[Dispensable], who: str) -> int:
    """Delete these files, each recorded before it goes; return the bytes that are free now.

    What was recorded earlier and is still there, for its deleter was killed, goes with them. Raises
    StoreError when the catalogue fails or a file cannot be deleted.
    """
    now = archive.clock.now()
    by_rig: dict[str, list[Deleted]] = {}
    for one in files:
        by_rig.setdefault(one.rig, []).append(Deleted(one.path, one.sha256, now, who, one.why))
    for rig, deleted in sorted(by_rig.items()):
        archive.catalogue.deletions.record(rig, deleted)
    freed = 0
    for gone in archive.catalogue.deletions.all():
        file = archive.root / gone.path
        try:
            size_bytes = file.stat().st_size
            file.unlink()
            freed += size_bytes
        except FileNotFoundError:
            continue
        except OSError as error:
            raise StoreError(f"{file} cannot be deleted: {error.strerror}") from error
    return freed


class _Masters:
    """Which masters are live, which are superseded since when, and what each frame went into.

    Read set by set, of those that are asked for.
    """

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._live: dict[tuple[str, FrameSpec, str], MasterRow] = {}
        self._sound: dict[int, bool] = {}
        self._of_frame: dict[int, list[MasterRow]] = {}
        self._superseded: dict[int, datetime] = {}
        self._read: set[tuple[str, FrameSpec]] = set()

    def _of(self, frame: FrameRow) -> list[MasterRow]:
        rig, spec = frame.rig, frame.spec.set_key()
        if (rig, spec) not in self._read:
            self._read.add((rig, spec))
            self._read_set(rig, spec)
        return self._of_frame.get(frame.id, [])

    def _read_set(self, rig: str, spec: FrameSpec) -> None:
        catalogue = self._archive.catalogue
        valid = {row.id for row in catalogue.masters(rig=rig, spec=spec, valid=True)}
        # The newest first: what comes after a valid one of its set is superseded by it.
        for row in catalogue.masters(rig=rig, spec=spec):
            key = row.rig, row.spec, row.camera
            if key in self._live:
                self._superseded[row.id] = self._live[key].built
            if row.id in valid and key not in self._live:
                self._live[key] = row
            for frame in row.inputs:
                self._of_frame.setdefault(frame, []).append(row)

    def superseded(self, frame: FrameRow) -> datetime | None:
        """Since when every master of a frame has a live and sound successor; None while one has none."""
        mine = self._of(frame)
        if not mine or not all(row.id in self._superseded and self._has_heir(row) for row in mine):
            return None
        return max(self._superseded[row.id] for row in mine)

    def is_in_use(self, frame: FrameRow) -> bool:
        """Whether it went into a master that is live, or that nothing has taken the place of."""
        return any(row.id not in self._superseded for row in self._of(frame))

    def _has_heir(self, row: MasterRow) -> bool:
        heir = self._live[row.rig, row.spec, row.camera]
        if heir.id not in self._sound:
            try:
                found = fits_file.verify(self._archive.path_of(heir))
            except (StoreError, OSError):
                found = ""
            self._sound[heir.id] = found == heir.sha256
        return self._sound[heir.id]


def _why_not_needed(frame: FrameRow, masters: _Masters, policy: RetentionConfig, now: datetime) -> str:
    """Why a frame may go; empty when it may not."""
    if not frame.good:
        days = policy.rejected_days
        if days is None or masters.is_in_use(frame):
            return ""
        return f"rejected, and older than {days:g} days"
    since, days = masters.superseded(frame), policy.superseded_days
    if days is None or since is None or now - since < timedelta(days=days):
        return ""
    return f"its master was superseded on {since:%Y-%m-%d}, more than {days:g} days ago"


def _why_reproducible(archive: Archive, light: LightRow, before: datetime) -> str:
    """Why a light's calibrated file may go; empty when it may not."""
    sent = archive.catalogue.outbox.of_path(light.calibrated or "")
    if not sent or any(one.state is not DeliveryState.DELIVERED for one in sent):
        return ""
    arrived = max(one.delivered for one in sent if one.delivered is not None)
    masters = archive.catalogue.lights.masters_of(light.id)
    if arrived > before or not masters or not all((archive.root / path).is_file() for path in masters):
        return ""
    if not _is_same(Path(light.light.path), light.light.sha256):
        return ""
    return f"delivered on {arrived:%Y-%m-%d}; the raw light and its masters are kept"


def _is_same(file: Path, sha256: str) -> bool:
    try:
        return hashlib.sha256(file.read_bytes()).hexdigest() == sha256
    except OSError:
        return False


def _there(archive: Archive, rig: str, path: str, sha256: str, why: str) -> list[Dispensable]:
    """The file, where there is a reason to let it go and it is there."""
    if not why:
        return []
    try:
        size_bytes = (archive.root / path).stat().st_size
    except OSError:
        return []
    return [Dispensable(rig, path, sha256, size_bytes, why)]
