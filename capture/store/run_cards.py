"""Which run took a frame, as FITS cards and back, so that runs can be made again from files."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime

from astropy.io import fits

from capture.store.fits_file import Card
from capture.store.headers import ascii_text
from capture.store.rows import RunRow


@dataclass(frozen=True)
class TakenBy:
    """What a header tells of a run."""

    sequence: str
    night: date
    started: datetime


def run_cards(run: RunRow | None, night: date, request: int | None = None) -> list[Card]:
    """The cards; without a run, of the night alone, and of the request where it was taken for one."""
    cards: list[Card] = [("NIGHT", night.isoformat(), "evening of the night, local date")]
    if run is not None:
        started = run.started.astimezone(UTC).replace(tzinfo=None).isoformat(timespec="microseconds")
        cards.append(("SEQUENCE", ascii_text(run.sequence), "sequence that took the frame"))
        cards.append(("RUNBEG", started, "UTC start of its run"))
    if request is not None:
        cards.append(("REQUEST", request, "number of the request that it was taken for"))
    return cards


def run_of(header: fits.Header) -> TakenBy | None:
    """What `run_cards` wrote of a run; None without one, or when it makes no sense."""
    try:
        started = datetime.fromisoformat(str(header["RUNBEG"])).replace(tzinfo=UTC)
        return TakenBy(str(header["SEQUENCE"]), date.fromisoformat(str(header["NIGHT"])), started)
    except (KeyError, ValueError):
        return None


def request_of(header: fits.Header) -> int | None:
    """The number of the request that `run_cards` wrote."""
    number = header.get("REQUEST")
    return number if isinstance(number, int) and not isinstance(number, bool) else None


def night_of(header: fits.Header) -> date | None:
    """The night that `run_cards` wrote."""
    try:
        return date.fromisoformat(str(header["NIGHT"]))
    except (KeyError, ValueError):
        return None
