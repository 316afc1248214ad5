"""What is sent to whom, and under which name there."""

from __future__ import annotations

import json
from collections.abc import Collection
from datetime import date
from pathlib import Path, PurePosixPath
from typing import Any

from capture.config import Config
from capture.journal import Journal
from capture.library.delivery.place import Place, place_of
from capture.store.archive import Archive
from capture.store.outbox import Parcel
from capture.store.paths import MASTERS, safe_name
from capture.store.rows import MasterRow

# Who gets the masters of all rigs; and who gets what is of somebody without a place.
PUBLIC, EVERYBODY = "public", "*"
INDEX = "index.json"


def places_of(config: Config) -> dict[str, Place]:
    """The configured places by recipient. Raises BadInput for one that cannot be used."""
    return {
        one.to: place_of(
            one.place, password_file=one.password_file, key=one.key_file, trusted=one.trusted_file
        )
        for one in config.delivery
    }


def recipient_of(owner: str | None, places: Collection[str]) -> str | None:
    """Whose place what belongs to `owner` goes to; None when nobody has one for it."""
    if owner is not None and owner in places and owner not in (PUBLIC, EVERYBODY):
        return owner
    return EVERYBODY if EVERYBODY in places else None


def name_there(recipient: str, owner: str | None, night: date, rig: str, kind: str, file: str) -> str:
    """`2026-11-21/T1/raw/m31_0001.fits`; before it the owner, in a place that several share."""
    name = "_".join(safe_name(word) for word in PurePosixPath(file).name.split("_"))
    parts = [night.isoformat(), safe_name(rig), safe_name(kind), name]
    if recipient == EVERYBODY:
        parts.insert(0, safe_name(owner) if owner else "unknown")
    return "/".join(parts)


def publish_masters(archive: Archive, journal: Journal) -> int:
    """Have every master that is valid sent to the public place, and what is valid no more set aside there.

    Its index is sent after them, so that it never names what is not there; return how many are new.
    """
    outbox, now = archive.catalogue.outbox, archive.clock.now()
    valid = {_public_name(row): row for row in archive.catalogue.masters(valid=True)}
    parcels = [Parcel(row.path, row.sha256, name) for name, row in valid.items()]
    new = outbox.queue(PUBLIC, parcels, now)
    recalled = 0
    for row in archive.catalogue.masters():
        name = _public_name(row)
        if name not in valid and outbox.recall(PUBLIC, name, now):
            recalled += 1
            why = row.withdrawn.why if row.withdrawn else "an event made it worthless"
            journal.say("post", "withdrawn", f"{name} is withdrawn from the public place: {why}", file=name)
    if new or recalled:
        outbox.make_due(PUBLIC, INDEX, now)
    return new


def index_of_masters(archive: Archive) -> str:
    """The index of the public place: every valid master, the newest of each set marked as current."""
    seen: set[tuple[str, str]] = set()
    rows = []
    for row in archive.catalogue.masters(valid=True):
        key = (row.rig, str(row.spec))
        rows.append(_told(row, current=key not in seen))
        seen.add(key)
    told = {"site": archive.site.name, "made": archive.clock.now().isoformat(), "masters": rows}
    return json.dumps(told, indent=1) + "\n"


def _told(row: MasterRow, *, current: bool) -> dict[str, Any]:
    spec = row.spec
    return {
        "file": _public_name(row),
        "sha256": row.sha256,
        "current": current,
        "rig": row.rig,
        "camera": row.camera,
        "kind": spec.kind.value,
        "exposure_s": spec.exposure_s,
        "filter": spec.filter,
        "binning": spec.binning,
        "gain": spec.gain,
        "offset": spec.offset,
        "readout_mode": spec.readout_mode,
        "set_temperature_c": spec.set_temperature_c,
        "rotator_deg": spec.rotator_deg,
        "method": row.method,
        "frames": row.count,
        "built": row.built.isoformat(),
        "figures": dict(row.figures),
    }


def _public_name(row: MasterRow) -> str:
    return f"{MASTERS}/{safe_name(row.rig)}/{PurePosixPath(row.path).name}"


def relative_source(path: Path, root: Path) -> str:
    """A file as the outbox names it: below the archive's root where it is there, else from the top."""
    resolved = path.resolve()
    try:
        return resolved.relative_to(root.resolve()).as_posix()
    except ValueError:
        return str(resolved)
