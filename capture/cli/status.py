"""`nightcal status`: what the catalogue holds, as data for the terminal or for JSON."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from capture.config import Config
from capture.errors import NoWindow
from capture.night.hand_runs import next_twilight
from capture.site import Site
from capture.store.archive import Archive


def status_of(settings: Config, archive: Archive, site: Site, now: datetime) -> dict[str, Any]:
    """The Sun, the next windows, and by rig every set that is held."""
    rigs = []
    for rig in settings.rig:
        sets: dict[Any, list[datetime]] = {}
        for frame in archive.catalogue.frames(rig=rig.name, good=True, valid=True):
            sets.setdefault(frame.spec.set_key(), []).append(frame.taken)
        masters = {m.spec: m for m in reversed(archive.catalogue.masters(rig=rig.name, valid=True))}
        runs = archive.catalogue.runs(rig=rig.name)
        try:
            window = next_twilight(site, now, rig)
            flats = f"{window.start:%m-%d %H:%M} to {window.end:%H:%M} UTC"
        except NoWindow as error:
            flats = str(error)
        rigs.append(
            {
                "rig": rig.name,
                "next_flats": flats,
                "last_run": f"{runs[-1].sequence}, {runs[-1].outcome or 'not ended'}" if runs else "none",
                "sets": [
                    {
                        "set": str(spec),
                        "good": len(taken),
                        "newest": max(taken).isoformat(),
                        "age": f"{(now - max(taken)).total_seconds() / 86400:.1f} d ago",
                        "master": archive.path_of(masters[spec]).name if spec in masters else "none yet",
                    }
                    for spec, taken in sorted(sets.items(), key=lambda item: str(item[0]))
                ],
            }
        )
    return {
        "site": site.name,
        "time": now.isoformat(),
        "sun_altitude_deg": site.sun_altitude_deg(now),
        "rigs": rigs,
    }
